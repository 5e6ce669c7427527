"""The legacy era (<= 2025-11-25): a handshake, a session, and calls within it.

Rules:
 1. Only the gateway mints session ids; one that a client brings to `initialize` opens nothing.
 2. A client that disconnects does not cancel its call; `notifications/cancelled` does
    (2025-11-25, transports).
 3. Unknown, foreign, ended and revoked sessions answer the same bytes.
"""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass

from aiohttp import web

from gateway.admission import Admission
from gateway.backend_sessions import LOG_LEVEL_FIELD, BackendSessions, hang_up, set_log_level
from gateway.backends.errors import SessionForgotten
from gateway.backends.exchange import Exchange
from gateway.backends.line import BackendSession
from gateway.endpoint_backends import Listing
from gateway.errors import (
    AlreadyInitialized,
    BadMethod,
    InvalidParams,
    InvalidRequest,
    SessionRequired,
)
from gateway.forwarding import forward
from gateway.in_flight import InFlight
from gateway.introductions import IDENTITY, initialized
from gateway.lists import Lists
from gateway.observer import Observer
from gateway.permits import Permit, check_method, permit
from gateway.protocol.envelope import read_request_meta
from gateway.protocol.messages import Message, Notification, Request, string_param, write_result
from gateway.protocol.methods import LIST_MEMBER, LOG_LEVELS, check_request_method
from gateway.protocol.raw_json import write_value
from gateway.protocol.revisions import Era, negotiate
from gateway.protocol.upstream_meta import legacy_meta
from gateway.replies import Heartbeats, Reply
from gateway.request_context import RequestContext
from gateway.running_calls import RunningCalls
from observability.trace_context import TraceContext, parse_traceparent
from tenants.errors import SessionAhead, UnknownSession
from tenants.session_records import Session, SessionOwner
from tenants.sessions import Sessions
from tenants.view import View

SESSION_HEADER = "Mcp-Session-Id"
NO_CAPABILITIES = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyCalls:
    """Serves the messages of legacy clients."""

    view: View
    sessions: Sessions
    backend_sessions: BackendSessions
    running: RunningCalls
    in_flight: InFlight
    lists: Lists
    heartbeats: Heartbeats
    observer: Observer

    async def serve(
        self,
        request: web.BaseRequest,
        admission: Admission,
        message: Message,
        reply: Reply,
        context: RequestContext,
    ) -> web.StreamResponse:
        """Answer one legacy message."""
        if isinstance(message, Request) and message.method == "initialize":
            with self.in_flight.enter(admission.tenant, admission.principal):
                return await self._initialize(request, admission, message, reply, context)
        session = await self._join(admission, _session_id(request))
        self._note(session, context)
        if isinstance(message, Request):
            with (
                self.in_flight.enter(admission.tenant, admission.principal),
                self.sessions.hold(session),
            ):
                result = await self._answer(admission, session, message, reply, context)
            return await reply.finish(200, write_result(message.id, result), {})
        if isinstance(message, Notification):
            await self._note_notification(session, message)
        # A response to a request of ours: none is ever outstanding here, so it changes nothing.
        return web.Response(status=202)

    async def end_session(
        self, request: web.BaseRequest, admission: Admission, context: RequestContext
    ) -> web.StreamResponse:
        """DELETE: the client ends its own session, here and at the backends.

        Raises:
            SessionRequired, UnknownSession.
        """
        session = await self._join(admission, _session_id(request))
        self._note(session, context)
        peers = admission.endpoint.tenant.peers.values()
        opened = await self.backend_sessions.opened(session, peers)
        await self.sessions.end(session)
        await hang_up(opened)
        return web.Response(status=204)

    async def listen(
        self, request: web.BaseRequest, admission: Admission, context: RequestContext
    ) -> web.StreamResponse:
        """GET: this gateway offers no stream of its own yet, which every revision allows.

        Raises:
            SessionRequired, UnknownSession, BadMethod.
        """
        self._note(await self._join(admission, _session_id(request)), context)
        raise BadMethod("POST, DELETE")

    async def _initialize(
        self,
        request: web.BaseRequest,
        admission: Admission,
        message: Request,
        reply: Reply,
        context: RequestContext,
    ) -> web.StreamResponse:
        check_method(admission, message.method)
        await self._refuse_second(request, admission)
        revision = negotiate(string_param(message, "protocolVersion"))
        context.line.revision = revision
        listing = await admission.endpoint.backends.listing(Era.LEGACY)
        context.line.unavailable_backends = listing.absent_names
        listing.check_any_present()
        session_id, session = await self._create(admission, message, revision)
        self._note(session, context)
        headers = {SESSION_HEADER: session_id}
        return await reply.finish(200, _introduction(message, listing, revision), headers)

    async def _refuse_second(self, request: web.BaseRequest, admission: Admission) -> None:
        if SESSION_HEADER not in request.headers:
            return
        try:
            await self._join(admission, _session_id(request))
        except UnknownSession:
            return
        raise AlreadyInitialized("this session is initialized already")

    async def _create(
        self, admission: Admission, message: Request, revision: str
    ) -> tuple[str, Session]:
        params = message.params or {}
        capabilities = params.get("capabilities", NO_CAPABILITIES)
        client_info = params.get("clientInfo", IDENTITY)
        if not (capabilities.startswith(b"{") and client_info.startswith(b"{")):
            raise InvalidParams("`capabilities` and `clientInfo` must be objects")
        self.view.ensure_fresh()
        return await self.sessions.create(
            _owner(admission),
            revision=revision,
            client_capabilities=capabilities,
            client_info=client_info,
            seq=self.view.revocations.seq,
            incarnation=self.view.snapshot.incarnation,
        )

    async def _join(self, admission: Admission, session_id: str) -> Session:
        try:
            return await self._joined(admission, session_id)
        except SessionAhead:
            # Made on a node that has seen more of the change log: look once, then decide.
            await self.view.refresh()
            return await self._joined(admission, session_id)

    async def _joined(self, admission: Admission, session_id: str) -> Session:
        view = self.view

        def epoch(session: Session) -> int:
            return view.revocations.session_epoch(
                admission.tenant, admission.principal, session.key
            )

        return await self.sessions.join(
            session_id,
            _owner(admission),
            incarnation=view.snapshot.incarnation,
            epoch=epoch,
            seq_now=view.snapshot.seq,
        )

    async def _answer(
        self,
        admission: Admission,
        session: Session,
        message: Request,
        reply: Reply,
        context: RequestContext,
    ) -> bytes:
        method = message.method
        check_request_method(method, session.revision)
        meta = read_request_meta(message)
        context.trace.adopt(parse_traceparent(meta.traceparent, meta.tracestate))
        if method == "ping":
            return b"{}"
        if method in LIST_MEMBER:
            return await self._list(admission, message, context)
        if method == "logging/setLevel":
            check_method(admission, method)
            return await self._set_log_level(admission, session, message)
        permitted = await permit(admission, message, Era.LEGACY)
        with self.heartbeats.watching(reply):
            return await self._forward(permitted, session, message, reply, context)

    async def _list(self, admission: Admission, message: Request, context: RequestContext) -> bytes:
        check_method(admission, message.method)
        listing = await admission.endpoint.backends.listing(Era.LEGACY)
        context.line.unavailable_backends = listing.absent_names
        listing.check_any_present()
        cursor = (message.params or {}).get("cursor")
        return self.lists.page(admission, listing, message.method, cursor)

    async def _set_log_level(
        self, admission: Admission, session: Session, message: Request
    ) -> bytes:
        """Remember the level, and tell the backends in use; the others open with it later."""
        level = string_param(message, "level")
        if level not in LOG_LEVELS:
            raise InvalidParams(f"`level` must be one of {', '.join(LOG_LEVELS)}")
        await self.sessions.remember(session, LOG_LEVEL_FIELD, write_value(level))
        peers = admission.endpoint.tenant.peers.values()
        opened = await self.backend_sessions.opened(session, peers)
        await asyncio.gather(
            *(set_log_level(peer, one, write_value(level)) for peer, one in opened)
        )
        return b"{}"

    async def _forward(
        self,
        permitted: Permit,
        session: Session,
        message: Request,
        reply: Reply,
        context: RequestContext,
    ) -> bytes:
        backend_session = await self.backend_sessions.of(session, permitted.peer)
        call = _LegacyCall(self.running, permitted, session, message, reply, context)
        try:
            return await call.forward(backend_session)
        except SessionForgotten:
            # A 404 proves that nothing ran, so that once more is safe.
            renewed = await self.backend_sessions.renewed(session, permitted.peer, backend_session)
            return await call.forward(renewed)

    async def _note_notification(self, session: Session, message: Notification) -> None:
        match message.method:
            case "notifications/initialized":
                await self.sessions.activate(session)
            case "notifications/cancelled":
                request_id = (message.params or {}).get("requestId")
                if request_id is not None:
                    await self.running.cancel(session, request_id)
            case _:
                return

    def _note(self, session: Session, context: RequestContext) -> None:
        context.line.session = self.observer.session_hash(session.key)
        context.line.revision = session.revision


@dataclass(frozen=True, slots=True)
class _LegacyCall:
    """One call of a session, which may have to be sent twice."""

    running: RunningCalls
    permitted: Permit
    session: Session
    message: Request
    reply: Reply
    context: RequestContext

    async def forward(self, backend_session: BackendSession) -> bytes:
        meta = read_request_meta(self.message)

        def meta_for(trace: TraceContext) -> bytes | None:
            return legacy_meta(
                meta.members, traceparent=trace.traceparent, tracestate=trace.tracestate
            )

        with ExitStack() as registration:

            def register(exchange: Exchange) -> None:
                registration.enter_context(
                    self.running.registered(self.session, self.message.id, exchange)
                )

            return await forward(
                self.permitted,
                revision=backend_session.revision,
                meta_for=meta_for,
                reply=self.reply,
                context=self.context,
                session=backend_session,
                on_open=register,
            )


def _introduction(message: Request, listing: Listing, revision: str) -> bytes:
    return write_result(message.id, initialized(listing, revision))


def _owner(admission: Admission) -> SessionOwner:
    return SessionOwner(
        tenant=admission.tenant,
        endpoint=admission.endpoint.endpoint.name,
        principal=admission.principal,
    )


def _session_id(request: web.BaseRequest) -> str:
    values = request.headers.getall(SESSION_HEADER, [])
    if not values:
        raise SessionRequired("a session id is required")
    if len(values) > 1:
        raise InvalidRequest("several session ids")
    return values[0]
