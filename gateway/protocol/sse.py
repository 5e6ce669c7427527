"""Server-sent events (WHATWG HTML 9.2), read incrementally and written.

Rules
- Lines end with CR, LF or CRLF, also when the pair is split between two chunks.
- An event and a line are bounded; nothing else is kept between chunks.
- An event without a blank line behind it never happened.
- What is written cannot be broken out of: every line of the data is a line of its own.
"""

import re
from dataclasses import dataclass

from gateway.errors import ParseError

MAX_EVENT_BYTES = 1024 * 1024
HEARTBEAT = b": keep-alive\n\n"
"""A comment: it keeps a connection open and means nothing."""

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_MAX_RETRY_DIGITS = 9


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event. `id` is the last event id of the stream at this point, None before the first."""

    data: bytes
    kind: str = "message"
    id: str | None = None


class SseParser:
    """Bytes of one stream in, its events out.

    `last_event_id` and `retry_ms` are what the stream said last; they also come without data.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.last_event_id: str | None = None
        self.retry_ms: int | None = None
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()
        self._is_first_line = True
        self._after_cr = False
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._kind = ""
        self._pending_id: str | None = None

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that this chunk completes.

        Raises:
            ParseError: an event is too long, or a field is not UTF-8.
        """
        events = []
        for line in self._complete_lines(chunk):
            if line:
                self._read_field(line)
            elif (event := self._dispatch()) is not None:
                events.append(event)
        return events

    def _complete_lines(self, chunk: bytes) -> list[bytes]:
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        head, *lines = chunk.split(b"\n")
        self._line += head
        self._check_size(len(self._line))
        if not lines:
            return []
        first, rest = bytes(self._line), lines.pop()
        self._line = bytearray(rest)
        self._check_size(len(rest))
        return [self._without_bom(first), *lines]

    def _without_bom(self, line: bytes) -> bytes:
        if not self._is_first_line:
            return line
        self._is_first_line = False
        return line.removeprefix(_BOM)

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._check_size(self._data_bytes + len(value) + 1)
                self._data.append(value)
                self._data_bytes += len(value) + 1
            case b"event":
                self._kind = _text(value)
            case b"id" if b"\0" not in value:
                self._pending_id = _text(value)
            case b"retry" if value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
                self.retry_ms = int(value)
            case _:
                pass  # a comment, or a field of a later standard

    def _dispatch(self) -> SseEvent | None:
        if self._pending_id is not None:
            self.last_event_id = self._pending_id
        event = None
        if self._data:
            data = b"\n".join(self._data)
            event = SseEvent(data, self._kind or "message", self.last_event_id)
        self._data, self._data_bytes, self._kind = [], 0, ""
        return event

    def _check_size(self, size: int) -> None:
        if size > self._max_event_bytes:
            raise ParseError(f"An event is longer than {self._max_event_bytes} bytes")


def write_event(
    data: bytes, *, kind: str = "message", event_id: str | None = None, retry_ms: int | None = None
) -> bytes:
    """One event, ready to send.

    Raises:
        ValueError: `kind` or `event_id` would break out of its line.
    """
    fields = [b"event: %b\n" % _one_line(kind)]
    if event_id is not None:
        fields.append(b"id: %b\n" % _one_line(event_id))
    if retry_ms is not None:
        fields.append(b"retry: %d\n" % retry_ms)
    if b"\n" not in data and b"\r" not in data:
        fields.append(b"data: %b\n\n" % data)
    else:
        fields += [b"data: %b\n" % line for line in _LINE_END.split(data)]
        fields.append(b"\n")
    return b"".join(fields)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ParseError("An event stream is not UTF-8") from error


def _one_line(value: str) -> bytes:
    if any(character in value for character in "\r\n\0"):
        raise ValueError("a field of an event is one line")
    return value.encode()
