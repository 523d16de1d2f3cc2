"""A review or an app that runs as its user starts it, and requests to it that a browser would not send."""

import http.client
import json
import os
import subprocess
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

from tests.conftest import SCRIPTS


class Review:
    """A running ``keyframes review`` or ``keyframes app`` and its page's address."""

    def __init__(self, process, address):
        self.process, self.address = process, address
        parts = urlsplit(address)
        self.port, self.token = parts.port, parts.path.strip("/")
        self.origin = f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None, **headers):
        """Status, headers and content of the answer; `path` is that after the token, or a whole one from "//"."""
        target = path[1:] if path.startswith("//") else f"/{self.token}/{path}"
        skipped = "host" in {name.lower() for name in headers}
        data = b"" if body is None else json.dumps(body).encode() if not isinstance(body, bytes) else body
        # A review that is killed while it answers leaves the connection to us.
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.putrequest(method, target, skip_host=skipped, skip_accept_encoding=True)
            for name, value in headers.items():
                if value is not None:
                    connection.putheader(name.replace("_", "-"), value)
            if body is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            with connection.getresponse() as answer:
                content = answer.read()
        return answer.status, dict((name.lower(), value) for name, value in answer.getheaders()), content

    def get(self, path):
        """The JSON that is at a path."""
        status, _, content = self.request("GET", path)
        assert status == 200, content
        return json.loads(content)

    def post(self, path, **wish):
        """Status and JSON of the answer to a request of the page."""
        status, _, content = self.request("POST", path, wish, Origin=self.origin, Content_Type="application/json")
        return status, json.loads(content)

    def change(self, action, **wish):
        """Change the choice as it is; return the new state."""
        status, content = self.post("change", revision=self.get("state")["revision"], action=action, **wish)
        assert status == 200, content
        return content


def reviewing(folder, *options, cwd=None):
    """Start ``keyframes review`` and end it with the block, as Ctrl-C does."""
    return serving("review", folder, *options, cwd=cwd)


@contextmanager
def serving(command, folder, *options, cwd=None):
    """Start a command that opens a page and end it with the block, as Ctrl-C does; a test may kill it before."""
    process = subprocess.Popen(
        [str(SCRIPTS / "keyframes"), command, os.fspath(folder), "--no-browser", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        text=True,
        encoding="utf-8",
    )
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), process.stderr.read()
        yield Review(process, address)
        process.terminate()
        _, said = process.communicate(timeout=60)
        assert "Traceback" not in said, said
    finally:
        process.kill()
        process.communicate()
