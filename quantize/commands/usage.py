"""Which options go together: an option that could change a result is never ignored but refused."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quantize.commands.printing import STANDARD
from quantize.datatypes import Settings
from quantize.errors import SettingsError

# What each task takes besides the options of all tasks; to encode takes all others but --level.
OF_ALL_TASKS = frozenset(("max_pixels", "force", "quiet", "as_json"))
OF_TASK = {
    "--decode": {"out", "codebook", "level", "strip", "suffix"},
    "--info": set[str](),
    "--web": set[str](),
    "--train-codebook": {"profile", "quality", "block", "codewords", "subsampling", "algorithm", "seed"},
}
# What no file name may hold on some system.
UNSAFE = '/\\:*?"<>|'
# The setting with which an error about it begins, before its value if that is told.
_SETTING = re.compile(r"^(\w+)[= ]")


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Return the settings; an error about one names its option: ``--bpp 0.0``, where Python has ``bpp=0.0``."""

    def option(found: re.Match[str]) -> str:
        return f"{option_of(found[1])} " if found[1] in given else found[0]

    try:
        return Settings(**given)
    except SettingsError as error:
        raise SettingsError(_SETTING.sub(option, str(error))) from None


def option_of(parameter: str, value: Any = None) -> str:
    """Return the option that gives a parameter of the command, or that gives it a value: a switch may have two."""
    return "-o" if parameter == "out" else f"--{'no-' * (value is False)}{parameter.replace('_', '-')}"


def check_usage(given: Mapping[str, Any]) -> None:
    """Raise a SettingsError where parameters of the command, those that the user gave, do not go together."""
    inputs: list[Path] = given.get("inputs", [])
    tasks = [task for task in ("--decode", "--info", "--web", "images") if _parameter_of(task) in given]
    if len(tasks) != 1:
        if "train_codebook" in given and not tasks:
            raise SettingsError("--train-codebook needs images to train on")
        got = " and ".join(tasks) or "none"
        raise SettingsError(f"give one of images, --decode, --info or --web; got {got}")
    task = "--train-codebook" if inputs and "train_codebook" in given else tasks[0]
    if task == "images" and "level" in given:
        raise SettingsError("--level is for --decode; leave it out")
    if task != "images":
        taken = OF_ALL_TASKS | OF_TASK[task] | {_parameter_of(task), "inputs"}
        unused = [parameter for parameter in given if parameter not in taken]
        if unused:
            option = option_of(unused[0], given[unused[0]])
            raise SettingsError(f"{option} cannot be combined with {task}; leave one of them out")
    if task == "--train-codebook" and STANDARD in inputs:
        raise SettingsError("--train-codebook takes files and folders, not standard input")
    if STANDARD in inputs and "out" in given and is_folder(given["out"]):
        raise SettingsError(f"-o {given['out']} is a folder; name a file for the image on standard input")
    _check_standard_output(given)
    _check_suffix(given)


def _parameter_of(task: str) -> str:
    return "inputs" if task == "images" else task.removeprefix("--").replace("-", "_")


def is_folder(out: str) -> bool:
    """Whether -o names a folder, which may not be there yet."""
    return out.endswith(tuple(filter(None, ("/", os.sep, os.altsep)))) or os.path.isdir(out)


def _check_suffix(given: Mapping[str, Any]) -> None:
    """Raise a SettingsError where the suffix cannot be part of a file name, or -o names the only result."""
    if "suffix" not in given:
        return
    suffix = given["suffix"]
    if not (suffix.isprintable() and set(suffix).isdisjoint(UNSAFE)):
        raise SettingsError(
            f"--suffix is {suffix!r}; it becomes part of a file name, so leave out {UNSAFE} and control characters"
        )
    inputs = [given["decode"]] if "decode" in given else given["inputs"]
    is_one = len(inputs) == 1 and not os.path.isdir(inputs[0])
    if is_one and "out" in given and not is_folder(given["out"]):
        raise SettingsError("--suffix is not added to a name given with -o; leave it out, or name a folder with -o")


def _check_standard_output(given: Mapping[str, Any]) -> None:
    """Raise a SettingsError where a result goes to standard output, with what cannot go there or beside it."""
    piped = STANDARD in (*given.get("inputs", []), given.get("decode"))
    if not (Path(given["out"]) == STANDARD if "out" in given else piped):
        return
    if "report" in given:
        raise SettingsError("--report is written beside the result; name a file with -o")
    if "as_json" in given:
        raise SettingsError("--json and the result cannot both go to standard output; name a file with -o")
    if "suffix" in given:
        raise SettingsError("--suffix is added to the name of a file, and standard output has none; leave it out")
