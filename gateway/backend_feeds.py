"""One backend's part of a subscription: a `subscriptions/listen` of its own, kept open.

Rules
1. It asks for what the backend's capabilities promise, and hands on that and nothing else:
   progress, log messages and whatever was not asked for are dropped.
2. When the stream ends it is opened again, later each time. What may have been missed meanwhile is
   told as changed.
3. A change of a list makes the gateway's own copy of it old before anybody is told.
4. A backend that does not know the method, or is of the other era, is left alone.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from gateway.backends.answers import BackendNotification
from gateway.backends.exchange import Exchange
from gateway.backends.peer import BackendPeer, OutgoingRequest
from gateway.errors import (
    BackendFailure,
    BackendRefused,
    EraImpossible,
    InvalidRequest,
    OutcomeUnknown,
    RateLimited,
)
from gateway.protocol.envelope import BAGGAGE_KEY, META, TRACE_PARENT_KEY, TRACE_STATE_KEY
from gateway.protocol.input_required import INPUT_REQUESTS, check_input_requests
from gateway.protocol.messages import Notification, write_notification
from gateway.protocol.raw_json import read_object, read_string, write_object, write_value
from gateway.protocol.revisions import LATEST_MODERN, Era
from gateway.protocol.subscription_filter import (
    ACKNOWLEDGED,
    KIND_OF,
    KINDS,
    NOTIFICATIONS,
    RESOURCES,
    SUBSCRIPTION_ID_KEY,
    TASKS,
    UPDATED,
    SubscriptionFilter,
    read_acknowledged,
)
from gateway.protocol.tasks import TASK_ID, TASK_NOTIFICATION
from gateway.subscription_outbox import Outbox
from observability import events
from observability.logs import get_logger
from observability.trace_context import TraceContext

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
OPENING_S = 10.0
"""How long a backend may take to acknowledge."""
LASTING_S = 60.0
LISTEN = "subscriptions/listen"

_NOT_SERVED = frozenset({-32601, -32602, -32021})
_NOT_HANDED_ON = frozenset({BAGGAGE_KEY, TRACE_PARENT_KEY, TRACE_STATE_KEY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Who listens: `id` is the raw JSON-RPC id of its request, `meta_for` writes its `_meta`."""

    id: bytes
    capabilities: bytes
    new_trace: Callable[[], TraceContext]
    meta_for: Callable[[TraceContext], bytes]
    outbox: Outbox

    def tell(self, subject: tuple[str, str, str], method: str, params: Mapping[str, bytes]) -> None:
        """Have a notification told, under the subscriber's own subscription id."""
        meta = {
            name: raw
            for name, raw in (read_object(params.get(META, b"{}")) or {}).items()
            if name not in _NOT_HANDED_ON
        }
        meta[SUBSCRIPTION_ID_KEY] = self.id
        told = write_notification(method, {**params, META: write_object(meta)})
        self.outbox.put(subject, told)


@dataclass(slots=True, kw_only=True)
class BackendFeed:
    """`wanted` has the backend's own ids of tasks; `handles` are those that the client knows."""

    peer: BackendPeer
    wanted: SubscriptionFilter
    handles: Mapping[str, str]
    subscriber: Subscriber
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether it is known what can be had of this backend, or that it is not there."""
    _served: SubscriptionFilter = field(default_factory=SubscriptionFilter)
    _has_gap: bool = False
    _opened_at: float = inf

    @property
    def honoured(self) -> SubscriptionFilter:
        """What will be told of this backend, in the client's words."""
        served = self._served
        return SubscriptionFilter(
            kinds=served.kinds,
            uris=served.uris,
            tasks=tuple(self.handles[own] for own in served.tasks if own in self.handles),
        )

    async def run(self) -> None:
        """Listen until cancelled, or until there is nothing to listen to."""
        attempts = 0
        while True:
            try:
                is_over = await self._listen()
            except (BackendFailure, RateLimited) as failure:
                is_over = self._note_failure(failure)
            self.settled.set()
            if is_over:
                return
            if self._lasted():
                attempts = 0
            self._has_gap = True
            await asyncio.sleep(PAUSES_S[min(attempts, len(PAUSES_S) - 1)])
            attempts += 1

    async def _listen(self) -> bool:
        """Follow one stream to its end; True when there is nothing to follow at all."""
        face = await self.peer.in_era(Era.MODERN)
        description = await face.description()
        self._served = self.wanted.promised_by(description.capabilities)
        if self._served.is_empty:
            return True
        async with self._exchange() as exchange:
            await self._open(exchange)
            async for message in exchange:
                if isinstance(message, BackendNotification):
                    self._note(message.message)
        return False

    def _exchange(self) -> Exchange:
        trace = self.subscriber.new_trace()
        return self.peer.exchange(
            OutgoingRequest(
                method=LISTEN,
                revision=LATEST_MODERN,
                params={
                    NOTIFICATIONS: self._served.written(),
                    META: self.subscriber.meta_for(trace),
                },
                trace=trace,
                is_endless=True,
            )
        )

    async def _open(self, exchange: Exchange) -> None:
        """Wait for the acknowledgement, which has to come first."""
        try:
            async with asyncio.timeout(OPENING_S):
                await exchange.start()
                first = await anext(exchange)
        except TimeoutError:
            raise OutcomeUnknown(self.peer.name, "no acknowledgement came") from None
        except StopAsyncIteration:
            raise OutcomeUnknown(self.peer.name, "the stream ended at once") from None
        if not isinstance(first, BackendNotification) or first.message.method != ACKNOWLEDGED:
            raise OutcomeUnknown(self.peer.name, "no acknowledgement came first")
        self._served = self._served.within([read_acknowledged(first.message.params)])
        self.settled.set()
        self._opened_at = asyncio.get_running_loop().time()
        if self._has_gap:
            self._tell_gap()

    def _tell_gap(self) -> None:
        self._has_gap = False
        get_logger().info(
            events.BACKEND_SUBSCRIPTION_RESUMED, tenant=self.peer.tenant, backend=self.peer.name
        )
        for kind in self._served.kinds:
            self._list_changed(kind, {})
        for uri in self._served.uris:
            self._updated(uri, {"uri": write_value(uri)})

    def _note(self, notification: Notification) -> None:
        params = notification.params or {}
        match notification.method:
            case method if KIND_OF.get(method) in self._served.kinds:
                self._list_changed(KIND_OF[method], params)
            case method if method == UPDATED:
                self._updated(read_string(params.get("uri")) or "", params)
            case method if method == TASK_NOTIFICATION:
                self._task_changed(params)

    def _list_changed(self, kind: str, params: Mapping[str, bytes]) -> None:
        self.peer.catalogue_changed()
        self.subscriber.tell((kind, "", ""), KINDS[kind].notification, params)

    def _updated(self, uri: str, params: Mapping[str, bytes]) -> None:
        subscribed = self._served.uri_over(uri)
        if subscribed is not None:
            self.subscriber.tell((RESOURCES, subscribed, uri), UPDATED, params)

    def _task_changed(self, params: Mapping[str, bytes]) -> None:
        own_id = read_string(params.get(TASK_ID)) or ""
        handle = self.handles.get(own_id)
        if handle is None or own_id not in self._served.tasks:
            return
        try:
            if INPUT_REQUESTS in params:
                check_input_requests(params[INPUT_REQUESTS], self.subscriber.capabilities)
        except InvalidRequest:
            return  # asks what this client may not be asked
        shown = {**params, TASK_ID: write_value(handle)}
        self.subscriber.tell((TASKS, handle, ""), TASK_NOTIFICATION, shown)

    def _lasted(self) -> bool:
        """Whether the stream that has ended was a good one, so that the next may come soon."""
        opened_at, self._opened_at = self._opened_at, inf
        return asyncio.get_running_loop().time() - opened_at >= LASTING_S

    def _note_failure(self, failure: BackendFailure | RateLimited) -> bool:
        """Whether it is in vain to try again."""
        is_vain = isinstance(failure, EraImpossible) or (
            isinstance(failure, BackendRefused) and failure.code in _NOT_SERVED
        )
        if is_vain:
            self._served = SubscriptionFilter()
        elif not self._has_gap:
            get_logger().warning(
                events.BACKEND_SUBSCRIPTION_LOST,
                tenant=self.peer.tenant,
                backend=self.peer.name,
                reason=failure.reason,
            )
        return is_vain
