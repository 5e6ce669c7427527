"""The one place of a check that does I/O: requests out, `Answer` values in.

Rules
- Through the egress guard alone. No redirects. Credentials go to the URL that is checked only.
- Bounded: time of each request, bytes of each answer, number of requests.
- Every session id that is seen is remembered, and ended when the check ends.
- A server that answers nonsense is an answer; only one that cannot be reached is an exception.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp

from auth.egress import GuardedSession, TenantEgress, refusal_of
from gateway.check.answer import EVENT_STREAM, Answer, Stream
from gateway.check.asked import SESSION_HEADER, Asked, Talk, Values
from gateway.errors import ParseError
from gateway.protocol.sse import SseEvent, SseParser

Clock = Callable[[], float]

_BASE: Mapping[str, str] = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}
_REDIRECTS = range(300, 400)


class Unreachable(Exception):
    """No connection to the server could be made. The message is for a person."""


class RequestsSpent(Exception):
    """The check has sent as many requests as it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """How much one check may cost the server and us."""

    requests: int = 150
    answer_bytes: int = 4 * 1024 * 1024
    request_s: float = 10.0
    settle_s: float = 0.5
    """How long a stream may stay open after its response before it counts as left open."""
    closing_s: float = 5.0


@dataclass(slots=True)
class Wire:
    """Requests to one URL. Made by `open_wire`, which ends the sessions."""

    url: str
    http: GuardedSession
    credentials: Sequence[tuple[str, str]]
    limits: WireLimits
    clock: Clock
    on_request: Callable[[str], None]
    answers: list[Answer] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    """Open sessions and the revision each was asked for."""

    async def send(self, asked: Asked) -> Answer:
        """Send one request and read its answer, whatever it is.

        Raises:
            Unreachable: nothing could be connected to.
            RequestsSpent: it would be one request too many.
        """
        if len(self.answers) >= self.limits.requests:
            raise RequestsSpent
        self.on_request(asked.where)
        answer = await self._exchange(asked, request_id=len(self.answers) + 1)
        self.answers.append(answer)
        session = answer.header(SESSION_HEADER)
        if session is not None and answer.status != HTTPStatus.NOT_FOUND:
            self.sessions.setdefault(session, _revision_of(asked))
        return answer

    async def end(self, talk: Talk) -> Answer:
        """End a session."""
        answer = await self.send(talk.plain("DELETE"))
        self.sessions.pop(talk.session or "", None)
        return answer

    async def end_all(self) -> None:
        """End every session that is still open, as far as that goes in a moment."""
        left, self.sessions = self.sessions, {}
        try:
            async with asyncio.timeout(self.limits.closing_s):
                for session, revision in left.items():
                    talk = Talk(revision=revision, session=session)
                    await self._exchange(talk.plain("DELETE"), request_id=None)
        except (TimeoutError, Unreachable):
            return

    async def _exchange(self, asked: Asked, request_id: int | None) -> Answer:
        began = self.clock()
        seen = _Seen()
        try:
            async with asyncio.timeout(self.limits.request_s):
                await self._converse(asked, request_id, seen)
        except TimeoutError:
            seen.fault = f"not answered within {self.limits.request_s:g} s"
        except aiohttp.ClientResponseError as error:
            seen.status = error.status or None
            seen.is_redirect = error.status in _REDIRECTS
            seen.fault = f"HTTP {error.status}" if seen.is_redirect else "not HTTP"
        except aiohttp.ClientConnectorError as error:
            raise refusal_of(error) or Unreachable(f"{self.url}: {error.os_error}") from error
        except (aiohttp.ClientError, OSError) as error:
            seen.fault = f"connection lost ({type(error).__name__})"
        return seen.answer(asked, request_id, self.clock() - began)

    async def _converse(self, asked: Asked, request_id: int | None, seen: "_Seen") -> None:
        async with self.http.request(
            asked.http_method,
            self.url,
            headers=list(self._headers(asked)),
            data=_body(asked, request_id),
            allow_redirects=False,
        ) as response:
            seen.status = response.status
            seen.headers = tuple(response.headers.items())
            if response.content_type == EVENT_STREAM:
                seen.stream = _Listener()
                await self._listen(response, asked, request_id, seen.stream)
            else:
                await self._read_body(response, seen)

    async def _read_body(self, response: aiohttp.ClientResponse, seen: "_Seen") -> None:
        async for chunk in response.content.iter_any():
            seen.body += chunk
            if len(seen.body) > self.limits.answer_bytes:
                response.close()
                seen.fault = f"more than {self.limits.answer_bytes} bytes"
                return

    async def _listen(
        self,
        response: aiohttp.ClientResponse,
        asked: Asked,
        request_id: int | None,
        stream: "_Listener",
    ) -> None:
        patience = asyncio.timeout(asked.reads_s)
        try:
            async with patience:
                async for chunk in response.content.iter_any():
                    is_done = stream.hear(chunk, request_id, self.limits.answer_bytes)
                    if is_done and asked.reads_s is None:
                        now = asyncio.get_running_loop().time()
                        patience.reschedule(now + self.limits.settle_s)
                    if stream.fault or (asked.reads_s is not None and stream.events):
                        break
                else:
                    stream.has_ended = True
        except TimeoutError:
            if not patience.expired():
                raise
        finally:
            response.close()

    def _headers(self, asked: Asked) -> Iterator[tuple[str, str]]:
        own = {} if asked.is_anonymous else dict(self.credentials)
        headers: dict[str, Values] = {**_BASE, **own, **asked.headers}
        for name, values in headers.items():
            if isinstance(values, str):
                yield name, values
            else:
                yield from ((name, value) for value in values or ())


@dataclass(slots=True)
class _Listener:
    """Collects what an event stream says."""

    parser: SseParser = field(default_factory=SseParser)
    events: list[SseEvent] = field(default_factory=list)
    comments: int = 0
    fault: str = ""
    has_ended: bool = False
    size: int = 0
    tail: bytes = b""
    is_within_event: bool = False

    def hear(self, chunk: bytes, request_id: int | None, max_bytes: int) -> bool:
        """Take in a chunk; whether the response has come."""
        self.size += len(chunk)
        *lines, self.tail = (self.tail + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            self.comments += line.startswith(b":")
            self.is_within_event = bool(line) and (self.is_within_event or _is_data(line))
        try:
            self.events += self.parser.feed(chunk)
        except ParseError as error:
            self.fault = str(error)
        if self.size > max_bytes:
            self.fault = f"more than {max_bytes} bytes"
        return any(b'"id"' in e.data and _answers(e.data, request_id) for e in self.events[-8:])

    def stream(self) -> Stream:
        """The finished value."""
        return Stream(
            events=tuple(self.events),
            comments=self.comments,
            retry_ms=self.parser.retry_ms,
            has_ended=self.has_ended,
            is_unfinished=self.has_ended and (self.is_within_event or _is_data(self.tail)),
            fault=self.fault,
        )


@dataclass(slots=True)
class _Seen:
    """An answer in the making."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stream: _Listener | None = None
    fault: str = ""
    is_redirect: bool = False

    def answer(self, asked: Asked, request_id: int | None, duration_s: float) -> Answer:
        return Answer(
            asked=asked,
            request_id=request_id,
            status=self.status,
            headers=self.headers,
            body=self.body,
            stream=self.stream.stream() if self.stream else None,
            duration_s=duration_s,
            fault=self.fault,
            is_redirect=self.is_redirect,
        )


@asynccontextmanager
async def open_wire(
    url: str,
    egress: TenantEgress,
    *,
    credentials: Sequence[tuple[str, str]],
    limits: WireLimits,
    clock: Clock,
    on_request: Callable[[str], None],
) -> AsyncIterator[Wire]:
    """A wire to `url`; the sessions that were opened on it are ended with the block.

    Raises:
        EgressRefused: the guard does not allow this URL.
    """
    egress.check_url(url)
    async with egress.client_session(limit=4, total_timeout_s=None, idle_timeout_s=None) as http:
        wire = Wire(url, http, credentials, limits, clock, on_request)
        try:
            yield wire
        finally:
            await wire.end_all()


def _body(asked: Asked, request_id: int | None) -> bytes | None:
    if asked.raw is not None:
        return asked.raw or None
    message: dict[str, Any] = dict(asked.message or {})
    if asked.has_id:
        message = {"jsonrpc": "2.0", "id": request_id} | message
    return json.dumps(message, separators=(",", ":")).encode()


def _is_data(line: bytes) -> bool:
    return line.startswith(b"data")


def _answers(data: bytes, request_id: int | None) -> bool:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return False
    if not isinstance(message, dict) or message.get("method"):
        return False
    return request_id is None or message.get("id") == request_id


def _revision_of(asked: Asked) -> str:
    version = asked.headers.get("MCP-Protocol-Version")
    params = (asked.message or {}).get("params", {})
    return version if isinstance(version, str) else str(params.get("protocolVersion", ""))
