"""What is asked of a request before anything else is done with it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SameOrigin:
    """Middleware that refuses what other sites' pages make a browser send.

    Browsers name the page's site, its origin, in all requests that change something.
    """

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            refusal = JSONResponse({"error": "requests of other sites are refused"}, 403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, _with_headers(send))


def _with_headers(send):
    async def send_with_headers(message):
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return send_with_headers


def limited(request, most_bytes):
    """What receives a request's body, until it has become too long.

    Parameters
    ----------
    request : starlette.requests.Request
    most_bytes : int

    Returns
    -------
    coroutine function, () -> dict
        Raises an HTTPException, 413, beyond `most_bytes`.
    """
    received = 0

    async def receive():
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most_bytes:
            raise HTTPException(413, f"more than {most_bytes / 1e6:g} MB; send smaller files")
        return message

    return receive
