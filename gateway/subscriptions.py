"""`subscriptions/listen`: one stream to a client, fed by the backends of its endpoint.

Rules
1. The acknowledgement is the first message and says what will be told: what was asked for, what the
   caller may see, and what some backend serves. Nothing else is ever told.
2. A stream ends with a result when its token expires, when its token, user, client or tenant is
   revoked or changed, when it has lasted for `limits.stream_s`, and when the node leaves. While
   revocations cannot be known (a stale view) nothing is told: it ends then, too.
3. The backends' own streams live as long as the client's does, and no longer.
4. It has a place of its own among the subscriptions, none among the calls, and no total time.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from auth.access import Allow
from auth.errors import InsufficientScope, InvalidToken
from gateway.admission import Admission
from gateway.backend_feeds import BackendFeed, Subscriber
from gateway.config.limits import Limits
from gateway.disconnections import cancelled_by_disconnection
from gateway.endpoint_backends import EndpointBackends
from gateway.errors import (
    BackendFailure,
    InvalidParams,
    NotAcceptable,
    RateLimited,
    UnknownResource,
)
from gateway.introductions import IDENTITY, server_info
from gateway.permits import check_method
from gateway.protocol.capabilities import shown_to_backend
from gateway.protocol.envelope import META, Envelope
from gateway.protocol.messages import Request, write_notification, write_result
from gateway.protocol.raw_json import write_object
from gateway.protocol.results import COMPLETE, with_server_info
from gateway.protocol.revisions import Era
from gateway.protocol.subscription_filter import (
    ACKNOWLEDGED,
    KINDS,
    NOTIFICATIONS,
    SUBSCRIPTION_ID_KEY,
    SubscriptionFilter,
    read_filter,
)
from gateway.protocol.upstream_meta import modern_meta
from gateway.replies import Heartbeats, Reply
from gateway.request_context import RequestContext
from gateway.subscription_outbox import Outbox
from gateway.subscription_places import SubscriptionPlaces
from gateway.task_calls import check_declares_tasks, may_see
from gateway.task_handles import TaskHandles
from observability.trace_context import TraceContext
from tenants.errors import ViewStale
from tenants.view import View

ACKNOWLEDGED_WITHIN_S = 2.0
"""How long the backends are waited for before the client is told what it will hear."""
BREATH_S = 0.1
"""Between two deliveries: a flood of changes is a few of them."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Stream:
    """One subscription that is open."""

    admission: Admission
    outbox: Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """Serves subscriptions, and ends them."""

    view: View
    places: SubscriptionPlaces
    tasks: TaskHandles
    heartbeats: Heartbeats
    limits: Limits
    now: Callable[[], float]
    _open: set[_Stream] = field(default_factory=set)

    async def serve(
        self,
        request: web.BaseRequest,
        admission: Admission,
        message: Request,
        envelope: Envelope,
        reply: Reply,
        context: RequestContext,
    ) -> web.StreamResponse:
        """Answer one `subscriptions/listen`, for as long as it lasts."""
        check_method(admission, message.method)
        asked = read_filter(message.params)
        if asked.tasks:
            check_declares_tasks(envelope.client_capabilities)
        if not reply.can_stream:
            raise NotAcceptable("a subscription is a stream of events")
        stream = _Stream(admission=admission, outbox=Outbox())
        with (
            self.places.taken(admission.tenant, admission.principal),
            cancelled_by_disconnection(request),
            self.heartbeats.watching(reply),
        ):
            identity = await self._introduction(admission, context)
            began = self.heartbeats.clock()
            subscriber = _subscriber(message, envelope, stream.outbox, context)
            self._open.add(stream)
            if not self._is_still_good(admission, self.view):
                stream.outbox.end()  # revoked while the backends were looked at
            try:
                feeds = await self._feeds(admission, asked, subscriber)
                await self._follow(stream, feeds, asked, message.id, reply)
            finally:
                self._open.discard(stream)
                # Waiting is not the gateway's own time.
                context.line.backend_s += self.heartbeats.clock() - began
        return await reply.finish(200, write_result(message.id, _result(message.id, identity)), {})

    def end_all(self) -> None:
        """End every stream: the node leaves."""
        for stream in self._open:
            stream.outbox.end()

    def review(self, view: View) -> None:
        """End the streams of those who are out, and of tenants that changed."""
        for stream in self._open:
            if not self._is_still_good(stream.admission, view):
                stream.outbox.end()

    def _is_still_good(self, admission: Admission, view: View) -> bool:
        tenant = admission.endpoint.tenant.tenant
        if view.snapshot.tenants.get(tenant.slug) != tenant:
            return False
        try:
            view.revocations.check_token(admission.tenant, admission.token, self.now())
        except InvalidToken:
            return False
        return True

    async def _introduction(self, admission: Admission, context: RequestContext) -> bytes:
        listing = await admission.endpoint.backends.listing(Era.MODERN)
        context.line.unavailable_backends = listing.absent_names
        listing.check_any_present()
        return server_info(listing)

    async def _feeds(
        self, admission: Admission, asked: SubscriptionFilter, subscriber: Subscriber
    ) -> list[BackendFeed]:
        backends = admission.endpoint.backends
        kinds = tuple(kind for kind in asked.kinds if _is_allowed(admission, KINDS[kind].method))
        uris = asked.uris if _is_allowed(admission, "resources/read") else ()
        owned_uris = await _owned(backends, uris)
        owned_tasks = self._owned_tasks(admission, asked.tasks)
        feeds = []
        for peer in backends.peers:
            handles = owned_tasks.get(peer.name, {})
            wanted = SubscriptionFilter(
                kinds=kinds, uris=tuple(owned_uris.get(peer.name, ())), tasks=tuple(handles)
            )
            if not wanted.is_empty:
                feeds.append(
                    BackendFeed(peer=peer, wanted=wanted, handles=handles, subscriber=subscriber)
                )
        return feeds

    def _owned_tasks(
        self, admission: Admission, asked: tuple[str, ...]
    ) -> Mapping[str, Mapping[str, str]]:
        """By backend, its own ids of the tasks that are the caller's, and their handles."""
        owned: dict[str, dict[str, str]] = {}
        for handle in asked:
            with suppress(InvalidParams, InsufficientScope):
                task = self.tasks.open(handle, admission)
                if may_see(admission, task):
                    owned.setdefault(task.backend, {})[task.own_id] = handle
        return owned

    async def _follow(
        self,
        stream: _Stream,
        feeds: list[BackendFeed],
        asked: SubscriptionFilter,
        subscription_id: bytes,
        reply: Reply,
    ) -> None:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(feed.run()) for feed in feeds]
            with suppress(TimeoutError):
                async with asyncio.timeout(self._life_s(stream.admission)):
                    await _settled(feeds)
                    honoured = asked.within(feed.honoured for feed in feeds)
                    if not stream.outbox.is_over:
                        await reply.send(_acknowledgement(honoured, subscription_id))
                        await self._deliver(stream, honoured, reply)
            for task in running:
                task.cancel()

    async def _deliver(self, stream: _Stream, honoured: SubscriptionFilter, reply: Reply) -> None:
        while not (stream.outbox.is_over or reply.is_broken):
            messages = await stream.outbox.take(honoured)
            try:
                self.view.ensure_fresh()
            except ViewStale:
                return
            if stream.outbox.is_over:
                return
            for message in messages:
                await reply.send(message)
            await asyncio.sleep(BREATH_S)

    def _life_s(self, admission: Admission) -> float:
        token = admission.token
        leeway_s = admission.endpoint.policy.issuers[token.principal.issuer].leeway_s
        return min(self.limits.stream_s, max(0.0, token.expires_at + leeway_s - self.now()))


def _subscriber(
    message: Request, envelope: Envelope, outbox: Outbox, context: RequestContext
) -> Subscriber:
    capabilities = shown_to_backend(envelope.client_capabilities, Era.MODERN)

    def meta_for(trace: TraceContext) -> bytes:
        return modern_meta(
            envelope.meta,
            revision=envelope.revision,
            capabilities=capabilities,
            identity=envelope.client_info or IDENTITY,
            traceparent=trace.traceparent,
            tracestate=trace.tracestate,
        )

    return Subscriber(
        id=message.id,
        capabilities=envelope.client_capabilities,
        new_trace=context.trace.client_context,
        meta_for=meta_for,
        outbox=outbox,
    )


def _is_allowed(admission: Admission, method: str) -> bool:
    access = admission.endpoint.endpoint.access
    return isinstance(access.decide(admission.token.scopes, method=method), Allow)


async def _owned(backends: EndpointBackends, uris: tuple[str, ...]) -> Mapping[str, list[str]]:
    """By backend, the URIs that are its; those that are nobody's are left out."""
    owned: dict[str, list[str]] = {}
    for uri in uris:
        with suppress(UnknownResource, BackendFailure, RateLimited):
            owner = await backends.resource_owner(Era.MODERN, uri)
            owned.setdefault(owner.name, []).append(uri)
    return owned


async def _settled(feeds: list[BackendFeed]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
            for feed in feeds:
                await feed.settled.wait()


def _acknowledgement(honoured: SubscriptionFilter, subscription_id: bytes) -> bytes:
    params = {
        NOTIFICATIONS: honoured.written(),
        META: write_object({SUBSCRIPTION_ID_KEY: subscription_id}),
    }
    return write_notification(ACKNOWLEDGED, params)


def _result(subscription_id: bytes, identity: bytes) -> bytes:
    meta = write_object({SUBSCRIPTION_ID_KEY: subscription_id})
    return write_object(with_server_info({"resultType": COMPLETE, META: meta}, identity))
