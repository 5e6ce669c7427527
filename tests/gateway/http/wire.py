"""HTTP/1.1 as bytes on a socket: what a client library would refuse to send, and what came back."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
PATIENCE_S = 10.0
_MAX_HEAD = 1 << 20

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One response, as it was read."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    head: bytes = field(repr=False)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None

    @property
    def says_close(self) -> bool:
        return (self.header("Connection") or "").lower() == "close"


class Wire:
    """One connection to a listener."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, is_head: bool = False) -> Answer:
        """Read one response; `is_head` says that it has no body whatever its headers say."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self._reader.readuntil(HEAD_END)
            start, *lines = head[:-4].decode("latin-1").split("\r\n")
            pairs = tuple((n, v.strip()) for n, _, v in (line.partition(":") for line in lines))
            status = int(start.split(" ")[1])
            body = b"" if is_head or status in {204, 304} else await self._body(pairs)
            return Answer(status=status, headers=pairs, body=body, head=head)

    async def head(self) -> bytes:
        """Read up to the end of a response's headers and no further."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readuntil(HEAD_END)

    async def read_until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readuntil(mark)

    async def rest(self, patience_s: float = PATIENCE_S) -> bytes:
        """Everything until the other side closes; TimeoutError when it does not."""
        async with asyncio.timeout(patience_s):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    async def is_closed(self, patience_s: float = PATIENCE_S) -> bool:
        """Whether the other side closes without another byte."""
        try:
            return await self.rest(patience_s) == b""
        except TimeoutError:
            return False

    def pause(self) -> None:
        """Read nothing any more."""
        transport = self.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        transport = self.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.resume_reading()

    async def take(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readexactly(size)

    async def _body(self, headers: tuple[tuple[str, str], ...]) -> bytes:
        found = {name.lower(): value for name, value in headers}
        if found.get("transfer-encoding") == "chunked":
            return await self._chunks()
        if "content-length" in found:
            return await self._reader.readexactly(int(found["content-length"]))
        return await self._reader.read()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readuntil(b"\r\n")
        return body


@asynccontextmanager
async def connected(
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    read_buffer: int = _MAX_HEAD,
    source: str | None = None,
) -> AsyncIterator[Wire]:
    """A connection to a port of this machine, closed with the block."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        port,
        ssl=tls,
        server_hostname="localhost" if tls else None,
        limit=read_buffer,
        local_addr=(source, 0) if source else None,
    )
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def head(method: str, target: str, headers: Headers) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + HEAD_END


def chunked(*pieces: bytes) -> bytes:
    framed = (b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"".join(framed) + b"0\r\n\r\n"
