"""The addresses of the review page."""

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keyframes.errors import KeyframesError
from keyframes.review.serving import (
    SHARED,
    answered,
    file_answer,
    page_file,
    read_body,
    read_index,
    read_number,
    read_text,
    refused,
    serve_page,
)
from keyframes.review.session import Session

HERE = "keyframes.review"
# Nothing else is ever read from a path that a request names.
SCRIPTS = ("page.js", "pictures.js", "gallery.js", "noting.js", "export.js", "review.js")
FILES = (*SHARED, "parts.css", "review.css", *SCRIPTS)


def serve(session: Session, port: int, opened: Callable[[str], None]) -> None:
    """Serve the page of a review; the parameters are those of `serve_page`."""
    serve_page(Starlette(routes=review_routes(lambda request: session)), "keyframes review", port, opened)


def review_routes(session_of: Callable[[Request], Session], around: str = "") -> list[Route]:
    """Return what answers the requests of a review page: GET tells, POST changes.

    `session_of` finds the session that a request is for, or raises a KeyframesError; `around` is HTML for a page that
    is a part of another one.
    """

    async def page(request: Request) -> Response:
        return Response(page_file(HERE, "review.html").replace("<!-- around -->", around), media_type="text/html")

    async def file(request: Request) -> Response:
        return file_answer(HERE, request.path_params["name"], FILES)

    async def state(request: Request) -> Response:
        return await answered(lambda: session_of(request).state())

    async def revision(request: Request) -> Response:
        return await answered(lambda: session_of(request).revision())

    async def overview(request: Request) -> Response:
        return await answered(lambda: session_of(request).overview())

    async def candidates(request: Request) -> Response:
        return await answered(
            lambda: session_of(request).candidates(
                read_number(request, "frame", int),
                max(0, read_number(request, "start", int, 0)),
                read_number(request, "apart", float, 0.0),
            )
        )

    async def frame(request: Request) -> Response:
        def look() -> dict[str, Any]:
            session = session_of(request)
            if "time" in request.query_params:
                return session.near(read_number(request, "time", float))
            return session.look_at(read_number(request, "frame", int), read_number(request, "step", int, 0))

        return await answered(look)

    async def picture(request: Request) -> Response:
        index, size = request.path_params["frame"], request.query_params.get("size", "small")
        try:
            data = await run_in_threadpool(lambda: session_of(request).picture(index, size))
        except KeyframesError as error:
            return refused(404, str(error))
        # A frame of a video is always the same.
        return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    async def change(request: Request) -> Response:
        wish = await read_body(request)
        return await answered(
            lambda: session_of(request).change(
                read_text(wish, "revision"),
                read_text(wish, "action"),
                read_index(wish, "frame"),
                read_index(wish, "by"),
                read_text(wish, "note"),
            )
        )

    async def export(request: Request) -> Response:
        wish = await read_body(request)

        def run() -> dict[str, Any]:
            bodyparts = tuple(part.strip() for part in read_text(wish, "bodyparts").split(",") if part.strip())
            done = session_of(request).export(
                read_text(wish, "tool"),  # type: ignore[arg-type]  # the exporters refuse what is no tool
                read_text(wish, "task"),
                read_text(wish, "scorer"),
                bodyparts,
            )
            return {"tool": done.tool, "place": str(done.place), "frames": done.n_frames, "notes": list(done.notes)}

        return await answered(run)

    return [
        Route("/", page),
        Route("/files/{name}", file),
        Route("/state", state),
        Route("/revision", revision),
        Route("/overview", overview),
        Route("/candidates", candidates),
        Route("/frame", frame),
        Route("/picture/{frame:int}", picture),
        Route("/change", change, methods=["POST"]),
        Route("/export", export, methods=["POST"]),
    ]
