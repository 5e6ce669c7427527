"""The house put together: every part is built here and handed to those that need it.

Nothing below this file makes its own dependencies, reads the environment or knows a global. The
order is that of the floors: observability, auth, tenants, gateway.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from auth.egress import EgressGuard
from auth.verified_tokens import VerifiedTokens
from gateway.admin_listener import AdminListener, Readiness
from gateway.backend_sessions import BackendSessions
from gateway.backend_streams import BackendStreams
from gateway.client_address import Network, client_address
from gateway.config.model import Config
from gateway.connection_table import ConnectionTable, Handler
from gateway.conversations import give_up_expired
from gateway.cut_offs import CutOffs
from gateway.hosts import PublicUrl
from gateway.in_flight import InFlight
from gateway.legacy_batches import LegacyBatches
from gateway.legacy_call import LegacyCallDesk
from gateway.legacy_calls import LegacyCalls
from gateway.lists import CURSOR_PURPOSE, Lists
from gateway.mcp_endpoint import McpEndpoint
from gateway.modern_calls import ModernCalls
from gateway.modern_results import ModernResults
from gateway.observer import Observer
from gateway.pipeline import Pipeline
from gateway.protocol.scan import ScanLimits
from gateway.replies import Heartbeats
from gateway.request_states import STATE_PURPOSE, RequestStates
from gateway.resource_subscriptions import ResourceSubscriptions
from gateway.running_calls import RunningCalls
from gateway.runtime import Materials
from gateway.sealed_handles import SealedHandles
from gateway.server_requests import ServerRequests
from gateway.session_door import SessionDoor
from gateway.session_streams import SessionStreams
from gateway.subscription_places import SubscriptionPlaces
from gateway.subscriptions import Subscriptions
from gateway.task_handles import TASK_PURPOSE, TaskHandles
from observability import events
from observability.audit import AuditEvent, AuditKind, AuditTrail
from observability.instruments import Instruments
from observability.logs import dropped_lines, get_logger
from observability.tracing import Tracer
from tenants.errors import RegistryUnavailable, ViewStale
from tenants.model import Slug, Tenant
from tenants.registry import Registry
from tenants.seals import SealingRoot
from tenants.session_rules import SessionLimits
from tenants.sessions import Sessions
from tenants.store import Store
from tenants.view import View

SALT_PURPOSE = "log identifiers"
IDLE_SWEEP_S = 60.0
AUDIT_FLUSH_S = 1.0
QUESTION_SWEEP_S = 5.0
FORGET_INTERVAL_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundations:
    """What must be open before the gateway can be put together."""

    config: Config
    store: Store
    registry: Registry
    view: View
    seals: SealingRoot
    tracer: Tracer
    instruments: Instruments


class Gateway:
    """All parts of one process. `tasks` owns whatever runs besides requests."""

    def __init__(
        self,
        foundations: Foundations,
        tasks: asyncio.TaskGroup,
        *,
        own_addresses: Callable[[], frozenset[tuple[str, int]]],
    ) -> None:
        config = foundations.config
        self._adopted: Mapping[Slug, Tenant] | None = None
        self._foundations = foundations
        self._tasks = tasks
        self._view = foundations.view
        self._audit = AuditTrail(now=time.time)
        self._heartbeats = Heartbeats(time.monotonic, interval_s=config.limits.sse_heartbeat_s)
        self._public_url = PublicUrl.parse(config.public_url)
        self._in_flight = InFlight(config.limits)
        self._sessions = Sessions(
            foundations.store,
            foundations.seals,
            limits=SessionLimits(
                per_user=config.limits.sessions_per_user,
                per_tenant=config.limits.sessions_per_tenant,
            ),
        )
        self._materials = Materials(
            public_url=self._public_url,
            tasks=tasks,
            guard=EgressGuard(config.egress_grants, forbidden=own_addresses),
            verified=VerifiedTokens(now=time.time),
            now=time.time,
            clock=time.monotonic,
            limits=config.limits,
        )
        self._cut_offs = CutOffs(now=time.time)
        self._requests = ServerRequests(time.monotonic)
        self._backend_sessions = BackendSessions(self._sessions)
        self._tasks_of_clients = TaskHandles(self._handles(TASK_PURPOSE))
        self._subscriptions = Subscriptions(
            view=self._view,
            places=SubscriptionPlaces(config.limits, foundations.instruments),
            tasks=self._tasks_of_clients,
            heartbeats=self._heartbeats,
            limits=config.limits,
            now=time.time,
        )
        self.pipeline = self._build_pipeline()
        self.admin = AdminListener(readiness=self.readiness, metrics=self._scrape)
        self.table = self._build_table(self.pipeline.handle, config.trusted_proxies)
        self.admin_table = self._build_table(self.admin.handle)
        foundations.instruments.registry.follow(
            "portcullis_log_lines_dropped",
            "Log lines that could not be written.",
            dropped_lines,
            is_counter=True,
        )

    def take_tenants(self) -> None:
        """Serve what the registry holds, now and after each change."""
        self._view.on_change(self._adopt)
        self._view.on_change(self._cut_offs.revisit)
        self._view.on_change(self._streams.revisit)
        self._view.on_change(self._subscriptions.review)
        self._adopt(self._view)

    def start(self) -> None:
        """Begin what runs in the background."""
        for background in (
            self._view.run(),
            self._sessions.run(),
            self._heartbeats.run(),
            self._streams.watch(),
            self._give_up_expired(),
            self.table.sweep(),
            self.admin_table.sweep(),
            self._drop_idle_peers(),
            self._flush_audit(),
            self._forget_old_changes(),
        ):
            self._tasks.create_task(background)

    def end_streams(self) -> None:
        """End what would last for ever, with a last word to its clients."""
        self._subscriptions.end_all()
        self._streams.end_all()

    async def close(self) -> None:
        """Drop every connection to backends and issuers."""
        for served in self.pipeline.routes.tenants.values():
            await served.runtime.close()
        self._audit.flush()

    def readiness(self) -> Readiness:
        """How this node is, now."""
        return Readiness(
            is_leaving=self.pipeline.is_leaving,
            view_age_s=self._view.age_s,
            is_view_fresh=self._is_view_fresh(),
            is_store_up=not self._foundations.store.is_down,
            tenants={
                slug: {issuer: ring.fault or "ok" for issuer, ring in served.runtime.rings.items()}
                for slug, served in self.pipeline.routes.tenants.items()
            },
        )

    def _build_pipeline(self) -> Pipeline:
        foundations, limits = self._foundations, self._foundations.config.limits
        observer = Observer(
            tracer=foundations.tracer,
            instruments=foundations.instruments,
            audit=self._audit,
            salt=foundations.seals.derive(SALT_PURPOSE)[0],
            source_of=client_address(foundations.config.trusted_proxies),
        )
        lists = Lists(foundations.seals.seal(CURSOR_PURPOSE), max_page_bytes=limits.list_page_bytes)
        scan_limits = ScanLimits(
            max_depth=limits.json_depth,
            max_nodes=limits.json_nodes,
            max_string_bytes=limits.json_string_bytes,
        )
        self._observer = observer
        self._streams = self._build_streams(observer)
        legacy = self._build_legacy(lists, observer)
        endpoint = McpEndpoint(
            view=self._view,
            limits=limits,
            scan_limits=scan_limits,
            public_url=self._public_url,
            modern=self._build_modern(lists),
            legacy=legacy,
            batches=LegacyBatches(
                legacy=legacy,
                observer=observer,
                heartbeats=self._heartbeats,
                scan_limits=scan_limits,
            ),
            heartbeats=self._heartbeats,
            observer=observer,
            now=time.time,
        )
        return Pipeline(
            public_url=self._public_url,
            endpoint=endpoint,
            observer=observer,
            is_ready=self._is_ready,
        )

    def _build_streams(self, observer: Observer) -> SessionStreams:
        return SessionStreams(
            backends=BackendStreams(
                tasks=self._tasks,
                backend_sessions=self._backend_sessions,
                requests=self._requests,
                count=observer.count_server_request,
            ),
            sessions=self._sessions,
            cut_offs=self._cut_offs,
            heartbeats=self._heartbeats,
            limits=self._foundations.config.limits,
            now=time.time,
        )

    def _build_modern(self, lists: Lists) -> ModernCalls:
        return ModernCalls(
            in_flight=self._in_flight,
            lists=lists,
            heartbeats=self._heartbeats,
            subscriptions=self._subscriptions,
            results=ModernResults(
                states=RequestStates(self._handles(STATE_PURPOSE)), tasks=self._tasks_of_clients
            ),
        )

    def _handles(self, purpose: str) -> SealedHandles:
        return SealedHandles(self._foundations.seals.seal(purpose), self._view, now=time.time)

    def _build_legacy(self, lists: Lists, observer: Observer) -> LegacyCalls:
        return LegacyCalls(
            door=SessionDoor(view=self._view, sessions=self._sessions),
            sessions=self._sessions,
            desk=LegacyCallDesk(
                tasks=self._tasks,
                backend_sessions=self._backend_sessions,
                running=RunningCalls(),
                requests=self._requests,
                streams=self._streams,
                cut_offs=self._cut_offs,
                count=observer.count_server_request,
            ),
            subscriptions=ResourceSubscriptions(self._sessions),
            in_flight=self._in_flight,
            lists=lists,
            heartbeats=self._heartbeats,
            observer=observer,
        )

    def _build_table(
        self, handler: Handler, trusted_proxies: Sequence[Network] = ()
    ) -> ConnectionTable:
        instruments = self._foundations.instruments

        def refused(reason: str, source: str) -> None:
            instruments.requests_refused.labels(reason=reason).inc()
            self._audit.record(
                AuditEvent(kind=AuditKind.ACCESS_REFUSED, reason=reason, source=source)
            )

        def bug(error: BaseException | None) -> None:
            instruments.internal_errors.labels().inc()
            get_logger().error(events.INTERNAL_ERROR_RAISED, exception=type(error).__name__)

        return ConnectionTable(
            handler,
            self._foundations.config.limits,
            trusted_proxies=trusted_proxies,
            on_refused=refused,
            on_bug=bug,
        )

    def _adopt(self, view: View) -> None:
        """Replace the routes when tenants changed; close what nobody uses any more."""
        if view.snapshot.tenants is self._adopted:
            return  # a revocation: the routes are the same
        self._adopted = view.snapshot.tenants
        old = self.pipeline.routes
        self.pipeline.routes = new = old.replaced_by(view.snapshot, self._materials)
        for runtime in old.dropped_by(new):
            successor = new.tenants.get(runtime.slug)
            self._tasks.create_task(
                runtime.retire(None if successor is None else successor.runtime)
            )

    def _scrape(self) -> bytes:
        """Render the metrics, with the gauges as they are now."""
        instruments = self._foundations.instruments
        instruments.view_age.labels().set(self._view.age_s)
        instruments.sessions_active.labels().set(self._sessions.active)
        instruments.streams_active.labels().set(len(self._heartbeats))
        for slug, served in self.pipeline.routes.tenants.items():
            ages = [ring.age_s for ring in served.runtime.rings.values() if ring.is_usable]
            if ages:
                instruments.jwks_age.labels(tenant=slug).set(max(ages))
        return instruments.render()

    def _is_ready(self) -> bool:
        """What a probe of the data port is told, which anybody may ask as often as they like."""
        is_store_up = not self._foundations.store.is_down
        return self._is_view_fresh() and is_store_up and not self.pipeline.is_leaving

    def _is_view_fresh(self) -> bool:
        try:
            self._view.ensure_fresh()
        except ViewStale:
            return False
        return True

    async def _drop_idle_peers(self) -> None:
        while True:
            await asyncio.sleep(IDLE_SWEEP_S)
            for served in tuple(self.pipeline.routes.tenants.values()):
                for peer in served.runtime.peers.values():
                    await peer.drop_idle()

    async def _give_up_expired(self) -> None:
        while True:
            await asyncio.sleep(QUESTION_SWEEP_S)
            await give_up_expired(self._requests, self._observer.count_server_request)

    async def _forget_old_changes(self) -> None:
        """Drop rows of the change log that outlived every token and session."""
        while True:
            with suppress(RegistryUnavailable):
                await self._foundations.registry.forget_old_changes()
            await asyncio.sleep(FORGET_INTERVAL_S)

    async def _flush_audit(self) -> None:
        while True:
            await asyncio.sleep(AUDIT_FLUSH_S)
            self._audit.flush()
