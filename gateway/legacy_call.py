"""One call of a legacy session on its way to a backend: cancelled, asked back, cut.

Rules:
 1. A session that the backend forgot is opened anew and the call sent once more: a 404 proves that
    nothing ran.
 2. What the backend asks meanwhile goes to the client on this call's stream, and ends with it.
 3. A caller that is signed out, or whose session ends, gets no result any more: the backend is told
    to stop, and what it still says is dropped (security case S08).
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from gateway.backend_sessions import BackendSessions
from gateway.backends.answers import BackendNotification
from gateway.backends.errors import SessionForgotten
from gateway.backends.exchange import Exchange
from gateway.backends.line import BackendSession
from gateway.conversations import Conversation, Count
from gateway.cut_offs import CutOffs, Held
from gateway.errors import CallCancelled
from gateway.forwarding import Aside, forward
from gateway.permits import Permit
from gateway.protocol.envelope import read_request_meta
from gateway.protocol.messages import Request
from gateway.protocol.methods import LIST_CHANGES
from gateway.protocol.upstream_meta import legacy_meta
from gateway.replies import Reply
from gateway.request_context import RequestContext
from gateway.running_calls import RunningCalls
from gateway.server_requests import ServerRequests
from gateway.session_streams import SessionStreams
from observability.trace_context import TraceContext
from tenants.errors import UnknownSession
from tenants.session_records import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyCallDesk:
    """What calls of legacy sessions have in common."""

    tasks: asyncio.TaskGroup
    backend_sessions: BackendSessions
    running: RunningCalls
    requests: ServerRequests
    streams: SessionStreams
    cut_offs: CutOffs
    count: Count


@dataclass(frozen=True, slots=True)
class LegacyCall:
    """One call of a session, which may have to be sent twice."""

    desk: LegacyCallDesk
    permitted: Permit
    session: Session
    message: Request
    reply: Reply
    context: RequestContext

    async def forward(self) -> bytes:
        """The raw result.

        Raises:
            UnknownSession: the session ended, or its owner was signed out, meanwhile.
            BackendFailure, CallCancelled, RateLimited: as `forwarding.forward`.
        """
        sessions, peer = self.desk.backend_sessions, self.permitted.peer
        backend_session = await sessions.of(self.session, peer)
        await self.desk.streams.begun(self.session, peer.name)
        try:
            return await self._sent(backend_session)
        except SessionForgotten:
            renewed = await sessions.renewed(self.session, peer, backend_session)
            return await self._sent(renewed)

    async def _sent(self, backend_session: BackendSession) -> bytes:
        meta = read_request_meta(self.message)

        def meta_for(trace: TraceContext) -> bytes | None:
            return legacy_meta(
                meta.members, traceparent=trace.traceparent, tracestate=trace.tracestate
            )

        conversation = self._conversation(backend_session)
        held: list[Held] = []
        with ExitStack() as open_for_it, conversation.held():

            def register(exchange: Exchange) -> None:
                held.append(open_for_it.enter_context(self._registered(exchange)))

            try:
                return await forward(
                    self.permitted,
                    revision=backend_session.revision,
                    meta_for=meta_for,
                    reply=self.reply,
                    context=self.context,
                    session=backend_session,
                    on_open=register,
                    aside=Aside(
                        on_request=conversation.ask, on_told=partial(self._told, conversation)
                    ),
                )
            except CallCancelled:
                if held and held[0].is_cut:
                    raise UnknownSession("ended") from None
                raise

    @contextmanager
    def _registered(self, exchange: Exchange) -> Iterator[Held]:
        """Have the exchange found by whoever cancels the call, or signs its owner out."""
        desk, session = self.desk, self.session

        def cut() -> None:
            desk.tasks.create_task(exchange.cancel())

        with (
            desk.running.registered(session, self.message.id, exchange),
            desk.cut_offs.watching(self.permitted.admission, session, cut) as held,
        ):
            yield held

    def _conversation(self, backend_session: BackendSession) -> Conversation:
        async def send(message: bytes) -> bool:
            await self.reply.send(message)
            return not self.reply.is_broken

        return Conversation(
            requests=self.desk.requests,
            count=self.desk.count,
            session=self.session,
            peer=self.permitted.peer,
            backend_session=backend_session,
            send=send,
            can_send=self.reply.can_stream,
        )

    async def _told(self, conversation: Conversation, told: BackendNotification) -> bool:
        """Take what is not for the call's own stream; says whether it was taken."""
        method = told.message.method
        if method == "notifications/cancelled":
            await conversation.withdraw(told.message)
            return True
        if method not in LIST_CHANGES:
            return False
        self.permitted.peer.catalogue_changed()
        if not self.desk.streams.has(self.session):
            return False
        self.desk.tasks.create_task(self.desk.streams.announce(self.session, method))
        return True
