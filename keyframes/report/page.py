"""HTML from the templates in ``assets/``, everything from outside escaped."""

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from keyframes.names import shown


@cache
def asset(name: str) -> str:
    """Return the text of a file that comes with the package."""
    return (files("keyframes.report") / "assets" / name).read_text(encoding="utf-8")


def fill(template: str, **parts: str) -> str:
    """Fill a template; every part is HTML already."""
    return Template(asset(template)).substitute(parts)


def text(value: object) -> str:
    """Return a value as HTML that shows it, within a tag or between two."""
    return escape(shown(value), quote=True)


def facts(pairs: list[tuple[str, str]]) -> str:
    """Return names and values, plain text, as a list of definitions."""
    return "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in pairs)


def warning_list(title: str, items: Iterable[str]) -> str:
    """Return a section of warnings, which are HTML already; nothing where there are none."""
    shown = "".join(f"<li>{item}</li>" for item in items)
    return f'<section class="warnings" aria-label="{title}"><h2>{title}</h2><ul>{shown}</ul></section>' if shown else ""


def data_url(jpeg: bytes) -> str:
    """Return a JPEG file as an address that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def as_script(data: Any) -> str:
    """Return JSON that may stand within a script element, whatever its strings hold."""
    plain = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def policy(script: str = "") -> str:
    """Return a content security policy: nothing from anywhere, pictures that the page holds, and this script."""
    allowed = f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" if script else "'none'"
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )
