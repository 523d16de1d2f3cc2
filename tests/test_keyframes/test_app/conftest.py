"""The app without a server: requests go straight to what answers them."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from keyframes.app import App
from keyframes.app.app import Commands
from keyframes.app.server import app_routes
from keyframes.commands.app import check_batch, fields, project_options
from keyframes.review.guard import Guard
from tests.conftest import ROOT
from tests.test_keyframes.conftest import ffmpeg

TOKEN, PORT = "token", 8000
HOST = f"127.0.0.1:{PORT}"


class Asked:
    """Sends requests to an app, past no guard."""

    def __init__(self, app):
        from starlette.applications import Starlette

        self.app = app
        self.guarded = Guard(Starlette(routes=app_routes(app)), "keyframes app", TOKEN, PORT)

    def request(self, method, path, body=None, **headers):
        """Status, headers and content of the answer; `path` is that after the token, or a whole one from "//"."""
        path = path[1:] if path.startswith("//") else f"/{TOKEN}/{path}"
        path, _, query = path.partition("?")
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"host": HOST, **({} if body is None else {"content-length": str(len(data))})}
        given |= {name.lower().replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value is not None],
            "root_path": "",
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message):
            sent.append(message)

        # In a thread of its own: tests in a browser leave a loop running in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, self.guarded(scope, receive, send)).result()
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, content

    def get(self, path):
        """The JSON that is at a path."""
        status, _, content = self.request("GET", path)
        assert status == 200, content
        return json.loads(content)

    def post(self, path, wish):
        """Status and JSON of the answer to a request of the page."""
        page = {"origin": f"http://{HOST}", "content_type": "application/json"}
        status, _, content = self.request("POST", path, wish, **page)
        return status, json.loads(content)


@pytest.fixture
def asked():
    """Open an app on a folder: ``with asked(folder) as page:``."""

    @contextmanager
    def opened(folder, output=None, projects=()):
        commands = Commands(fields(), check_batch, project_options)
        with App(folder, output or folder.with_name(f"{folder.name}-keyframes"), commands, projects) as app:
            yield Asked(app)

    return opened


@pytest.fixture
def folder(tmp_path):
    """Three files with the names of recordings; nobody looks into them here."""
    place = tmp_path / "reach"
    (place / "cage1").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4", "cage1/a.mp4"):
        (place / name).write_bytes(b"no video")
    return place


@pytest.fixture
def long_one(tmp_path):
    """A recording on which a run takes a while."""
    place = tmp_path / "reach"
    place.mkdir()
    ffmpeg("-stream_loop", 7, "-i", ROOT / "sample_data" / "mouse.mp4", "-c", "copy", place / "a.mp4")
    return place
