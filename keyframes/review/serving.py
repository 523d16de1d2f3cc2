"""Serving pages to this machine alone: the server, its answers, and how requests are read."""

import secrets
import socket
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keyframes.errors import KeyframesError, ReviewError, SettingsError, StaleError
from keyframes.names import shown, shown_in
from keyframes.report.page import asset
from keyframes.review.guard import Guard

ADDRESS = "127.0.0.1"
# Files that the report has too.
SHARED = ("common.css", "views.js")
Number = TypeVar("Number", int, float)


@cache
def page_file(package: str, name: str) -> str:
    """Return the text of a file of a package's pages."""
    if name in SHARED:
        return asset(name)
    return (files(package) / "assets" / name).read_text(encoding="utf-8")


def file_answer(package: str, name: str, allowed: tuple[str, ...]) -> Response:
    """Answer a request for one of the files that a page may ask for; no other name is ever read."""
    if name not in allowed:
        return refused(404, "there is no such file")
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    return Response(page_file(package, name), media_type=kind)


def serve_page(app: Starlette, command: str, port: int, opened: Callable[[str], None]) -> None:
    """Serve a page that a command opens on a port, 0 for a free one, until the process is interrupted.

    `opened` gets the address when the server is about to answer. A ReviewError says that the port is taken.
    """
    try:
        listening = socket.create_server((ADDRESS, port))
    except OSError as error:
        raise ReviewError(f"port {port} cannot be opened ({error.strerror}); choose another one with --port") from None
    with listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        config = uvicorn.Config(
            Guard(app, command, token, port),
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        # Uvicorn does so itself once it runs; a signal that comes before would leave it half started.
        with server.capture_signals():
            opened(f"http://{ADDRESS}:{port}/{token}/")
            server.run(sockets=[listening])


async def answered(answer: Callable[[], dict[str, Any]]) -> Response:
    """Return what a session says as JSON, or why it does not."""
    try:
        return JSONResponse(shown_in(await run_in_threadpool(answer)))
    except StaleError as error:
        return refused(409, str(error))
    except (SettingsError, ReviewError) as error:
        return refused(400, str(error))
    except KeyframesError as error:
        return refused(422, str(error))


def refused(status: int, reason: str) -> Response:
    """Say why a request is not answered."""
    return JSONResponse({"error": shown(reason)}, status_code=status)


async def read_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; an empty one where it has none."""
    try:
        wish = await request.json()
    except (ValueError, RecursionError):
        wish = None
    return wish if isinstance(wish, dict) else {}


def read_text(wish: dict[str, Any], name: str) -> str:
    """Return a text of a request's body, or raise a ReviewError."""
    value = wish.get(name, "")
    if not isinstance(value, str):
        raise ReviewError(f"{name} is {value!r}; it must be text")
    return value


def read_index(wish: dict[str, Any], name: str) -> int | None:
    """Return a whole number of a request's body, or raise a ReviewError."""
    value = wish.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ReviewError(f"{name} is {value!r}; it must be a whole number")
    return value


def read_number(request: Request, name: str, kind: type[Number], default: Number | None = None) -> Number:
    """Return a number of a request's address, or raise a ReviewError."""
    given = request.query_params.get(name, "")
    try:
        return kind(given) if given or default is None else default
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ReviewError(f"{name} is {given!r}; it must be {what}") from None
