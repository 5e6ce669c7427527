"""How something is said to one backend: requests, notifications, and the words of a session.

Rules
1. Ids are the gateway's own, from one counter of this process that starts at random: two processes
   may share a session at a backend, and ids must not meet there.
2. What is said beside a call (answers to the backend, a cancellation, a goodbye) is best effort: it
   must not turn a good call into a failed one. It has connections of its own: calls that wait for
   what is said there may have taken all others.
"""

import itertools
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from gateway.backends.channel import Channel, RequestHead, ResponseStream
from gateway.backends.errors import CredentialRefused, NoAnswer, SessionForgotten
from gateway.backends.exchange import Exchange, OnRequest, Sending
from gateway.backends.heads import Headers, build_head, build_listen_head
from gateway.backends.limits import BackendLimits
from gateway.errors import BackendFailure
from gateway.protocol.messages import write_notification, write_request
from gateway.protocol.revisions import MODERN

_next_id = itertools.count(secrets.randbits(48)).__next__

Credential = Callable[[], tuple[str, str] | None]
"""Gives the header with which the gateway presents itself, fresh for each request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSession:
    """A legacy session at a backend. A backend may do without an id."""

    id: str | None
    revision: str


class Line:
    """One tenant's line to one backend."""

    def __init__(
        self,
        backend: str,
        channel: Channel,
        *,
        beside: Channel,
        credential: Credential,
        limits: BackendLimits,
        clock: Callable[[], float],
    ) -> None:
        self.backend = backend
        self.limits = limits
        self._channel = channel
        self._beside = beside
        self._credential = credential
        self._clock = clock

    def ask(
        self,
        method: str,
        params: Mapping[str, bytes] | None,
        *,
        revision: str | None,
        session: BackendSession | None = None,
        extra: Headers = (),
        timeout_s: float | None,
        on_failure: Callable[[BackendFailure], None] | None = None,
        on_close: Callable[[], None] | None = None,
        on_request: OnRequest | None = None,
    ) -> Exchange:
        """An exchange that is not started yet. `revision` is None for `initialize` alone."""
        request_id = _next_id()
        session_id = None if session is None else session.id
        head = build_head(
            revision=revision,
            method=method if revision in MODERN else None,
            session_id=session_id,
            extra=extra,
            credential=self._credential(),
        )
        sending = Sending(
            backend=self.backend,
            head=head,
            body=write_request(request_id, method, params),
            request_id=request_id,
            timeout_s=timeout_s,
            has_session=session_id is not None,
            post=None if session is None else partial(self.say, session),
            on_request=on_request,
            resume=None if session is None else partial(self._listen_head, session),
        )
        return Exchange(
            sending,
            self._channel,
            limits=self.limits,
            clock=self._clock,
            on_failure=on_failure,
            on_close=on_close,
        )

    async def notify(
        self,
        method: str,
        params: Mapping[str, bytes] | None,
        *,
        session: BackendSession,
        extra: Headers = (),
    ) -> None:
        """Send a notification in a legacy session.

        Raises:
            SessionForgotten, CredentialRefused, BackendUnavailable, BackendTimeout,
            OutcomeUnknown: it was not accepted.
        """
        await self._deliver(session, write_notification(method, params), extra)

    async def say(self, session: BackendSession, message: bytes) -> None:
        """Send any message that has no answer; whether it arrives is not known."""
        try:
            await self._deliver(session, message, (), channel=self._beside)
        except BackendFailure:
            return

    async def listen(self, session: BackendSession, last_event_id: str | None) -> ResponseStream:
        """Open the stream of a legacy session for what belongs to no call; it has no end.

        Raises:
            BackendFailure: as `Channel.send`.
        """
        head = self._listen_head(session, last_event_id)
        return await self._beside.send(head, b"", timeout_s=None, method="GET")

    async def hang_up(self, session: BackendSession) -> None:
        """End a session at the backend, which may not support that."""
        if session.id is None:
            return
        try:
            stream = await self._send(session, b"", (), method="DELETE")
            stream.close()
        except BackendFailure:
            return

    def _listen_head(self, session: BackendSession, last_event_id: str | None) -> RequestHead:
        return build_listen_head(
            revision=session.revision,
            session_id=session.id,
            last_event_id=last_event_id,
            credential=self._credential(),
        )

    async def _deliver(
        self,
        session: BackendSession,
        message: bytes,
        extra: Headers,
        *,
        channel: Channel | None = None,
    ) -> None:
        stream = await self._send(session, message, extra, method="POST", channel=channel)
        status = stream.status
        stream.close()
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise CredentialRefused(self.backend)
        if status == HTTPStatus.NOT_FOUND and session.id is not None:
            raise SessionForgotten(self.backend)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise NoAnswer(self.backend, status)

    async def _send(
        self,
        session: BackendSession,
        message: bytes,
        extra: Headers,
        *,
        method: str,
        channel: Channel | None = None,
    ) -> ResponseStream:
        head = build_head(
            revision=session.revision,
            session_id=session.id,
            extra=extra,
            credential=self._credential(),
        )
        timeout_s = self.limits.handshake_s
        road = channel or self._channel
        return await road.send(head, message, timeout_s=timeout_s, method=method)
