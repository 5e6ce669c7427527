"""One log line: how it is encoded, bounded and written.

Rules
- A JSON line is ASCII and at most `MAX_LINE_BYTES` long: nothing that a client sends can move a
  terminal's cursor, break a line in two or fill a disk by itself.
- Writing never raises into a request: a line that cannot be written is counted, not mourned.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import msgspec

MAX_LINE_BYTES = 8192
"""With the newline that ends it."""

MAX_BUFFERED_BYTES = 65_536
_LONG_TEXT = 256
_MANY_ITEMS = 20
_CORE_CHARS = 60  # twelve bytes each when escaped as surrogate pairs, and it fits still
_CORE_FIELDS = (
    "event", "level", "timestamp", "request_id", "tenant", "outcome", "reason", "kind", "logger",
)  # fmt: skip

_encoder = msgspec.json.Encoder(enc_hook=str)


def json_line(fields: Any) -> str:
    """Encode a mapping or a struct as one line of ASCII JSON, shortened until it fits."""
    line = _encode(fields)
    if len(line) < MAX_LINE_BYTES:
        return line
    plain = msgspec.to_builtins(fields, enc_hook=str)
    line = _encode(shorten(plain) | {"is_truncated": True})
    if len(line) < MAX_LINE_BYTES:
        return line
    core = {name: str(plain[name])[:_CORE_CHARS] for name in _CORE_FIELDS if name in plain}
    return _encode(core | {"is_truncated": True})


def shorten(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Cut long texts and lists; a nested mapping becomes a shortened text of itself."""
    return {_cut(key): _shortened(value) for key, value in fields.items()}


def _shortened(value: Any) -> Any:
    match value:
        case str():
            return _cut(value)
        case list():
            return [_shortened(item) for item in value[:_MANY_ITEMS]]
        case dict():
            return _cut(_encode(value))
        case _:
            return value


def _cut(text: str) -> str:
    return text if len(text) <= _LONG_TEXT else f"{text[:_LONG_TEXT]}...[{len(text)}]"


def _encode(fields: Any) -> str:
    try:
        line = _encoder.encode(fields).decode()
    except (UnicodeEncodeError, OverflowError):  # a lone surrogate, a huge integer
        return json.dumps(fields_of(fields), separators=(",", ":"), default=str)
    if line.isascii() and "\x7f" not in line:
        return line
    return json.dumps(json.loads(line), separators=(",", ":")).replace("\x7f", "\\u007f")


def fields_of(line: Any) -> dict[str, Any]:
    """The fields of a struct or a mapping as a plain dict."""
    fields: dict[str, Any] = msgspec.to_builtins(line, enc_hook=str)
    return fields


class LineSink:
    """Where lines go: straight to a stream, or gathered for a few milliseconds first.

    `defer` schedules a flush soon (an event loop's `call_later`); without it every line is
    written at once.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._waiting_bytes = 0
        self._defer: Callable[[Callable[[], None]], object] | None = None
        self.dropped = 0

    def gather(self, defer: Callable[[Callable[[], None]], object] | None) -> None:
        """Write in batches from now on, flushed by `defer`; None goes back to line by line."""
        self.flush()
        self._defer = defer

    def write(self, line: str) -> None:
        """Take one line, without its newline."""
        if self._defer is None:
            self._put(line + "\n", 1)
            return
        if not self._waiting:
            self._defer(self.flush)
        self._waiting.append(line)
        self._waiting_bytes += len(line) + 1
        if self._waiting_bytes >= MAX_BUFFERED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._waiting:
            return
        lines, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._put("\n".join(lines) + "\n", len(lines))

    def _put(self, text: str, lines: int) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a full disk, a closed pipe, a closed stream
            self.dropped += lines
