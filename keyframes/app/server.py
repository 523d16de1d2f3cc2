"""The addresses of the app's page, and of the review pages that are a part of it."""

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from keyframes.app.app import App
from keyframes.app.previews import SIZES
from keyframes.errors import AppError, KeyframesError
from keyframes.review.server import review_routes
from keyframes.review.serving import (
    SHARED,
    answered,
    file_answer,
    page_file,
    read_body,
    read_text,
    refused,
    serve_page,
)

HERE = "keyframes.app"
# Nothing else is ever read from a path that a request names.
OF_REVIEW = (*SHARED, "parts.css", "page.js")
FILES = ("app.css", "app.js", "cards.js", "choose.js", "drawing.js", "exporting.js", "notes.js", "around.js")
# What the page of a review has around it when it is a part of the app.
AROUND = (
    '<nav class="around" id="around" aria-label="Recordings"></nav>'
    '<script src="../../../../files/around.js" defer></script>'
)


def app_routes(app: App) -> list[Route | Mount]:
    """Return what answers the requests of the page: GET tells, POST changes."""

    async def page(request: Request) -> Response:
        return Response(page_file(HERE, "app.html"), media_type="text/html")

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        return file_answer("keyframes.review" if name in OF_REVIEW else HERE, name, (*OF_REVIEW, *FILES))

    async def picture(request: Request) -> Response:
        name, size = request.path_params["name"], request.path_params["size"]
        if size not in SIZES:
            return refused(404, "there is no such size")
        try:
            data = await run_in_threadpool(app.picture, name, size)
        except KeyframesError as error:
            return refused(404, str(error))
        if not data:
            return Response(status_code=204)
        return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"})

    def telling(answer: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Any]:
        async def tell(request: Request) -> Response:
            return await answered(lambda: answer(request))

        return tell

    def changing(answer: Callable[[Request, dict[str, Any]], dict[str, Any]]) -> Callable[[Request], Any]:
        async def change(request: Request) -> Response:
            wish = await read_body(request)
            return await answered(lambda: answer(request, wish))

        return change

    def mark(request: Request, wish: dict[str, Any]) -> dict[str, Any]:
        name, reviewed = wish.get("recording"), wish.get("reviewed")
        if not isinstance(name, str) or not isinstance(reviewed, bool):
            raise AppError("a mark takes a recording, and whether it is reviewed")
        return app.mark(_round(request), name, reviewed)

    def note(request: Request, wish: dict[str, Any]) -> dict[str, Any]:
        return app.note(*(read_text(wish, name) for name in ("recording", "note", "before")))

    def review(request: Request) -> Any:
        return app.session(_round(request), request.path_params["recording"])

    of_round = [
        Route("/recordings", telling(lambda request: app.recordings(_round(request)))),
        Route("/command", changing(lambda request, wish: app.command(_round(request), wish)), methods=["POST"]),
        Route("/start", changing(lambda request, wish: app.start(_round(request), wish)), methods=["POST"]),
        Route("/stop", changing(lambda request, wish: app.stop(_round(request))), methods=["POST"]),
        Route("/mark", changing(mark), methods=["POST"]),
        Route("/around/{recording}", telling(lambda asked: app.around(_round(asked), asked.path_params["recording"]))),
        Route("/plan", changing(lambda request, wish: app.export(_round(request), wish, True)), methods=["POST"]),
        Route("/export", changing(lambda request, wish: app.export(_round(request), wish, False)), methods=["POST"]),
        Mount("/review/{recording}", routes=review_routes(review, AROUND)),
    ]
    return [
        Route("/", page),
        Route("/files/{name}", file),
        Route("/about", telling(lambda request: app.about())),
        Route("/near", telling(lambda request: app.near())),
        Route("/picture/{name}/{size}", picture),
        Route("/note", changing(note), methods=["POST"]),
        Route("/round", changing(lambda request, wish: app.begin_round()), methods=["POST"]),
        # The address of a review: round/1/review/<id>/.
        Mount("/round/{round:int}", routes=of_round),
    ]


def serve(app: App, port: int, opened: Callable[[str], None]) -> None:
    """Serve the page; the parameters are those of `serve_page`."""
    serve_page(Starlette(routes=app_routes(app)), "keyframes app", port, opened)


def _round(request: Request) -> int:
    return int(request.path_params["round"])
