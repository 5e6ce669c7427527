"""HTTP/1.1 by hand: a test decides every byte of a request and sees every byte of its answer.

One connection for each request, closed by the server: `Connection: close` is always sent.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 10.0
VARYING = ("x-request-id", "date")
"""The headers that differ between two answers that are otherwise the same."""

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """A whole answer. `body` is without its framing."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else None

    @property
    def request_id(self) -> str:
        return self.header("X-Request-Id") or ""

    @property
    def fixed(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """What two answers to equal refusals must have in common: all but a number and a date."""
        kept = tuple((k, v) for k, v in self.headers if k.lower() not in VARYING)
        return self.status, kept, self.body

    @property
    def text(self) -> str:
        """Everything that the client can see."""
        lines = "\n".join(f"{name}: {value}" for name, value in self.headers)
        return f"{lines}\n\n{self.body.decode()}"

    @property
    def message(self) -> dict[str, Any]:
        """The one JSON-RPC message of the answer, or the last one of its stream."""
        if self.header("Content-Type") == "text/event-stream":
            found = json.loads(_events(self.body)[-1])
        else:
            found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    @property
    def result(self) -> dict[str, Any]:
        assert "result" in self.message, self.text
        found = self.message["result"]
        assert isinstance(found, dict)
        return found

    @property
    def error(self) -> dict[str, Any]:
        assert "error" in self.message, self.text
        found = self.message["error"]
        assert isinstance(found, dict)
        return found

    @property
    def code(self) -> int:
        return int(self.error["code"])


class Connection:
    """An open connection with a request on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._begun = b""

    async def answer(self) -> Answer:
        """All of the answer, to the end of the connection."""
        async with asyncio.timeout(TIMEOUT_S):
            return read_answer(self._begun + await self.reader.read())

    async def until(self, marker: bytes) -> bytes:
        """Everything that came so far, up to and with `marker`."""
        async with asyncio.timeout(TIMEOUT_S):
            self._begun += await self.reader.readuntil(marker)
        return self._begun

    def leave(self) -> None:
        """Close at once, whatever is on its way."""
        self.writer.transport.abort()


@asynccontextmanager
async def sent(port: int, request: bytes) -> AsyncIterator[Connection]:
    """A connection on which `request` was sent; the answer is read when it is asked for."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        writer.write(request)
        await writer.drain()
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


async def exchange(port: int, request: bytes) -> Answer:
    """Send these bytes and read the answer."""
    async with sent(port, request) as connection:
        return await connection.answer()


def write_request(method: str, target: str, host: str, headers: Headers, body: bytes) -> bytes:
    """A request with the framing that its body needs."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def read_answer(raw: bytes) -> Answer:
    """Cut an answer that was read to the end of its connection."""
    head, _, body = raw.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name, value.strip()) for name, _, value in pairs)
    is_chunked = ("transfer-encoding", "chunked") in {(n.lower(), v) for n, v in headers}
    return Answer(int(start.split(" ")[1]), headers, _dechunked(body) if is_chunked else body)


def _dechunked(body: bytes) -> bytes:
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        found, body = found + rest[:length], rest[length + 2 :]
    return found


def _events(stream: bytes) -> list[str]:
    lines = stream.decode().splitlines()
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
