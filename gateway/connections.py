"""Connections of clients: how many there may be, and how long their headers may take.

aiohttp has no deadline for a request's headers, so slow senders are ours to end. One sweep a
second over the connections that are in the middle of a header block costs nothing per request.

Rules:
 1. At most `limits.connections` are open; at most half of them may lack complete headers, and the
    oldest of those make room first.
 2. One source has at most `limits.connections_per_source` connections on which nothing was
    authenticated yet.
 3. A connection whose headers are incomplete for `limits.headers_s` is closed.
 4. Framing that is not grammatical HTTP gets one typed 400 and the connection is closed.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from gateway.client_address import Network, is_within
from gateway.config.limits import Limits

SWEEP_INTERVAL_S = 1.0
KEEPALIVE_S = 75.0

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def open_at_most(limits: Limits) -> int:
    """Never more than half of the file descriptors: each call needs one towards a backend."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(limits.connections, max(soft // 2, 16))


class Connection(web.RequestHandler):
    """One client connection: aiohttp's protocol with a header deadline and a lost-hook."""

    __slots__ = ("_table", "headers_since", "is_authenticated", "on_lost", "source")

    def __init__(
        self, server: "ConnectionTable", *, loop: asyncio.AbstractEventLoop, **options: object
    ) -> None:
        super().__init__(server, loop=loop, **options)  # type: ignore[arg-type] # aiohttp's own
        self._table = server
        self.headers_since: float | None = None
        """When the header block that is being received began; None between blocks."""
        self.is_authenticated = False
        self.on_lost: Callable[[], object] | None = None
        """Called once when the client goes away; a handler sets and clears it."""
        self.source = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection in, or turn it away at once."""
        peer = transport.get_extra_info("peername")
        self.source = str(peer[0]) if isinstance(peer, tuple) else "local"
        self.headers_since = self._loop.time()
        if not self._table.admits(self):
            transport.abort()  # type: ignore[attr-defined] # every stream transport has it
            return
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it out and tell whoever serves it."""
        self._table.forget(self)
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        """Note whether these bytes leave a header block unfinished."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self.headers_since = None
        elif self.headers_since is None and self._waiter is not None:
            self.headers_since = self._loop.time()

    def authenticated(self) -> None:
        """Note that somebody proved who they are on it."""
        self._table.authenticated(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer bytes that are no HTTP request. Nothing of the parser's text is repeated."""
        del request, message
        if status != 400:  # noqa: PLR2004 - aiohttp's code for its parser's errors
            self._table.on_bug(exc)
        reason = "bad_request" if status == 400 else "internal_error"  # noqa: PLR2004 - likewise
        too_large = isinstance(exc, LineTooLong)
        response = web.Response(
            status=431 if too_large else status,
            body=b'{"error":"%s"}' % reason.encode(),
            content_type="application/json",
        )
        response.force_close()
        self._table.on_refused(reason)
        return response


class ConnectionTable(web.Server):
    """All connections of one listener, and the server that makes them."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        *,
        trusted_proxies: Sequence[Network] = (),
        on_refused: Callable[[str], object],
        on_bug: Callable[[BaseException | None], object],
    ) -> None:
        super().__init__(handler, handler_cancellation=False)
        self._limits = limits
        self._trusted_proxies = trusted_proxies
        self._open_at_most = open_at_most(limits)
        self._unauthenticated: Counter[str] = Counter()
        self._open: dict[Connection, None] = {}
        self.on_refused = on_refused
        self.on_bug = on_bug

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of a new connection (asyncio calls this)."""
        return Connection(
            self,
            loop=self._loop,
            keepalive_timeout=KEEPALIVE_S,
            access_log=None,
            auto_decompress=False,
            max_line_size=self._limits.header_bytes,
            max_field_size=self._limits.header_bytes,
            max_headers=self._limits.header_count,
            lingering_time=2.0,
        )

    def __len__(self) -> int:
        return len(self._open)

    def admits(self, connection: Connection) -> bool:
        """Take the connection in if its source and the table have room for it."""
        if self._is_crowded(connection.source):
            self.on_refused("connections_per_source")
            return False
        if len(self._open) >= self._open_at_most:
            self.on_refused("connections")
            return False
        self._open[connection] = None
        self._unauthenticated[connection.source] += 1
        self._make_room()
        return True

    def authenticated(self, connection: Connection) -> None:
        """Something was authenticated on it: it no longer counts against its source."""
        if not connection.is_authenticated:
            connection.is_authenticated = True
            self._discount(connection.source)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        if connection not in self._open:
            return
        del self._open[connection]
        if not connection.is_authenticated:
            self._discount(connection.source)

    async def sweep(self) -> None:
        """Close, each second and for ever, the connections whose headers take too long."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            deadline = self._loop.time() - self._limits.headers_s
            for connection in [c for c in self._open if _is_before(c.headers_since, deadline)]:
                self.on_refused("header_timeout")
                connection.force_close()

    def _is_crowded(self, source: str) -> bool:
        # All clients behind a trusted proxy come from its address, so that it has no such limit.
        if self._unauthenticated[source] < self._limits.connections_per_source:
            return False
        return not is_within(source, self._trusted_proxies)

    def _discount(self, source: str) -> None:
        self._unauthenticated[source] -= 1
        if self._unauthenticated[source] <= 0:
            del self._unauthenticated[source]

    def _make_room(self) -> None:
        if len(self._open) <= self._open_at_most // 2:
            return
        incomplete = [c for c in self._open if c.headers_since is not None]
        for connection in incomplete[: max(0, len(incomplete) - self._open_at_most // 2)]:
            self.on_refused("headers_incomplete")
            connection.force_close()


def _is_before(moment: float | None, deadline: float) -> bool:
    return moment is not None and moment < deadline
