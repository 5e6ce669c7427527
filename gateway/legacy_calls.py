"""The legacy era (<= 2025-11-25): a handshake, a session, and calls within it.

Rules:
 1. A client that disconnects does not cancel its call; `notifications/cancelled` does
    (2025-11-25, transports).
 2. An answer of the client's is taken only for something that it was asked in that very session;
    any other changes nothing, is accepted all the same, and noted.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from gateway.admission import Admission
from gateway.backend_sessions import LOG_LEVEL_FIELD, hang_up, set_log_level
from gateway.backends.line import BackendSession
from gateway.backends.peer import BackendPeer
from gateway.conversations import take_answer
from gateway.endpoint_backends import Listing
from gateway.errors import InvalidParams, NotAcceptable
from gateway.in_flight import InFlight
from gateway.introductions import initialized
from gateway.legacy_call import LegacyCall, LegacyCallDesk
from gateway.lists import Lists
from gateway.observer import Observer
from gateway.permits import Permit, check_method, permit
from gateway.protocol.envelope import read_request_meta
from gateway.protocol.messages import (
    Message,
    Notification,
    Request,
    Response,
    string_param,
    write_notification,
    write_result,
)
from gateway.protocol.methods import LIST_MEMBER, LOG_LEVELS, check_request_method
from gateway.protocol.raw_json import write_value
from gateway.protocol.revisions import Era, negotiate
from gateway.replies import Heartbeats, Reply
from gateway.request_context import RequestContext
from gateway.resource_subscriptions import ResourceSubscriptions
from gateway.running_calls import RunningCalls
from gateway.session_door import SESSION_HEADER, SessionDoor
from observability.trace_context import parse_traceparent
from tenants.session_records import Session
from tenants.sessions import Sessions

__all__ = ["SESSION_HEADER", "LegacyCalls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyCalls:
    """Serves the messages of legacy clients."""

    door: SessionDoor
    sessions: Sessions
    desk: LegacyCallDesk
    subscriptions: ResourceSubscriptions
    in_flight: InFlight
    lists: Lists
    heartbeats: Heartbeats
    observer: Observer

    @property
    def running(self) -> RunningCalls:
        """The calls that are under way."""
        return self.desk.running

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
        session = await self.door.join(request, admission)
        self.note(session, context)
        answer = await self.answer(admission, session, message, reply, context)
        if answer is None:
            return web.Response(status=202)
        return await reply.finish(200, answer, {})

    async def answer(
        self,
        admission: Admission,
        session: Session,
        message: Message,
        reply: Reply,
        context: RequestContext,
    ) -> bytes | None:
        """The answer to one message of a session; None where there is none to give."""
        if isinstance(message, Request):
            with self._entered(admission, session):
                result = await self._result(admission, session, message, reply, context)
            return write_result(message.id, result)
        if isinstance(message, Notification):
            await self._note_notification(admission, session, message)
        else:
            await self._take_answer(session, message, context)
        return None

    async def end_session(
        self, request: web.BaseRequest, admission: Admission, context: RequestContext
    ) -> web.StreamResponse:
        """DELETE: the client ends its own session, here and at the backends.

        Raises:
            SessionRequired, UnknownSession.
        """
        session = await self.door.join(request, admission)
        self.note(session, context)
        opened = await self._opened(admission, session)
        await self.sessions.end(session)
        self.desk.cut_offs.end_session(session)
        self.desk.requests.drop_session(session)
        await hang_up(opened)
        return web.Response(status=204)

    async def listen(
        self, request: web.BaseRequest, admission: Admission, context: RequestContext
    ) -> web.StreamResponse:
        """GET: a stream for what belongs to no call.

        Raises:
            SessionRequired, UnknownSession, NotAcceptable, RateLimited.
        """
        session = await self.door.join(request, admission)
        self.note(session, context)
        if "Accept" not in request.headers:
            raise NotAcceptable("text/event-stream is not accepted")
        headers = {"X-Request-Id": context.request_id, **context.cors}
        reply = context.reply = Reply(request, self.heartbeats, headers)
        return await self.desk.streams.serve(request, admission, session, reply)

    def note(self, session: Session, context: RequestContext) -> None:
        """Note which session a request belongs to."""
        context.line.session = self.observer.session_hash(session.key)
        context.line.revision = session.revision

    @contextmanager
    def _entered(self, admission: Admission, session: Session) -> Iterator[None]:
        with (
            self.in_flight.enter(admission.tenant, admission.principal),
            self.sessions.hold(session),
        ):
            yield

    async def _initialize(
        self,
        request: web.BaseRequest,
        admission: Admission,
        message: Request,
        reply: Reply,
        context: RequestContext,
    ) -> web.StreamResponse:
        check_method(admission, message.method)
        await self.door.refuse_second(request, admission)
        revision = negotiate(string_param(message, "protocolVersion"))
        context.line.revision = revision
        listing = await admission.endpoint.backends.listing(Era.LEGACY)
        context.line.unavailable_backends = listing.absent_names
        listing.check_any_present()
        session_id, session = await self.door.create(admission, message, revision)
        self.note(session, context)
        headers = {SESSION_HEADER: session_id}
        return await reply.finish(200, _introduction(message, listing, revision), headers)

    async def _result(
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
        call = LegacyCall(self.desk, permitted, session, message, reply, context)
        with self.heartbeats.watching(reply):
            return await self._forwarded(call, permitted, session)

    async def _forwarded(self, call: LegacyCall, permitted: Permit, session: Session) -> bytes:
        backend = permitted.peer.name
        match permitted.method:
            case "resources/subscribe":
                uri = string_param(call.message, "uri")
                async with self.subscriptions.adding(session, backend, uri):
                    return await call.forward()
            case "resources/unsubscribe":
                result = await call.forward()
                await self.subscriptions.remove(session, backend, string_param(call.message, "uri"))
                return result
            case _:
                return await call.forward()

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
        opened = await self._opened(admission, session)
        await asyncio.gather(
            *(set_log_level(peer, one, write_value(level)) for peer, one in opened)
        )
        return b"{}"

    async def _note_notification(
        self, admission: Admission, session: Session, message: Notification
    ) -> None:
        params = message.params or {}
        match message.method:
            case "notifications/initialized":
                await self.sessions.activate(session)
            case "notifications/cancelled" if "requestId" in params:
                await self.desk.running.cancel(session, params["requestId"])
            case "notifications/progress":
                await self._hand_on_progress(session, params)
            case "notifications/roots/list_changed":
                await self._tell_backends(admission, session, message)
            case _:
                return

    async def _hand_on_progress(self, session: Session, params: Mapping[str, bytes]) -> None:
        asked = self.desk.requests.with_token(session, params.get("progressToken"))
        if asked is not None:
            await asked.progress(params)

    async def _tell_backends(
        self, admission: Admission, session: Session, message: Notification
    ) -> None:
        told = write_notification(message.method, message.params)
        opened = await self._opened(admission, session)
        await asyncio.gather(*(peer.say(one, told) for peer, one in opened))

    async def _take_answer(
        self, session: Session, message: Response, context: RequestContext
    ) -> None:
        desk = self.desk
        if not await take_answer(desk.requests, session, message, desk.count):
            self.observer.unsolicited(context)

    async def _opened(
        self, admission: Admission, session: Session
    ) -> list[tuple[BackendPeer, BackendSession]]:
        """The sessions at backends that belong to this one."""
        peers = admission.endpoint.tenant.peers.values()
        return await self.desk.backend_sessions.opened(session, peers)


def _introduction(message: Request, listing: Listing, revision: str) -> bytes:
    return write_result(message.id, initialized(listing, revision))
