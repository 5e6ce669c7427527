"""The seam to a backend: one request out, a stream of bytes back.

Rules
1. `send` is the only way to a backend; nothing above it knows the HTTP library.
2. Headers are the caller's and no others, but for Host and Content-Length, which frame the message.
3. Failed before the first byte was sent: BackendUnavailable. After it: OutcomeUnknown. A deadline
   that passes: BackendTimeout. The library's errors end here.
4. Nothing is sent twice. The library repeats idempotent methods on a connection that was closed
   while idle, and POST is not one (RFC 9110 section 9.2.2); a test pins this.
5. No redirect is followed; the session that egress hands out keeps no cookies and inflates nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aiohttp import ClientError, ClientResponse, ClientTimeout
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from gateway.backends.breaker import Breaker
from gateway.backends.limits import BackendLimits
from gateway.backends.outgoing_body import OutgoingBody, Users
from gateway.errors import BackendTimeout, BackendUnavailable, OutcomeUnknown

if TYPE_CHECKING:
    from aiohttp import ClientSession  # noqa: TID251 - its maker is auth.egress, here only its type

STALE_TRIES = 8


@dataclass(frozen=True, slots=True)
class RequestHead:
    """All headers of one request, in order."""

    headers: tuple[tuple[str, str], ...]


class ResponseStream:
    """One response: its head is here, its body is read once, in chunks."""

    __slots__ = ("_backend", "_body", "_response", "content_type", "status")

    def __init__(self, backend: str, response: ClientResponse, body: OutgoingBody) -> None:
        self._backend = backend
        self._response = response
        self._body = body
        self.status = response.status
        self.content_type = response.content_type.lower()

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's headers; names in any case."""
        return self._response.headers

    @property
    def header_bytes(self) -> int:
        """The size of all header names and values."""
        return sum(len(name) + len(value) for name, value in self._response.raw_headers)

    async def read(self) -> bytes:
        """The next bytes of the body; none at its end.

        Raises:
            OutcomeUnknown: the connection broke.
            BackendTimeout: the total or the idle time passed.
        """
        try:
            return await self._response.content.readany()
        except (ClientError, OSError, HttpProcessingError) as error:
            raise _after_sending(self._backend, error) from error

    def may_be_silent(self) -> None:
        """From now on only the total time bounds the stream: the backend waits for the client."""
        connection = self._response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = None
            connection.protocol.start_timeout()

    async def is_ended_within(self, seconds: float) -> bool:
        """Whether the body ends by itself, and without more bytes, in so short a time."""
        content = self._response.content
        if content.at_eof():
            return True
        try:
            async with asyncio.timeout(seconds):
                return await content.readany() == b""
        except (ClientError, OSError, HttpProcessingError):
            return False

    def close(self) -> None:
        """Let go: a connection whose body was read to its end is kept, any other is dropped."""
        self._response.close()

    def drop(self) -> None:
        """Let go of a connection that is not to be trusted with another request."""
        self._response.close()
        self._body.distrust_connection()


class Channel:
    """The connections of one tenant to one backend, made on first use."""

    def __init__(
        self,
        backend: str,
        url: str,
        new_session: "Callable[[], ClientSession]",
        *,
        limits: BackendLimits,
        breaker: Breaker,
    ) -> None:
        self._backend = backend
        self._url = url
        self._new_session = new_session
        self._session: ClientSession | None = None
        self._is_ended = False
        self._limits = limits
        self._breaker = breaker
        self._users: Users = WeakKeyDictionary()

    async def send(
        self,
        head: RequestHead,
        body: bytes,
        *,
        timeout_s: float | None,
        method: str = "POST",
    ) -> ResponseStream:
        """Send one request and return when the head of its response is there.

        `timeout_s` bounds the whole exchange, body included; None is for streams without an end.

        Raises:
            BackendUnavailable: nothing was sent.
            BackendTimeout: `timeout_s` passed, or nothing moved for too long.
            OutcomeUnknown: cut, or not HTTP, after something was sent.
        """
        if self._is_ended:
            raise BackendUnavailable(self._backend)
        self._breaker.admit()
        bounds = self._bounds(timeout_s)
        for _ in range(STALE_TRIES):
            payload = self._payload(body)
            try:
                response = await self._request(method, payload, head, bounds)
                return self._checked(ResponseStream(self._backend, response, payload))
            except (ClientError, OSError, ValueError) as error:
                if payload.is_begun:
                    payload.distrust_connection()
                    raise _after_sending(self._backend, error) from error
                if payload.is_stale:
                    continue  # a kept connection had ended: nothing was sent on it
                self._breaker.failed()
                raise BackendUnavailable(self._backend) from error
            except BaseException:
                self._breaker.abandoned()
                raise
        self._breaker.failed()
        raise BackendUnavailable(self._backend)

    async def end(self) -> None:
        """Drop all connections for good: nothing is sent any more."""
        self._is_ended = True
        await self.close()

    async def close(self) -> None:
        """Drop all connections; the next `send` makes new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _payload(self, body: bytes) -> OutgoingBody:
        stall_s = self._limits.write_stall_s
        return OutgoingBody(body, stall_s=stall_s, users=self._users, breaker=self._breaker)

    async def _request(
        self, method: str, payload: OutgoingBody, head: RequestHead, bounds: ClientTimeout
    ) -> ClientResponse:
        if self._session is None:
            self._session = self._new_session()
        return await self._session.request(
            method,
            self._url,
            data=payload,
            headers=CIMultiDict(head.headers),
            allow_redirects=False,
            timeout=bounds,
        )

    def _bounds(self, total_s: float | None) -> ClientTimeout:
        limits = self._limits
        idle_s = None if total_s is None else limits.idle_s
        return ClientTimeout(
            total=total_s,
            connect=limits.connect_s,
            sock_connect=limits.connect_s,
            sock_read=idle_s,
        )

    def _checked(self, stream: ResponseStream) -> ResponseStream:
        if stream.header_bytes > self._limits.header_bytes:
            stream.drop()
            raise OutcomeUnknown(self._backend, "the headers of the answer are too large")
        return stream


def _after_sending(backend: str, error: BaseException) -> BackendTimeout | OutcomeUnknown:
    if isinstance(error, TimeoutError):
        return BackendTimeout(backend)
    return OutcomeUnknown(backend)
