"""What a server answered, read as far as it can be. Pure: bytes in, values out, nothing raised.

Rules: whatever came is kept bounded; what is shown of it is printable (`shown`), for it ends on
somebody's terminal.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from auth.strict_json import InvalidJson, strict_json
from gateway.check.asked import Asked, Json
from gateway.protocol.sse import SseEvent

MAX_DEPTH = 128
SHOWN_CHARACTERS = 120
EVENT_STREAM = "text/event-stream"
JSON_TYPE = "application/json"
_OK = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What was seen of an event stream until it ended or was left."""

    events: tuple[SseEvent, ...] = ()
    comments: int = 0
    retry_ms: int | None = None
    has_ended: bool = False
    is_unfinished: bool = False
    fault: str = ""

    @property
    def events_have_ids(self) -> bool:
        """Whether a client could come back for more."""
        return any(event.id is not None for event in self.events)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to one request. `fault` says why there is none, or only a part of one."""

    asked: Asked
    request_id: int | None = None
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stream: Stream | None = None
    duration_s: float = 0
    fault: str = ""
    is_redirect: bool = False

    @property
    def where(self) -> str:
        """The method and revision that was asked."""
        return self.asked.where

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def content_type(self) -> str:
        """The media type without parameters."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return self.status in _OK

    @cached_property
    def documents(self) -> tuple[Any, ...]:
        """The JSON that came: of the body, or of every event that has data."""
        return tuple(value for value, fault in self._read if not fault)

    @cached_property
    def unreadable(self) -> str:
        """Why something that should be JSON is none; empty when all is."""
        return next((fault for _, fault in self._read if fault), "")

    @cached_property
    def messages(self) -> tuple[Json, ...]:
        """The JSON-RPC messages that came; those of a batch one by one."""
        return tuple(_flat(self.documents))

    @cached_property
    def response(self) -> Json | None:
        """The response to this very request; failing that, any."""
        responses = [each for each in self.messages if "result" in each or "error" in each]
        own = [each for each in responses if _is_same(each.get("id"), self.request_id)]
        return next(iter(own or responses), None)

    @property
    def result(self) -> Json | None:
        """The result, if there is one that is an object."""
        result = (self.response or {}).get("result")
        return result if isinstance(result, dict) else None

    @property
    def error(self) -> Json | None:
        """The JSON-RPC error, if there is one."""
        error = (self.response or {}).get("error")
        return error if isinstance(error, dict) else None

    @property
    def code(self) -> int | None:
        """The code of the JSON-RPC error."""
        code = (self.error or {}).get("code")
        return code if isinstance(code, int) else None

    @property
    def is_refusal(self) -> bool:
        """Whether the request was refused, in whatever way."""
        return not self.is_success or self.error is not None

    @cached_property
    def _read(self) -> tuple[tuple[Any, str], ...]:
        if self.stream is not None:
            return tuple(_parse(event.data) for event in self.stream.events if event.data)
        return (_parse(self.body),) if self.body and self.content_type == JSON_TYPE else ()

    def told(self) -> str:
        """What came, in a few words for a person."""
        if self.fault:
            return self.fault
        if self.error is not None:
            message = shown(str(self.error.get("message", "")))
            return f"HTTP {self.status}, error {shown(str(self.error.get('code')))}: {message}"
        if self.result is not None:
            return f"HTTP {self.status}, result {shown(json.dumps(self.result))}"
        body = shown(self.body.decode(errors="replace")) if self.body else "no body"
        return f"HTTP {self.status}, {body}"


def shown(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """A piece of somebody else's text that no terminal obeys and no reader overlooks."""
    visible = "".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in text[: limit + 1])
    return visible if len(visible) <= limit else visible[:limit] + "…"


def _parse(data: bytes) -> tuple[Any, str]:
    try:
        return strict_json(data, max_depth=MAX_DEPTH), ""
    except InvalidJson as error:
        return None, str(error)


def _flat(documents: tuple[Any, ...]) -> Iterator[Json]:
    for document in documents:
        entries = document if isinstance(document, list) else [document]
        yield from (entry for entry in entries if isinstance(entry, dict))


def _is_same(found: Any, expected: int | None) -> bool:
    return type(found) is type(expected) and found == expected
