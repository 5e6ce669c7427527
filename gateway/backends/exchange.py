"""One request to a backend and everything that answers it.

Rules
1. An exchange is iterated once: notifications as they come, then the result, then the end. A
   failure is raised in place of the result. After `cancel` it just ends.
2. What breaks a bound, or is no answer, costs the backend its connection (cases U13 to U18). After
   the answer the connection is kept if the stream ends by itself at once.
3. In the modern era a backend may not ask anything: what it asks is dropped and counted. In the
   legacy era `on_request` may take it to the client; else it is told -32601 in its session, so that
   it does not wait for an answer. While it waits for the client its stream may be silent.
4. Cancelling: the modern era closes the stream, the legacy era says `notifications/cancelled`.
5. A legacy stream that gave an event id and ends before the answer is gone on with by GET, as often
   as it takes within the deadline (2025-11-25, SSE polling).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import NoReturn, Self

from gateway.backends.answers import (
    AnswerJudge,
    BackendMessage,
    BackendNotification,
    BackendResult,
)
from gateway.backends.channel import Channel, RequestHead, ResponseStream
from gateway.backends.errors import CredentialRefused, NoAnswer, SessionForgotten, StreamPaused
from gateway.backends.limits import BackendLimits
from gateway.backends.reading import EVENT_STREAM, AnswerReader
from gateway.errors import (
    BackendFailure,
    BackendRefused,
    BackendTimeout,
    BackendUnavailable,
    OutcomeUnknown,
)
from gateway.protocol.messages import Request, write_error, write_notification, write_result

METHOD_NOT_FOUND = -32601
MIN_RETRY_S = 0.05

OnRequest = Callable[[Request], Awaitable[bool]]
"""Takes what a backend asks to whoever can answer it; says whether it was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What goes out, and what may be said beside it."""

    backend: str
    head: RequestHead
    body: bytes
    request_id: int
    timeout_s: float | None
    has_session: bool = False
    post: Callable[[bytes], Awaitable[None]] | None = None
    """Says something in the legacy session, best effort; None in the modern era."""
    on_request: OnRequest | None = None
    resume: Callable[[str], RequestHead] | None = None
    """The head of a GET that goes on behind an event; None in the modern era."""


class Exchange:
    """One request under way. Use it as a context manager, or iterate it to its end."""

    def __init__(
        self,
        sending: Sending,
        channel: Channel,
        *,
        limits: BackendLimits,
        clock: Callable[[], float],
        on_failure: Callable[[BackendFailure], None] | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._sending = sending
        self._channel = channel
        self._limits = limits
        self._clock = clock
        self._on_failure = on_failure
        self._on_close = on_close
        self._scope: asyncio.Timeout | None = None
        self._stream: ResponseStream | None = None
        self._reader: AnswerReader | None = None
        self._pending: deque[BackendMessage | BackendRefused] = deque()
        self._is_answered = False
        self._is_closed = False
        self._began = clock()
        self.is_cancelled = False
        self.server_requests = 0

    @property
    def request_id(self) -> int:
        """The id under which the backend knows the request; never the client's."""
        return self._sending.request_id

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer, once there is one."""
        return None if self._stream is None else self._stream.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer, once there is one."""
        return {} if self._stream is None else self._stream.headers

    async def start(self) -> None:
        """Send the request and wait for the head of the answer.

        Raises:
            BackendUnavailable, BackendTimeout, OutcomeUnknown: as `Channel.send`.
            SessionForgotten: the session ended at the backend; nothing ran.
            CredentialRefused: the backend does not accept the gateway's credential.
            BackendRefused: an HTTP error with a JSON-RPC error in it.
        """
        try:
            await self._send()
            if self._reader is not None:
                await self._check_status(self._reader)
        except BackendFailure as failure:
            self._fail(failure)
        except BaseException:
            self.close()
            raise

    def __aiter__(self) -> "Exchange":
        """The messages of the answer; the result is the last one."""
        return self

    async def __anext__(self) -> BackendMessage:
        """The next message.

        Raises:
            BackendRefused: the answer is an error.
            BackendTimeout, OutcomeUnknown: there will be no answer.
        """
        try:
            return await self._next()
        except BackendFailure as failure:
            if self.is_cancelled:
                self.close()
                raise StopAsyncIteration from failure
            self._fail(failure)
        except BaseException:
            self.close()
            raise

    async def result(self) -> bytes:
        """The raw result; notifications on the way are dropped.

        Raises:
            BackendRefused, BackendTimeout, OutcomeUnknown: there is none.
        """
        result = None
        async for message in self:
            if isinstance(message, BackendResult):
                result = message.raw
        if result is None:
            raise OutcomeUnknown(self._sending.backend)
        return result

    async def cancel(self) -> None:
        """Tell the backend to stop, and stop waiting; iteration ends without a result."""
        if self._is_closed or self.is_cancelled:
            return
        self.is_cancelled = True
        await self._say_cancelled()
        if self._scope is not None:
            self._scope.reschedule(0)
        if self._stream is not None:
            self._stream.drop()

    def close(self) -> None:
        """Let go of the connection and of the place among the calls under way."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._stream is not None:
            self._stream.close()
        if self._on_close is not None:
            self._on_close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_answered and error is None:
            await self._end()
        self.close()

    async def _send(self) -> None:
        sending = self._sending
        try:
            async with asyncio.timeout(None) as self._scope:
                self._stream = await self._channel.send(
                    sending.head, sending.body, timeout_s=sending.timeout_s
                )
        except TimeoutError:
            # Only `cancel` moves the scope's end; the deadline is the channel's.
            self.close()
            return
        finally:
            self._scope = None
        self._reader = AnswerReader(
            self._stream,
            AnswerJudge(sending.backend, sending.request_id),
            backend=sending.backend,
            limits=self._limits,
            clock=self._clock,
            on_request=self._asked,
        )

    async def _check_status(self, reader: AnswerReader) -> None:
        match self.status:
            case HTTPStatus.OK | HTTPStatus.CREATED:
                return
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                raise CredentialRefused(self._sending.backend)
            case HTTPStatus.NOT_FOUND if self._sending.has_session:
                raise SessionForgotten(self._sending.backend)
            case status:
                is_error = status is not None and status >= HTTPStatus.BAD_REQUEST
                refusal = await reader.refusal() if is_error else None
                raise refusal or NoAnswer(self._sending.backend, status or 0)

    async def _next(self) -> BackendMessage:
        while not self._pending:
            if self._reader is None or self._is_answered or self._is_closed:
                await self._end()
                raise StopAsyncIteration
            try:
                self._pending.extend(await self._reader.more())
            except StreamPaused as paused:
                await self._resume(self._reader, paused)
        verdict = self._pending.popleft()
        if isinstance(verdict, BackendNotification):
            return verdict
        self._is_answered = True
        self._pending.clear()
        if isinstance(verdict, BackendResult):
            return verdict
        await self._end()
        raise verdict

    async def _end(self) -> None:
        """Keep the connection if the stream ends by itself right after the answer."""
        if self._stream is None or self._is_closed:
            return
        if not await self._stream.is_ended_within(self._limits.settle_s):
            self._stream.drop()
        self.close()

    async def _resume(self, reader: AnswerReader, paused: StreamPaused) -> None:
        """Go on with a stream that ended on purpose, when the backend wants to be asked again."""
        sending = self._sending
        left_s = None
        if sending.timeout_s is not None:
            left_s = sending.timeout_s - (self._clock() - self._began) - paused.retry_s
        if sending.resume is None or self.is_cancelled:
            raise paused
        if left_s is not None and left_s <= 0:
            raise BackendTimeout(sending.backend)
        if self._stream is not None:
            self._stream.close()
        try:
            async with asyncio.timeout(None) as self._scope:
                await asyncio.sleep(max(MIN_RETRY_S, paused.retry_s))
                self._stream = await self._channel.send(
                    sending.resume(paused.event_id), b"", timeout_s=left_s, method="GET"
                )
        except TimeoutError:
            raise paused from None  # only `cancel` moves the scope's end
        finally:
            self._scope = None
        if self._stream.status != HTTPStatus.OK or self._stream.content_type != EVENT_STREAM:
            raise OutcomeUnknown(sending.backend, "the backend does not go on with its stream")
        reader.go_on_with(self._stream)

    async def _asked(self, request: Request) -> None:
        self.server_requests += 1
        if self.server_requests > self._limits.server_requests:
            raise OutcomeUnknown(self._sending.backend, "the backend asks too much")
        if self._sending.post is None:
            return
        if request.method == "ping":
            await self._sending.post(write_result(request.id, b"{}"))
        elif self._sending.on_request is not None and await self._sending.on_request(request):
            if self._stream is not None:
                self._stream.may_be_silent()
        else:
            refusal = write_error(request.id, METHOD_NOT_FOUND, "Method not found")
            await self._sending.post(refusal)

    async def _say_cancelled(self) -> None:
        if self._sending.post is None:
            return
        params = {"requestId": str(self.request_id).encode()}
        try:
            async with asyncio.timeout(self._limits.cancel_s):
                await self._sending.post(write_notification("notifications/cancelled", params))
        except TimeoutError:
            return

    def _fail(self, failure: BackendFailure) -> NoReturn:
        """Let go of everything, then raise. After an answer that is none, nothing is reused."""
        is_sound = isinstance(failure, BackendRefused | BackendUnavailable)
        if self._stream is not None and not is_sound:
            self._stream.drop()
        self.close()
        if self._on_failure is not None:
            self._on_failure(failure)
        raise failure


async def finish(exchange: Exchange) -> bytes:
    """Start an exchange, iterate it to its end and return its raw result."""
    async with exchange:
        await exchange.start()
        return await exchange.result()
