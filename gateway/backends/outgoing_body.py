"""A request body on its way out: what it knows about the connection that it is written to.

Rules
1. A kept connection whose other side has closed is noticed before a byte is written to it: such a
   request was not sent, and another connection may be tried.
2. A backend that does not read is not waited for longer than `stall_s` per piece.
3. A connection that gave a wrong answer serves nobody else. The library may have handed it on by
   the time that is known; then whoever has it keeps it, and it is not used after that.
"""

import asyncio
import select
from typing import cast
from weakref import WeakKeyDictionary

from aiohttp import Payload
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter

from gateway.backends.breaker import Breaker

WRITE_CHUNK_BYTES = 64 * 1024

Users = WeakKeyDictionary[ResponseHandler, "OutgoingBody"]
"""Who used a connection last."""


class OutgoingBody(Payload):
    """The body of one attempt to send a request."""

    _value: bytes
    _size: int
    _autoclose = True

    def __init__(self, body: bytes, *, stall_s: float, users: Users, breaker: Breaker) -> None:
        super().__init__(body, content_type="application/json")
        self._size = len(body)
        self._stall_s = stall_s
        self._users = users
        self._breaker = breaker
        self._connection: ResponseHandler | None = None
        self.is_begun = False
        self.is_stale = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text, for the library's debugging."""
        return self._value.decode(encoding, errors)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """What the library calls: write all of it."""
        del content_length  # it is ours: the length of the body
        await self.write(writer)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the body behind its headers, which the library holds back until now."""
        connection = cast("ResponseHandler", cast("StreamWriter", writer).protocol)
        if _is_ended(connection):
            self.is_stale = True
            raise ConnectionResetError
        self._users[connection] = self
        self._connection = connection
        self.is_begun = True
        self._breaker.connected()
        if self._size <= WRITE_CHUNK_BYTES:
            await writer.write(self._value)
        else:
            await self._write_in_chunks(writer)

    async def _write_in_chunks(self, writer: AbstractStreamWriter) -> None:
        for start in range(0, len(self._value), WRITE_CHUNK_BYTES):
            async with asyncio.timeout(self._stall_s):
                await writer.write(self._value[start : start + WRITE_CHUNK_BYTES])
                await writer.drain()

    def distrust_connection(self) -> None:
        """See to it that the connection serves nobody else, and spare whoever has it by now."""
        if self._connection is None:
            return
        if self._users.get(self._connection) is self:
            self._connection.close()
        else:
            self._connection.force_close()


def _is_ended(connection: ResponseHandler) -> bool:
    """Whether the other side has closed, also when the event loop has not seen it yet."""
    transport = connection.transport
    if transport is None or transport.is_closing():
        return True
    if transport.get_extra_info("sslcontext") is not None:
        return False  # what is readable there may be part of TLS
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))
