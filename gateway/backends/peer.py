"""One tenant's view of one backend: its description, its catalogue, and calls to it.

Rules
1. `max_in_flight` bounds the calls of this process to this backend; nobody queues.
2. Connections are made on first use and given back when there was no call for long.
3. Who it is in the era of a client is asked for in that era: a backend may serve both at one URL.
4. The client's headers do not come here. A call carries what mirrors its message, its trace
   context, and the gateway's own credential for this backend.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from yarl import URL

from auth.credentials import HeaderCredential
from auth.egress import TenantEgress
from auth.errors import CredentialUnavailable
from gateway.backends.breaker import Breaker
from gateway.backends.catalogue import Catalogue
from gateway.backends.channel import Channel
from gateway.backends.description import BackendDescription
from gateway.backends.errors import HandshakeRefused
from gateway.backends.exchange import Exchange, OnRequest
from gateway.backends.face import Face
from gateway.backends.handshake import open_session
from gateway.backends.heads import Headers
from gateway.backends.limits import BackendLimits
from gateway.backends.line import BackendSession, Line
from gateway.backends.overhearing import Overhearing
from gateway.errors import BackendFailure, BackendUnavailable, EraImpossible, RateLimited
from gateway.protocol.revisions import LATEST_LEGACY, LATEST_MODERN, Era
from observability.trace_context import TraceContext
from tenants.model import Backend, BackendProtocol

SIDE_CONNECTIONS = 1024
"""For streams that belong to no call, one a session, and for what is said beside calls."""

__all__ = ["BackendPeer", "BackendSession", "OutgoingRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """A request as it goes to a backend. `params` are raw members, `_meta` among them.

    `headers` are those that mirror the message. `timeout_s` is the backend's own when None;
    `is_endless` is for subscriptions. `on_request` takes what a legacy backend asks meanwhile.
    """

    method: str
    revision: str
    params: Mapping[str, bytes] | None = None
    session: BackendSession | None = None
    headers: Headers = ()
    trace: TraceContext | None = None
    timeout_s: float | None = None
    is_endless: bool = False
    on_request: OnRequest | None = None


class BackendPeer:
    """One backend of one tenant, while its definition does not change."""

    def __init__(
        self,
        tenant: str,
        backend: Backend,
        egress: TenantEgress,
        credential: HeaderCredential | None,
        *,
        tasks: asyncio.TaskGroup,
        clock: Callable[[], float],
        limits: BackendLimits | None = None,
    ) -> None:
        self.tenant = tenant
        self.backend = backend
        self._url = URL(backend.url)
        self._credential = credential
        self._limits = limits or BackendLimits()
        self._clock = clock
        self._breaker = Breaker(backend.name, clock=clock)
        self._channel = self._open_channel(egress, backend.max_in_flight)
        self._beside = self._open_channel(egress, SIDE_CONNECTIONS)
        self._line = Line(
            backend.name,
            self._channel,
            beside=self._beside,
            credential=self._present,
            limits=self._limits,
            clock=clock,
        )
        self._main = self._face(backend.protocol, tasks)
        self._legacy = self._face(BackendProtocol.LEGACY, tasks)
        self._used_at = clock()
        self.in_flight = 0
        self.open_streams = 0
        self._left = asyncio.Event()

    @property
    def name(self) -> str:
        """The backend's registered name."""
        return self.backend.name

    @property
    def address(self) -> str:
        """The host in the backend's URL."""
        return self._url.host or ""

    @property
    def port(self) -> int:
        """The port in the backend's URL, or its scheme's."""
        return self._url.port or 0

    @property
    def is_broken(self) -> bool:
        """Whether connections have failed so often that calls fail at once."""
        return self._breaker.is_open

    @property
    def known_description(self) -> BackendDescription | None:
        """The description, if it is known and not in doubt."""
        return self._main.known_description

    @property
    def catalogue_failure(self) -> BackendFailure | None:
        """What went wrong since the catalogue was last collected."""
        return self._main.catalogue_failure

    @property
    def waited_for_s(self) -> float:
        """For how long the backend has owed its description or catalogue; 0 when it does not."""
        return max(self._main.waited_for_s, self._legacy.waited_for_s)

    async def description(self) -> BackendDescription:
        """What the backend says of itself; probed on first use and after failures.

        Raises:
            BackendUnavailable: it cannot be had now. Nothing of the caller's was sent.
        """
        return await self._main.description()

    async def in_era(self, era: Era) -> Face:
        """This backend as clients of one era meet it.

        One that answers the modern probe may serve the legacy era too; only asking tells.

        Raises:
            EraImpossible: it serves the other era only.
            BackendUnavailable: it cannot be had now.
        """
        self._used_at = self._clock()
        found = await self._main.description()
        if found.era is era:
            return self._main
        if era is Era.LEGACY and self.backend.protocol is BackendProtocol.AUTO:
            with suppress(HandshakeRefused):
                await self._legacy.description()
                return self._legacy
        revision = LATEST_MODERN if era is Era.MODERN else LATEST_LEGACY
        raise EraImpossible(self.name, client_revision=revision, backend_revision=found.revision)

    def known_face(self, era: Era) -> Face | None:
        """The face of an era whose description is known, without asking for it."""
        faces = (self._main, self._legacy) if era is Era.LEGACY else (self._main,)
        known = (face for face in faces if face.known_description is not None)
        return next(
            (f for f in known if f.known_description and f.known_description.era is era), None
        )

    def age_of(self, catalogue: Catalogue) -> float:
        """How long ago a catalogue of this backend was collected."""
        return self._clock() - catalogue.collected_at

    async def catalogue(self, max_age_s: float) -> Catalogue:
        """What the backend offers, not older than `max_age_s` unless it cannot be had.

        A catalogue that is older than asked for is the last good one: `catalogue_failure` says
        what went wrong since.

        Raises:
            BackendFailure: there is none and none can be had.
        """
        self._used_at = self._clock()
        return await self._main.catalogue(max_age_s)

    def catalogue_changed(self) -> None:
        """The backend says that its lists changed: they are asked for again when needed."""
        self._main.catalogue_changed()
        self._legacy.catalogue_changed()

    def doubt(self) -> None:
        """Believe what is known of the backend no longer: it is asked anew before the next use."""
        self._main.note_failure(BackendUnavailable(self.name))

    async def open_session(
        self, *, revision: str, capabilities: bytes, client_info: bytes
    ) -> BackendSession:
        """Open a legacy session in a caller's name; the caller closes it.

        Raises:
            BackendUnavailable: the backend cannot be had, or does not speak the legacy era.
        """
        self._used_at = self._clock()
        session, _ = await open_session(
            self._line, revision=revision, capabilities=capabilities, client_info=client_info
        )
        return session

    async def close_session(self, session: BackendSession) -> None:
        """End a session at the backend, best effort."""
        await self._line.hang_up(session)

    async def say(self, session: BackendSession, message: bytes) -> None:
        """Say a whole message in a legacy session; whether it arrives is not known."""
        await self._line.say(session, message)

    def overhear(self, session: BackendSession, last_event_id: str | None = None) -> Overhearing:
        """What the backend says in a legacy session besides answers, not opened yet."""
        return Overhearing(
            self._line,
            session,
            clock=self._clock,
            last_event_id=last_event_id,
            on_open=self._opened_stream,
            on_close=self._closed_stream,
        )

    def exchange(self, request: OutgoingRequest) -> Exchange:
        """A place among the calls under way and an exchange to `start`, or at least to `close`.

        Raises:
            RateLimited: the backend has as many calls under way as it may have.
            BackendUnavailable: the gateway's credential for it is not there.
        """
        if self.in_flight >= self.backend.max_in_flight:
            raise RateLimited(f"the concurrency limit of backend {self.name}")
        timeout_s = None if request.is_endless else request.timeout_s or self.backend.timeout_s
        exchange = self._line.ask(
            request.method,
            request.params,
            revision=request.revision,
            session=request.session,
            extra=request.headers + _trace_headers(request.trace),
            timeout_s=timeout_s,
            on_failure=self._note_failure,
            on_close=self._leave,
            on_request=request.on_request,
        )
        self.in_flight += 1
        self._used_at = self._clock()
        return exchange

    async def request(self, request: OutgoingRequest) -> Exchange:
        """Send a request and return when the head of its answer is there.

        Raises:
            RateLimited: as `exchange`.
            BackendFailure: as `Exchange.start`; SessionForgotten among them.
        """
        exchange = self.exchange(request)
        await exchange.start()
        return exchange

    async def notify(
        self,
        method: str,
        params: Mapping[str, bytes] | None,
        session: BackendSession,
        *,
        trace: TraceContext | None = None,
    ) -> None:
        """Send a notification in a legacy session.

        Raises:
            BackendFailure: it was not accepted; SessionForgotten among them.
        """
        self._used_at = self._clock()
        await self._line.notify(method, params, session=session, extra=_trace_headers(trace))

    async def drop_idle(self) -> None:
        """Give back connections and the gateway's own session if there was no call for long."""
        if self._is_idle:
            await self._part()
            if self._is_idle:  # still: a call that began meanwhile keeps its connection
                await self._channel.close()
                if not self.open_streams:
                    await self._beside.close()

    async def close(self) -> None:
        """End the gateway's own session and all connections. Use makes new ones."""
        self._main.abandon()
        self._legacy.abandon()
        await self._part()
        await self._channel.close()
        await self._beside.close()

    async def retire(self) -> None:
        """Close for good when the calls under way have ended."""
        while self.in_flight:
            self._left.clear()
            await self._left.wait()
        await self.close()
        await self._channel.end()
        await self._beside.end()

    @property
    def _is_idle(self) -> bool:
        is_long_ago = self._clock() - self._used_at >= self._limits.client_idle_s
        return is_long_ago and self.in_flight == 0

    async def _part(self) -> None:
        if not self._breaker.is_open:
            await self._main.part()
            await self._legacy.part()

    def _open_channel(self, egress: TenantEgress, connections: int) -> Channel:
        return Channel(
            self.backend.name,
            self.backend.url,
            lambda: egress.client_session(
                limit=connections, total_timeout_s=None, idle_timeout_s=None
            ),
            limits=self._limits,
            breaker=self._breaker,
        )

    def _present(self) -> tuple[str, str] | None:
        """The gateway's credential; never a request without one that is configured."""
        if self._credential is None:
            return None
        try:
            header, secret = self._credential.resolve()
        except CredentialUnavailable as error:
            raise BackendUnavailable(self.name, "the gateway's credential is missing") from error
        return header, secret.reveal()

    def _opened_stream(self) -> None:
        self.open_streams += 1

    def _closed_stream(self) -> None:
        self.open_streams -= 1

    def _leave(self) -> None:
        self.in_flight -= 1
        self._left.set()

    def _face(self, protocol: BackendProtocol, tasks: asyncio.TaskGroup) -> Face:
        return Face(
            self._line,
            protocol,
            tenant=self.tenant,
            tasks=tasks,
            clock=self._clock,
            limits=self._limits,
            timeout_s=min(self.backend.timeout_s, self._limits.idle_s),
        )

    def _note_failure(self, failure: BackendFailure) -> None:
        self._main.note_failure(failure)
        self._legacy.note_failure(failure)


def _trace_headers(trace: TraceContext | None) -> Headers:
    if trace is None:
        return ()
    parent = ("traceparent", trace.traceparent)
    return (parent, ("tracestate", trace.tracestate)) if trace.tracestate else (parent,)
