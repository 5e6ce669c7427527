"""Binding and leaving: sockets that are listened on, and how they are given up without loss."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.connection_table import ConnectionTable

BACKLOG = 2048
TLS_SHUTDOWN_S = 5.0


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound listener. `url` has the port that was really taken."""

    url: str
    address: tuple[str, int]
    server: asyncio.Server
    table: ConnectionTable

    def stop_accepting(self) -> None:
        """Take no new connection and close idle ones; requests that run go on."""
        self.server.close()
        self.table.let_go()


@asynccontextmanager
async def listening(
    table: ConnectionTable, host: str, port: int, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    """Listen while the block runs; whatever is still open at its end is closed at once.

    A TLS handshake has as long as a header block has.

    Raises:
        OSError: the address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        table,
        host,
        port,
        ssl=tls,
        backlog=BACKLOG,
        ssl_handshake_timeout=None if tls is None else table.headers_s,
        ssl_shutdown_timeout=None if tls is None else TLS_SHUTDOWN_S,
    )
    taken = server.sockets[0].getsockname()[1]
    scheme = "http" if tls is None else "https"
    shown = f"[{host}]" if ":" in host else host
    try:
        yield Listener(f"{scheme}://{shown}:{taken}", (host, taken), server, table)
    finally:
        server.close()
        await table.close()
