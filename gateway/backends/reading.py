"""The body of an answer, read within its bounds and judged message by message.

Rules
1. One JSON document or a stream of events; any other content type is no answer.
2. Bounds: bytes of a document, bytes of an event, events in a second, requests of the backend's
   own. Time is bounded by the channel.
3. What arrived together is judged together, so that a second answer in it is seen.
"""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.backends.answers import (
    AnswerJudge,
    BackendMessage,
    BackendNotification,
    EventRate,
    Verdict,
)
from gateway.backends.channel import ResponseStream
from gateway.backends.errors import NoAnswer, StreamPaused
from gateway.backends.limits import BackendLimits
from gateway.errors import BackendRefused, OutcomeUnknown, ParseError
from gateway.protocol.messages import Request
from gateway.protocol.sse import SseParser

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
SCAN_IN_THREAD_BYTES = 256 * 1024
DEFAULT_RETRY_S = 1.0
MAX_RETRY_S = 30.0


def retry_s(parser: SseParser) -> float:
    """How long a stream wants to be left alone before it is asked for again."""
    if parser.retry_ms is None:
        return DEFAULT_RETRY_S
    return min(parser.retry_ms / 1000, MAX_RETRY_S)


class AnswerReader:
    """Reads one response. `on_request` is told what the backend asks on its stream."""

    def __init__(
        self,
        stream: ResponseStream,
        judge: AnswerJudge,
        *,
        backend: str,
        limits: BackendLimits,
        clock: Callable[[], float],
        on_request: Callable[[Request], Awaitable[None]],
    ) -> None:
        self._stream = stream
        self._judge = judge
        self._backend = backend
        self._limits = limits
        self._on_request = on_request
        self._parser = SseParser(limits.event_bytes)
        self._rate = EventRate(limits.events_per_s, clock)

    async def more(self) -> list[BackendMessage | BackendRefused]:
        """What comes next, possibly nothing yet.

        Raises:
            OutcomeUnknown: there will be no answer, or it is none.
            BackendTimeout: too slow.
        """
        match self._stream.content_type:
            case "application/json":
                return [await self._only()]
            case "text/event-stream":
                return await self._events()
            case _:
                raise NoAnswer(self._backend, self._stream.status)

    def go_on_with(self, stream: ResponseStream) -> None:
        """Read on from the stream that continues the one that ended."""
        self._stream = stream
        parser = SseParser(self._limits.event_bytes)
        parser.last_event_id, parser.retry_ms = self._parser.last_event_id, self._parser.retry_ms
        self._parser = parser

    async def refusal(self) -> BackendRefused | None:
        """The JSON-RPC error in the body of an HTTP error, if there is one."""
        if self._stream.content_type != JSON:
            return None
        return self._judge.judge_error(await self._document())

    async def _only(self) -> BackendMessage | BackendRefused:
        verdict = await self._judged(await self._document())
        if isinstance(verdict, BackendNotification | Request):
            raise NoAnswer(self._backend, self._stream.status)
        return verdict

    async def _document(self) -> bytes:
        parts = []
        size = 0
        while chunk := await self._stream.read():
            size += len(chunk)
            if size > self._limits.json_bytes:
                raise self._unknown("the answer is too large")
            parts.append(chunk)
        return b"".join(parts)

    async def _events(self) -> list[BackendMessage | BackendRefused]:
        chunk = await self._chunk()
        if not chunk:
            raise self._unknown("the stream ended without an answer")
        messages: list[BackendMessage | BackendRefused] = []
        for raw in self._parsed(chunk):
            verdict = await self._judged(raw)
            if isinstance(verdict, Request):
                await self._on_request(verdict)
            else:
                messages.append(verdict)
        return messages

    async def _chunk(self) -> bytes:
        try:
            chunk = await self._stream.read()
        except OutcomeUnknown:
            if self._parser.last_event_id is None:
                raise
            chunk = b""
        if not chunk and self._parser.last_event_id:
            raise StreamPaused(
                self._backend, event_id=self._parser.last_event_id, retry_s=retry_s(self._parser)
            )
        return chunk

    def _parsed(self, chunk: bytes) -> list[bytes]:
        try:
            events = self._parser.feed(chunk)
        except ParseError as error:
            raise self._unknown("the stream is not one of events") from error
        if self._rate.is_exceeded_by(len(events)):
            raise self._unknown("too many events")
        return [event.data for event in events if event.data and event.kind == "message"]

    async def _judged(self, raw: bytes) -> Verdict:
        if len(raw) > SCAN_IN_THREAD_BYTES:
            return await asyncio.to_thread(self._judge.judge, raw)
        return self._judge.judge(raw)

    def _unknown(self, message: str) -> OutcomeUnknown:
        return OutcomeUnknown(self._backend, message)
