"""The modern era (2026-07-28): every request stands alone, with its own envelope.

A client that closes the connection cancels its call, at the backend too (transports, cancellation).
"""

from dataclasses import dataclass
from typing import NoReturn

from aiohttp import web

from gateway.admission import Admission
from gateway.disconnections import cancelled_by_disconnection
from gateway.errors import BackendRefused, BackendUnavailable, InvalidRequest
from gateway.forwarding import forward
from gateway.in_flight import InFlight
from gateway.introductions import IDENTITY, discovered, server_info
from gateway.lists import Lists
from gateway.modern_results import Asked, ModernResults
from gateway.permits import Permit, check_method, permit
from gateway.protocol.capabilities import shown_to_backend
from gateway.protocol.envelope import Envelope, check_modern_notification, climb
from gateway.protocol.messages import Message, Notification, Request, write_result
from gateway.protocol.methods import LIST_MEMBER
from gateway.protocol.mirrored_headers import check_param_headers
from gateway.protocol.results import stamp
from gateway.protocol.revisions import Era
from gateway.protocol.tasks import TASK_METHODS
from gateway.protocol.upstream_meta import modern_meta
from gateway.replies import Heartbeats, Reply
from gateway.request_context import RequestContext
from gateway.subscriptions import Subscriptions
from gateway.task_calls import permit_task
from observability.trace_context import TraceContext, parse_traceparent

HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022


@dataclass(frozen=True, slots=True, kw_only=True)
class ModernCalls:
    """Serves the requests of modern clients."""

    in_flight: InFlight
    lists: Lists
    heartbeats: Heartbeats
    subscriptions: Subscriptions
    results: ModernResults

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
        if message.method == "subscriptions/listen":
            return await self.subscriptions.serve(
                request, admission, message, envelope, reply, context
            )
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
        with cancelled_by_disconnection(request):
            try:
                return await self._call(request, admission, message, envelope, reply, context)
            except BackendRefused as refusal:
                if refusal.code == UNSUPPORTED_VERSION:
                    await _reconsider(admission, refusal)
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
        permitted = await self._permit(admission, message, envelope)
        params = message.params or {}
        check_param_headers(request.headers, permitted.param_headers, params.get("arguments"))
        description = await permitted.peer.description()
        outgoing = self.results.states.opened(permitted)
        with self.heartbeats.watching(reply):
            result = await self._forward(outgoing, envelope, reply, context)
        asked = Asked(
            permit=permitted,
            params=params,
            client_capabilities=envelope.client_capabilities,
            server_info=description.server_info or IDENTITY,
        )
        return self.results.judged(result, asked)

    async def _permit(self, admission: Admission, message: Request, envelope: Envelope) -> Permit:
        if message.method in TASK_METHODS:
            declared = envelope.client_capabilities
            return await permit_task(admission, message, declared, self.results.tasks)
        return await permit(admission, message, Era.MODERN)

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
                capabilities=shown_to_backend(envelope.client_capabilities, Era.MODERN),
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


async def _reconsider(admission: Admission, refusal: BackendRefused) -> NoReturn:
    """A backend does not know the revision that it was met in: what is known of it is wrong.

    The client's revision is not at fault, so it is not told to take another.

    Raises:
        EraImpossible, BackendUnavailable: nothing ran; by what the backend now says of itself.
    """
    peer = admission.endpoint.backends.peer(refusal.backend)
    if peer is not None:
        peer.doubt()
        await peer.in_era(Era.MODERN)
    raise BackendUnavailable(refusal.backend, "the backend refuses its own revision") from refusal
