"""Who may ask: a page that this process opened, on this machine, with the token that it was given.

The server listens on 127.0.0.1 alone, but any page that the same browser has open can send requests there. So the
address holds a random token; the Host must be the one that was opened, which a foreign name that leads here (DNS
rebinding) is not; a request that changes something must come from the page itself, by its Origin; and no
other page may embed it.
"""

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
LARGEST_BODY = 64 << 10


class Guard:
    """Refuses requests that do not come from the page itself, and has the browser keep the page to itself.

    The token is the first part of the path of every address, and the root of `app`, which gets the requests that pass.
    `command` is the one that opened the page.
    """

    def __init__(self, app: ASGIApp, command: str, token: str, port: int) -> None:
        self.app, self.command, self.token = app, command, token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        reason = self._refusal(scope, headers)
        if reason:
            await JSONResponse({"error": reason}, status_code=403, headers=HEADERS)(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                for name, value in {**HEADERS, "cache-control": "no-store"}.items():
                    own.setdefault(name, value)
            await send(message)

        await self.app({**scope, "root_path": f"/{self.token}"}, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> str:
        """Why a request is refused, or ""."""
        host = headers.get("host", "")
        if host not in self.hosts or len(headers.getlist("host")) != 1:
            return f"this page works only at the address that {self.command} printed"
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return "this page takes no requests from other sites"
        given = scope["path"].split("/")[1] if scope["path"].count("/") > 1 else ""
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return f"this address lacks the token that {self.command} printed"
        if scope["method"] not in ("GET", "HEAD"):
            if origin is None:
                return "a change must come from the page itself"
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return "a change must be JSON"
            length = headers.get("content-length", "")
            if not length.isdecimal() or int(length) > LARGEST_BODY:
                return "this request is too large"
        return ""
