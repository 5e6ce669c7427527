"""What a legacy backend says in a session besides answers: the stream that GET opens.

Rules
1. Every message is strictly scanned; sizes and rates are bounded as in answers (U13, U15). What is
   none costs the backend the stream.
2. A backend need not offer the stream: 405, or any refusal but 404, is `NoStream`.
3. It has no end of its own; where it ends it may be opened again behind the last event.
"""

from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Self

from gateway.backends.answers import EventRate
from gateway.backends.channel import ResponseStream
from gateway.backends.errors import NoAnswer, NoStream, SessionForgotten
from gateway.backends.line import BackendSession, Line
from gateway.backends.reading import EVENT_STREAM, retry_s
from gateway.errors import MalformedMessage, OutcomeUnknown, ParseError
from gateway.protocol.messages import Notification, Request, read_message
from gateway.protocol.scan import RESPONSE_LIMITS
from gateway.protocol.sse import SseParser

Said = tuple[Notification | Request, bytes]
"""A message, and the bytes that it came as."""


class Overhearing:
    """One such stream. Use it as a context manager: entering opens it."""

    def __init__(
        self,
        line: Line,
        session: BackendSession,
        *,
        clock: Callable[[], float],
        last_event_id: str | None = None,
        on_open: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        self._line = line
        self._session = session
        self._parser = SseParser(line.limits.event_bytes)
        self._parser.last_event_id = last_event_id
        self._rate = EventRate(line.limits.events_per_s, clock)
        self._stream: ResponseStream | None = None
        self._on_open = on_open
        self._on_close = on_close

    @property
    def last_event_id(self) -> str | None:
        """Where to go on behind, if the backend numbers its events."""
        return self._parser.last_event_id

    @property
    def retry_s(self) -> float:
        """How long the backend wants to be left alone before the next one."""
        return retry_s(self._parser)

    async def __aenter__(self) -> Self:
        """Open the stream.

        Raises:
            NoStream: the backend has none.
            SessionForgotten: the session has ended there.
            BackendFailure: it cannot be had now.
        """
        stream = await self._line.listen(self._session, self.last_event_id)
        try:
            self._check(stream)
        except BaseException:
            stream.close()
            raise
        self._stream = stream
        self._on_open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.drop()
            self._stream = None
            self._on_close()

    async def more(self) -> list[Said] | None:
        """What comes next, possibly nothing yet; None when the stream has ended.

        Raises:
            OutcomeUnknown: what came is not to be believed, or the connection broke.
        """
        chunk = b"" if self._stream is None else await self._stream.read()
        if not chunk:
            return None
        try:
            events = self._parser.feed(chunk)
            if self._rate.is_exceeded_by(len(events)):
                raise OutcomeUnknown(self._line.backend, "too many events")
            said = [_read(event.data) for event in events if event.data]
        except (ParseError, MalformedMessage) as error:
            raise OutcomeUnknown(self._line.backend, "not a stream of messages") from error
        return [one for one in said if one is not None]

    def _check(self, stream: ResponseStream) -> None:
        status, backend = stream.status, self._line.backend
        if status == HTTPStatus.NOT_FOUND and self._session.id is not None:
            raise SessionForgotten(backend)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NoAnswer(backend, status)
        if status != HTTPStatus.OK or stream.content_type != EVENT_STREAM:
            raise NoStream(backend)


def _read(raw: bytes) -> Said | None:
    """The message; None for an answer, which nobody waits for here."""
    message = read_message(raw, RESPONSE_LIMITS)
    return (message, raw) if isinstance(message, Notification | Request) else None
