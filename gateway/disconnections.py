"""What a client's leaving means in the modern era: its call is cancelled (transports)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from gateway.connections import Connection


@contextmanager
def cancelled_by_disconnection(request: web.BaseRequest) -> Iterator[None]:
    """Cancel the running task when its client goes away."""
    connection = request.protocol
    task = asyncio.current_task()
    if not isinstance(connection, Connection) or task is None:
        yield
        return
    if connection.transport is None:
        task.cancel()  # it went away before its call began
    connection.on_lost = task.cancel
    try:
        yield
    finally:
        connection.on_lost = None
