"""The YAML file of a project: read whole, changed by added lines alone."""

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

from keyframes.errors import ExportError, no_folder, not_there
from keyframes.names import shown

ENDINGS = (".yaml", ".yml")

# What YAML takes for text without quotes, on one line.
PLAIN = re.compile(r"(?!(?i:true|false|yes|no|on|off|null|y|n)$)[^\W\d_][\w/.+-]*|/[\w/.+ -]*[\w/.+-]")

# An empty mapping behind its key, which may have an anchor or a tag, and not in a comment.
NOTHING = re.compile(r"^([^#]*?:(?:\s+[&!]\S+)*)\s+(?:\{\s*\}|~|null|Null|NULL)(?=\s|$)")


@dataclass(frozen=True)
class ProjectFile:
    """A YAML file as it is on disk, and what it says."""

    path: Path
    content: bytes
    data: dict[str, Any]

    def with_entries(self, key: str, entries: dict[str, dict[str, str]]) -> bytes:
        """Return the content with entries added at the end of the mapping at `key`; no other line changes.

        An ExportError says that this cannot be done to this file.
        """
        text = self.content.decode("utf-8")
        end_of_line = "\r\n" if "\r\n" in text else "\n"
        lines = text.splitlines(keepends=True)
        place, indent = _end_of_mapping(text, key)
        if not self.data[key]:
            lines[place - 1] = NOTHING.sub(r"\1", lines[place - 1], count=1)
        if lines and not lines[place - 1].endswith("\n"):
            lines[place - 1] += end_of_line
        added = []
        for name, values in entries.items():
            added.append(f"{' ' * indent}{quoted(name)}:{end_of_line}")
            added += [f"{' ' * (indent + 2)}{quoted(k)}: {v}{end_of_line}" for k, v in values.items()]
        lines[place:place] = added
        changed = "".join(lines)
        expected = {**self.data, key: {**(self.data[key] or {}), **entries}}
        with suppress(ExportError):
            if load_yaml(self.path, changed) == expected:
                return changed.encode("utf-8")
        raise ExportError(
            f"{self.path}: the entries of {key} are written in an unusual way; add the video there by hand"
        )


def quoted(text: str) -> str:
    """Write a text as YAML takes it for one, whatever bytes a name in it has."""
    text = shown(text)
    return text if PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def listed(key: str, values: Sequence[str]) -> str:
    """Write a list of texts."""
    return f"{key}:" + ("".join(f"\n- {quoted(value)}" for value in values) or " []")


def pairs_listed(key: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Write a list of pairs of texts."""
    return f"{key}:" + ("".join(f"\n- - {quoted(one)}\n  - {quoted(other)}" for one, other in pairs) or " []")


def read_project_file(path: Path, needed: tuple[str, ...]) -> ProjectFile:
    """Read a YAML file that must be a mapping with some keys, or raise an ExportError."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except FileNotFoundError:
        in_folder = path.suffix.lower() in ENDINGS
        raise no_project(path.parent if in_folder else path, path.name) from None
    except OSError as error:
        raise ExportError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    except UnicodeDecodeError:
        raise ExportError(f"{path}: is not UTF-8 text; save it as such, or restore it from a copy") from None
    data = load_yaml(path, text)
    if data is None and text.strip() and not needed:
        # Comments alone; an empty file is one that was lost.
        data = {}
    missing = [key for key in needed if not isinstance(data, dict) or key not in data]
    if not isinstance(data, dict) and not missing:
        raise ExportError(f"{path}: is not a mapping of settings; restore it from a copy")
    if missing:
        raise ExportError(f"{path}: has no {', '.join(missing)}; is it the project's own file?")
    return ProjectFile(path, content, data)


def no_project(place: Path, file: str, also: str = "") -> ExportError:
    """Return the error that no project is at a place, because it lacks a file: an existing folder becomes none."""
    if os.path.isdir(place):
        lacks = not_there(place / file, f"it has no {file}{also}")
        return ExportError(
            f"{place}: is not a project ({lacks}); give the folder of one, or for a new project a folder that does not "
            "exist yet"
        )
    return ExportError(
        f"{place}: {no_folder(place)}; give the folder of a project with --project, and --bodyparts too for a new one"
    )


class _Constructor(SafeConstructor):
    """Of plain types; DeepLabCut has written tuples by PyYAML's name for them."""


_Constructor.add_constructor("tag:yaml.org,2002:python/tuple", SafeConstructor.construct_yaml_seq)


def load_yaml(path: Path, text: str) -> Any:
    """Read YAML of plain types, or raise an ExportError that says in which line it breaks."""
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _Constructor
        return yaml.load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        # The second of these for a date that is none, the third for what is nested too deep.
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        reason = getattr(error, "problem", None) or "it cannot be parsed"
        raise ExportError(
            f"{path}: is not valid YAML{where} ({reason}); correct it, or restore it from a copy"
        ) from None


def _end_of_mapping(text: str, key: str) -> tuple[int, int]:
    """Find the number of lines up to the last one of a block mapping's entries, and the column of these."""
    root = YAML(typ="safe", pure=True).compose(text)
    name, value = next(pair for pair in root.value if pair[0].value == key)
    if not isinstance(value.value, list) or not value.value:
        return name.start_mark.line + 1, 2
    last = value
    while isinstance(last.value, list) and last.value:
        last = last.value[-1][1] if isinstance(last.value[-1], tuple) else last.value[-1]
    # A block scalar ends where the next line begins.
    return last.end_mark.line + (last.end_mark.column > 0), value.start_mark.column
