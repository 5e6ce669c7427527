"""The modern era (2026-07-28): every request stands alone, with its own envelope.

A client that closes the connection cancels its call, at the backend too (transports, cancellation).
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from gateway.admission import Admission
from gateway.connections import Connection
from gateway.errors import (
    BackendRefused,
    InvalidRequest,
    MalformedMessage,
    OutcomeUnknown,
    UnknownMethod,
)
from gateway.forwarding import forward
from gateway.in_flight import InFlight
from gateway.introductions import IDENTITY, discovered, server_info
from gateway.lists import Lists
from gateway.permits import Permit, check_method, permit
from gateway.protocol.capabilities import shown_to_backend
from gateway.protocol.envelope import Envelope, check_modern_notification, climb
from gateway.protocol.messages import Message, Notification, Request, write_result
from gateway.protocol.methods import LIST_MEMBER
from gateway.protocol.mirrored_headers import check_param_headers
from gateway.protocol.results import check_is_complete, stamp
from gateway.protocol.revisions import Era
from gateway.protocol.upstream_meta import modern_meta
from gateway.replies import Heartbeats, Reply
from gateway.request_context import RequestContext
from observability.trace_context import TraceContext, parse_traceparent

HEADER_MISMATCH = -32020


@dataclass(frozen=True, slots=True, kw_only=True)
class ModernCalls:
    """Serves the requests of modern clients."""

    in_flight: InFlight
    lists: Lists
    heartbeats: Heartbeats

    async def serve(
        self,
        request: web.BaseRequest,
        admission: Admission,
        message: Message,
        reply: Reply,
        context: RequestContext,
    ) -> web.StreamResponse:
        """Answer one modern message."""
        if isinstance(message, Notification):
            check_modern_notification(request.headers, message)
            return web.Response(status=202)
        if not isinstance(message, Request):
            raise InvalidRequest("a modern client sends no responses")
        envelope = climb(message, request.headers)
        context.line.revision = envelope.revision
        context.trace.adopt(parse_traceparent(envelope.traceparent, envelope.tracestate))
        with self.in_flight.enter(admission.tenant, admission.principal):
            result = await self._answer(request, admission, message, envelope, reply, context)
        return await reply.finish(200, write_result(message.id, result), {})

    async def _answer(
        self,
        request: web.BaseRequest,
        admission: Admission,
        message: Request,
        envelope: Envelope,
        reply: Reply,
        context: RequestContext,
    ) -> bytes:
        method = message.method
        if method == "server/discover":
            return await self._discover(admission, context)
        if method in LIST_MEMBER:
            return await self._list(admission, message, context)
        if method == "subscriptions/listen":
            raise UnknownMethod("subscriptions/listen is not served yet")
        with _cancelled_by_disconnection(request):
            try:
                return await self._call(request, admission, message, envelope, reply, context)
            except BackendRefused as refusal:
                if refusal.code != HEADER_MISMATCH:
                    raise
            # Nothing ran. A tool's headers come from its schema, which may have changed: look, and
            # try once more.
            await admission.endpoint.backends.listing(Era.MODERN, max_age_s=0)
            return await self._call(request, admission, message, envelope, reply, context)

    async def _call(
        self,
        request: web.BaseRequest,
        admission: Admission,
        message: Request,
        envelope: Envelope,
        reply: Reply,
        context: RequestContext,
    ) -> bytes:
        permitted = await permit(admission, message, Era.MODERN)
        check_param_headers(
            request.headers, permitted.param_headers, (message.params or {}).get("arguments")
        )
        description = await permitted.peer.description()
        with self.heartbeats.watching(reply):
            result = await self._forward(permitted, envelope, reply, context)
        return _stamped(permitted, result, description.server_info or IDENTITY)

    async def _discover(self, admission: Admission, context: RequestContext) -> bytes:
        check_method(admission, "server/discover")
        listing = await admission.endpoint.backends.listing(Era.MODERN)
        context.line.unavailable_backends = listing.absent_names
        listing.check_any_present()
        return discovered(listing)

    async def _list(self, admission: Admission, message: Request, context: RequestContext) -> bytes:
        check_method(admission, message.method)
        listing = await admission.endpoint.backends.listing(Era.MODERN)
        context.line.unavailable_backends = listing.absent_names
        listing.check_any_present()
        cursor = (message.params or {}).get("cursor")
        page = self.lists.page(admission, listing, message.method, cursor)
        return stamp(page, method=message.method, server_info=server_info(listing))

    async def _forward(
        self, permitted: Permit, envelope: Envelope, reply: Reply, context: RequestContext
    ) -> bytes:
        def meta_for(trace: TraceContext) -> bytes:
            return modern_meta(
                envelope.meta,
                revision=envelope.revision,
                capabilities=shown_to_backend(envelope.client_capabilities),
                identity=envelope.client_info or IDENTITY,
                traceparent=trace.traceparent,
                tracestate=trace.tracestate,
            )

        return await forward(
            permitted,
            revision=envelope.revision,
            meta_for=meta_for,
            reply=reply,
            context=context,
            with_log=envelope.log_level is not None,
        )


def _stamped(permitted: Permit, result: bytes, identity: bytes) -> bytes:
    """Judge a backend's result and mark it as the modern era wants it."""
    try:
        check_is_complete(result)
        return stamp(result, method=permitted.method, server_info=identity)
    except MalformedMessage as error:
        raise OutcomeUnknown(permitted.peer.name, "the answer is not a result") from error


@contextmanager
def _cancelled_by_disconnection(request: web.BaseRequest) -> Iterator[None]:
    """Cancel the running call when its client goes away."""
    connection = request.protocol
    task = asyncio.current_task()
    if not isinstance(connection, Connection) or task is None:
        yield
        return
    if connection.transport is None:
        task.cancel()  # it went away before its call began
    connection.on_lost = task.cancel
    try:
        yield
    finally:
        connection.on_lost = None
