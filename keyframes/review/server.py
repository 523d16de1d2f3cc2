"""The addresses of the review page, and the server that answers them on this machine alone."""

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
from starlette.routing import Route

from keyframes.errors import KeyframesError, ReviewError, SettingsError, StaleError
from keyframes.names import shown, shown_in
from keyframes.report.page import asset
from keyframes.review.guard import Guard
from keyframes.review.session import Session

ADDRESS = "127.0.0.1"
# Nothing else is ever read from a path that a request names.
SHARED = ("common.css", "views.js")
FILES = (*SHARED, "review.css", "page.js", "export.js", "review.js")
Number = TypeVar("Number", int, float)


@cache
def _file(name: str) -> str:
    if name in SHARED:
        return asset(name)
    return (files("keyframes.review") / "assets" / name).read_text(encoding="utf-8")


def make_app(session: Session) -> Starlette:
    """Return what answers requests that may be answered: GET tells, POST changes."""

    async def page(request: Request) -> Response:
        return Response(_file("review.html"), media_type="text/html")

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            return _refused(404, "there is no such file")
        return Response(_file(name), media_type="text/css" if name.endswith(".css") else "text/javascript")

    async def state(request: Request) -> Response:
        return await _answered(session.state)

    async def overview(request: Request) -> Response:
        return await _answered(session.overview)

    async def candidates(request: Request) -> Response:
        return await _answered(
            lambda: session.candidates(
                _number(request, "frame", int),
                max(0, _number(request, "start", int, 0)),
                _number(request, "apart", float, 0.0),
            )
        )

    async def frame(request: Request) -> Response:
        if "time" in request.query_params:
            return await _answered(lambda: session.near(_number(request, "time", float)))
        return await _answered(
            lambda: session.look_at(_number(request, "frame", int), _number(request, "step", int, 0))
        )

    async def picture(request: Request) -> Response:
        index, size = request.path_params["frame"], request.query_params.get("size", "small")
        try:
            data = await run_in_threadpool(session.picture, index, size)
        except KeyframesError as error:
            return _refused(404, str(error))
        # A frame of a video is always the same.
        return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    async def change(request: Request) -> Response:
        wish = await _body(request)
        return await _answered(
            lambda: session.change(
                _text(wish, "revision"),
                _text(wish, "action"),
                _index(wish, "frame"),
                _index(wish, "by"),
                _text(wish, "note"),
            )
        )

    async def export(request: Request) -> Response:
        wish = await _body(request)

        def run() -> dict[str, Any]:
            bodyparts = tuple(part.strip() for part in _text(wish, "bodyparts").split(",") if part.strip())
            done = session.export(
                _text(wish, "tool"),  # type: ignore[arg-type]  # the exporters refuse what is no tool
                _text(wish, "task"),
                _text(wish, "scorer"),
                bodyparts,
            )
            return {"tool": done.tool, "place": str(done.place), "frames": done.n_frames, "notes": list(done.notes)}

        return await _answered(run)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/files/{name}", file),
            Route("/state", state),
            Route("/overview", overview),
            Route("/candidates", candidates),
            Route("/frame", frame),
            Route("/picture/{frame:int}", picture),
            Route("/change", change, methods=["POST"]),
            Route("/export", export, methods=["POST"]),
        ]
    )


def serve(session: Session, port: int, opened: Callable[[str], None]) -> None:
    """Serve the page of a review on a port, 0 for a free one, until the process is interrupted.

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
            Guard(make_app(session), token, port),
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


async def _answered(answer: Callable[[], dict[str, Any]]) -> Response:
    """Return what a session says as JSON, or why it does not."""
    try:
        return JSONResponse(shown_in(await run_in_threadpool(answer)))
    except StaleError as error:
        return _refused(409, str(error))
    except (SettingsError, ReviewError) as error:
        return _refused(400, str(error))
    except KeyframesError as error:
        return _refused(422, str(error))


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"error": shown(reason)}, status_code=status)


async def _body(request: Request) -> dict[str, Any]:
    try:
        wish = await request.json()
    except ValueError:
        wish = None
    return wish if isinstance(wish, dict) else {}


def _text(wish: dict[str, Any], name: str) -> str:
    value = wish.get(name, "")
    if not isinstance(value, str):
        raise ReviewError(f"{name} is {value!r}; it must be text")
    return value


def _index(wish: dict[str, Any], name: str) -> int | None:
    value = wish.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ReviewError(f"{name} is {value!r}; it must be the index of a frame")
    return value


def _number(request: Request, name: str, kind: type[Number], default: Number | None = None) -> Number:
    given = request.query_params.get(name, "")
    try:
        return kind(given) if given or default is None else default
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ReviewError(f"{name} is {given!r}; it must be {what}") from None
