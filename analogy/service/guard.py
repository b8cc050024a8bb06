"""What is asked of a request before anything else is done with it."""

from __future__ import annotations

import asyncio
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

    Parameters
    ----------
    app : ASGI application
    public_host : str or None
        Name by which a proxy before the service is reached: it may send requests on under another.
    """

    def __init__(self, app, public_host=None):
        self._app, self._public_host = app, public_host

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(urlsplit(origin), headers.get("host")):
            refusal = JSONResponse({"error": "requests of other sites are refused"}, 403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, _with_headers(send))

    def _is_ours(self, origin, host):
        # A name that is none is an origin's, too: "null", or nothing.
        is_public = self._public_host is not None and origin.hostname == self._public_host
        return origin.netloc == host or is_public


def _with_headers(send):
    async def send_with_headers(message):
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return send_with_headers


def limited(request, most_bytes, patience):
    """What receives a request's body, until it has become too long or stalls.

    Parameters
    ----------
    request : starlette.requests.Request
    most_bytes : int
    patience : float
        Seconds to wait for the next bytes.

    Returns
    -------
    coroutine function, () -> dict
        Raises an HTTPException, 413 beyond `most_bytes` and 408 where nothing more comes.
    """
    received = 0

    async def receive():
        nonlocal received
        try:
            message = await asyncio.wait_for(request.receive(), patience)
        except TimeoutError:
            raise HTTPException(
                408, f"nothing has arrived for {patience:g} s; send the files again"
            ) from None
        received += len(message.get("body", b""))
        if received > most_bytes:
            raise HTTPException(413, f"more than {most_bytes / 1e6:g} MB; send smaller files")
        return message

    return receive
