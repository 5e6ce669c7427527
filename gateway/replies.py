"""The answer to one POST: a JSON body, or an SSE stream once something precedes the last message.

Rules:
 1. Nothing is written before the first message is known, so that a refusal keeps its status.
 2. A stream that says nothing for `sse_heartbeat_s` gets a comment, so that no balancer cuts it;
    one whose client does not read gets none, and never keeps those of others waiting.
 3. A client that is gone, or was cut because it does not read, is no error: what is still written
    to it is dropped, because in the legacy era a disconnection does not cancel the call
    (2025-11-25, transports).
 4. Whatever precedes the last message is dropped for a client that does not accept streams.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from aiohttp import web

from gateway.errors import NotAcceptable
from gateway.protocol.sse import HEARTBEAT, write_event

HEARTBEAT_CHECK_S = 5.0
JSON_TYPE = "application/json"
SSE_TYPE = "text/event-stream"

_SSE_HEADERS = {
    "Content-Type": SSE_TYPE,
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


def accepted_forms(accept: str | None) -> tuple[bool, bool]:
    """Say whether JSON and whether SSE is acceptable (RFC 9110 section 12.5.1, without weights).

    Raises:
        NotAcceptable: neither is.
    """
    if accept is None:
        return True, True
    ranges = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    anything = "*/*" in ranges
    json = anything or JSON_TYPE in ranges or "application/*" in ranges
    sse = anything or SSE_TYPE in ranges or "text/*" in ranges
    if not (json or sse):
        raise NotAcceptable("neither application/json nor text/event-stream is accepted")
    return json, sse


class Reply:
    """One answer on its way to the client."""

    __slots__ = (
        "_accepts_json",
        "_accepts_sse",
        "_heartbeats",
        "_is_finished",
        "_opening",
        "_request",
        "_stream",
        "bytes_out",
        "headers",
        "is_broken",
        "last_write",
    )

    def __init__(
        self, request: web.BaseRequest, heartbeats: "Heartbeats", headers: Mapping[str, str]
    ) -> None:
        self._accepts_json, self._accepts_sse = accepted_forms(request.headers.get("Accept"))
        self._request = request
        self._heartbeats = heartbeats
        self._opening = asyncio.Lock()
        self._stream: web.StreamResponse | None = None
        self._is_finished = False
        self.headers = dict(headers)
        self.bytes_out = 0
        self.is_broken = False
        self.last_write = heartbeats.clock()

    @property
    def has_started(self) -> bool:
        """Whether a status is already on the wire."""
        return self._stream is not None

    @property
    def can_stream(self) -> bool:
        """Whether anything but the last message can be sent."""
        return self._accepts_sse

    async def open(self) -> None:
        """Begin the stream before there is anything to send on it."""
        await self._write(HEARTBEAT)

    async def send(self, message: bytes) -> None:
        """Send a message that precedes the last one."""
        if self._accepts_sse:
            await self._write(write_event(message))

    async def heartbeat(self) -> None:
        """Keep a silent stream alive."""
        if self._accepts_sse and not self._is_finished and not self._is_backed_up():
            await self._write(HEARTBEAT)

    async def finish(
        self, status: int, body: bytes, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """Send the last message and end the answer."""
        self._is_finished = True
        if self._stream is None and (self._accepts_json or status != 200):  # noqa: PLR2004
            self.bytes_out = len(body)
            return web.Response(
                status=status,
                body=body,
                headers={"Content-Type": JSON_TYPE, **self.headers, **headers},
            )
        self.headers.update(headers)
        await self._write(write_event(body))
        return await self.end()

    async def end(self) -> web.StreamResponse:
        """End a stream, with or without a last message."""
        stream = await self._opened()
        if not self.is_broken:
            try:
                await stream.write_eof()
            except ConnectionError:
                self.is_broken = True
        return stream

    async def _write(self, data: bytes) -> None:
        if self.is_broken:
            return
        self.last_write = self._heartbeats.clock()
        self.bytes_out += len(data)
        try:
            stream = await self._opened()
            await stream.write(data)
        except ConnectionError:
            self.is_broken = True

    def _is_backed_up(self) -> bool:
        """Whether the client has yet to read what was sent before."""
        transport = self._request.transport
        return transport is None or transport.get_write_buffer_size() > 0

    async def _opened(self) -> web.StreamResponse:
        async with self._opening:
            if self._stream is None:
                self._stream = web.StreamResponse(headers={**self.headers, **_SSE_HEADERS})
                await self._stream.prepare(self._request)
        return self._stream


class Heartbeats:
    """The replies that are waiting for a backend, and one loop that keeps them alive."""

    def __init__(self, clock: Callable[[], float], *, interval_s: float) -> None:
        self.clock = clock
        self._interval_s = interval_s
        self._waiting: Counter[Reply] = Counter()

    @contextmanager
    def watching(self, reply: Reply) -> Iterator[None]:
        """Keep `reply` alive while the block runs; several blocks may share one."""
        self._waiting[reply] += 1
        try:
            yield
        finally:
            self._waiting[reply] -= 1
            if not self._waiting[reply]:
                del self._waiting[reply]

    def __len__(self) -> int:
        return sum(reply.has_started for reply in self._waiting)

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            await asyncio.sleep(min(HEARTBEAT_CHECK_S, self._interval_s / 2))
            await self.beat()

    async def beat(self) -> None:
        """Send one comment to every reply that has been silent for too long."""
        due = self.clock() - self._interval_s
        for reply in [r for r in self._waiting if r.last_write <= due]:
            if reply in self._waiting:  # still: it may have ended while another was written to
                await reply.heartbeat()
