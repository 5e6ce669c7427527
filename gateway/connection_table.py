"""All connections of a listener: how many there may be, how slow they may be, how they are let go.

aiohttp has no deadline for headers and none for a client that does not read, so both are ours. One
sweep a second looks at those connections only that are in the middle of headers, or that have not
taken what they were sent; others cost nothing.

Rules:
 1. At most `limits.connections` are open; at most half of them may lack complete headers, and the
    oldest of those make room first.
 2. One source has at most `limits.connections_per_source` connections on which nothing was
    authenticated yet. All clients behind a trusted proxy share its address: it has no such limit.
 3. A connection whose headers are incomplete for `limits.headers_s` is closed, and so is one that
    takes nothing of what it was sent for `limits.write_stall_s`.
"""

import asyncio
import math
import resource
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from aiohttp import web

from gateway.client_address import Network, is_within, source_group
from gateway.config.limits import Limits
from gateway.connections import ClientRequest, Connection

SWEEP_INTERVAL_S = 1.0
KEEPALIVE_S = 75.0
LINGERING_S = 2.0
FAREWELL_S = 1.0

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def open_at_most(limits: Limits) -> int:
    """Never more than half of the file descriptors: each call needs one towards a backend."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(limits.connections, max(soft // 2, 16))


class ConnectionTable(web.Server):
    """All connections of one listener, and the server that makes them."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        *,
        trusted_proxies: Sequence[Network] = (),
        on_refused: Callable[[str, str], object],
        on_bug: Callable[[BaseException | None], object],
    ) -> None:
        """`on_refused` gets a reason and the peer's address."""
        super().__init__(handler, request_factory=self._request, handler_cancellation=False)
        self.headers_s = limits.headers_s
        self._limits = limits
        self._trusted_proxies = trusted_proxies
        self._open_at_most = open_at_most(limits)
        self._unauthenticated: Counter[str] = Counter()
        self._open: dict[Connection, None] = {}
        self._incomplete: dict[Connection, None] = {}
        """Those in the middle of headers, oldest first."""
        self._unsent: dict[Connection, tuple[int, float]] = {}
        """Those that are slow to read: how much was unsent, and since when it has not shrunk."""
        self._emptied = asyncio.Event()
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
            lingering_time=LINGERING_S,
        )

    def __len__(self) -> int:
        return len(self._open)

    def admits(self, connection: Connection) -> bool:
        """Take the connection in if its source and the table have room for it."""
        connection.source = source_group(connection.peer)
        if self._is_crowded(connection):
            self.on_refused("connections_per_source", connection.peer)
            return False
        if len(self._open) >= self._open_at_most:
            self.on_refused("connections", connection.peer)
            return False
        self._open[connection] = None
        self._unauthenticated[connection.source] += 1
        self._incomplete[connection] = None
        self._make_room()
        return True

    def headers_begun(self, connection: Connection) -> None:
        """Another header block began on it."""
        self._incomplete[connection] = None
        self._make_room()

    def headers_complete(self, connection: Connection) -> None:
        """The header block that was being received is complete."""
        self._incomplete.pop(connection, None)

    def watch_unsent(self, connection: Connection) -> None:
        """It has not taken what it was sent: give it until the stall limit to take some."""
        self._unsent.setdefault(connection, (connection.unsent_bytes, self._loop.time()))

    def authenticated(self, connection: Connection) -> None:
        """Something was authenticated on it: it no longer counts against its source."""
        if not connection.is_authenticated and connection in self._open:
            connection.is_authenticated = True
            self._discount(connection.source)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self._incomplete.pop(connection, None)
        self._unsent.pop(connection, None)
        if connection not in self._open:
            return
        del self._open[connection]
        if not connection.is_authenticated:
            self._discount(connection.source)
        if not self._open:
            self._emptied.set()

    async def sweep(self) -> None:
        """Close, each second and for ever, the connections that take too long."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = self._loop.time()
            self._cut_slow_headers(now - self._limits.headers_s)
            self._cut_slow_readers(now)

    def let_go(self) -> None:
        """Close what is idle. Whoever answers on the others has to close them with the answer."""
        for connection in tuple(self._open):
            if not connection.is_serving and connection not in self._incomplete:
                connection.force_close()

    async def emptied(self) -> None:
        """Wait until no connection is open; those without complete headers do not hold it up."""
        if not self._open:
            return
        self._emptied.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self._emptied.wait()
        self._cut_slow_headers(math.inf)
        await self._emptied.wait()

    async def interrupt(self) -> None:
        """Cancel what still runs and give it a moment to tell its client."""
        for connection in tuple(self._open):
            connection.interrupt()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self.emptied()

    async def close(self) -> None:
        """Cut whatever is still open."""
        for connection in tuple(self._open):
            connection.interrupt()
            connection.cut()
        # Their handlers end within a few turns of the loop; asyncio.run waits for any that do not.
        await asyncio.sleep(0)

    def _request(self, *parts: object) -> web.BaseRequest:
        return ClientRequest(*parts, self._loop)  # type: ignore[arg-type, call-arg] # as aiohttp gives

    def _cut_slow_headers(self, deadline: float) -> None:
        for connection in tuple(self._incomplete):
            since = connection.headers_since
            if since is not None and since < deadline and not connection.is_serving:
                self.on_refused("header_timeout", connection.peer)
                self._cut(connection)

    def _cut_slow_readers(self, now: float) -> None:
        for connection, (before, since) in tuple(self._unsent.items()):
            unsent = connection.unsent_bytes
            if not unsent:
                del self._unsent[connection]
            elif unsent < before:
                self._unsent[connection] = (unsent, now)
            elif now - since >= self._limits.write_stall_s:
                self.on_refused("write_stall", connection.peer)
                self._cut(connection)

    def _cut(self, connection: Connection) -> None:
        self._incomplete.pop(connection, None)
        self._unsent.pop(connection, None)
        connection.cut()

    def _is_crowded(self, connection: Connection) -> bool:
        if self._unauthenticated[connection.source] < self._limits.connections_per_source:
            return False
        return not is_within(connection.peer, self._trusted_proxies)

    def _discount(self, source: str) -> None:
        self._unauthenticated[source] -= 1
        if self._unauthenticated[source] <= 0:
            del self._unauthenticated[source]

    def _make_room(self) -> None:
        if len(self._incomplete) <= self._open_at_most // 2:
            return
        oldest = next(iter(self._incomplete))
        self.on_refused("headers_incomplete", oldest.peer)
        if oldest.is_serving:
            del self._incomplete[oldest]
        else:
            self._cut(oldest)
