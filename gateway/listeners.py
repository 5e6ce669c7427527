"""Binding and leaving: sockets that are listened on, and how they are given up without loss."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound listener. `url` has the port that was really taken."""

    url: str
    address: tuple[str, int]
    server: asyncio.Server
    table: web.Server

    def stop_accepting(self) -> None:
        """Take no new connection; those that are open go on."""
        self.server.close()

    async def drain(self, grace_s: float) -> None:
        """Let running requests end, for at most `grace_s`, then close every connection."""
        self.server.close()
        self.table.pre_shutdown()
        await self.table.shutdown(grace_s)


@asynccontextmanager
async def listening(
    table: web.Server, host: str, port: int, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    """Listen while the block runs; whatever is still open at its end is closed at once.

    Raises:
        OSError: the address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(table, host, port, ssl=tls, backlog=BACKLOG)
    taken = server.sockets[0].getsockname()[1]
    scheme = "http" if tls is None else "https"
    shown = f"[{host}]" if ":" in host else host
    try:
        yield Listener(f"{scheme}://{shown}:{taken}", (host, taken), server, table)
    finally:
        server.close()
        await table.shutdown(0)
