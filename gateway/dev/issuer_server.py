"""The development issuer on a socket: loopback only, whoever asks.

Rule: it hands a token to everyone who can reach it, so nobody from outside may reach it.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

from aiohttp import web

from auth.dev_issuer.issuer import DevIssuer
from auth.dev_issuer.messages import IssuerRequest, read_parameters
from gateway.dev.errors import DevFailed

MAX_BODY_BYTES = 64 * 1024
FORM = "application/x-www-form-urlencoded"


def loopback_socket(host: str, port: int) -> socket.socket:
    """A listening socket. Raises DevFailed where others than this machine could reach it."""
    if not ip_address(host).is_loopback:
        raise DevFailed(f"the development issuer listens on loopback only, not on {host}")
    return socket.create_server((host, port))


@asynccontextmanager
async def serving_issuer(issuer: DevIssuer, listener: socket.socket) -> AsyncIterator[None]:
    """Answer for `issuer` on `listener` until the block ends; the socket is closed then."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", _handler(issuer))
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
        listener.close()


def _handler(issuer: DevIssuer) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            asked = await _read(request)
        except ValueError:
            return web.json_response({"error": "invalid_request"}, status=400)
        answer = await issuer.handle(asked)
        response = web.Response(status=answer.status, body=answer.body)
        for name, value in answer.headers:
            if name.lower() == "content-type":
                response.headers[name] = value
            else:
                response.headers.add(name, value)
        return response

    return handle


async def _read(request: web.Request) -> IssuerRequest:
    body = await request.read()
    is_form = request.content_type == FORM
    return IssuerRequest(
        method=request.method,
        path=request.path,
        query=read_parameters(request.query_string),
        headers={name.lower(): value for name, value in request.headers.items()},
        form=read_parameters(body.decode()) if is_form else (),
        body=body,
    )
