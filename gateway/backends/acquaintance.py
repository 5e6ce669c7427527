"""How the gateway itself knows a backend: its description, and a session of the gateway's own.

Rules
1. Whoever asks first probes, the others wait for that; afterwards the description is kept.
2. After a failure there is a pause before the next probe, so that a backend that is down costs one
   attempt in a while and not one a call.
3. A connection that cannot be made, or an answer without JSON-RPC in it, makes the description
   doubtful: it is probed again before it is given again.
4. On a legacy backend one session is the gateway's own: the probe's, kept for catalogues.
"""

import asyncio
from collections.abc import Callable

from gateway.backends.breaker import Cooldown
from gateway.backends.description import BackendDescription
from gateway.backends.errors import CredentialRefused, NoAnswer, SessionForgotten
from gateway.backends.exchange import finish
from gateway.backends.flight import Flight
from gateway.backends.handshake import open_session, own_meta
from gateway.backends.line import BackendSession, Line
from gateway.backends.probe import probe
from gateway.errors import BackendFailure, BackendUnavailable
from gateway.protocol.revisions import Era
from observability import events
from observability.logs import get_logger
from tenants.model import BackendProtocol


class Acquaintance:
    """What this process knows of one backend."""

    def __init__(
        self,
        line: Line,
        protocol: BackendProtocol,
        *,
        tenant: str,
        tasks: asyncio.TaskGroup,
        clock: Callable[[], float],
        timeout_s: float,
    ) -> None:
        self._line = line
        self._protocol = protocol
        self._tenant = tenant
        self._timeout_s = timeout_s
        self._probing = Flight[BackendDescription](line.backend, tasks, clock=clock)
        self._is_failing = False
        self._cooldown = Cooldown(clock)
        self._session: BackendSession | None = None
        self._failure: BackendFailure | None = None
        self.known: BackendDescription | None = None

    @property
    def probing_s(self) -> float:
        """For how long a probe has been under way; 0 when none is."""
        return self._probing.under_way_s

    async def description(self) -> BackendDescription:
        """What the backend says of itself; probed on first use and when in doubt.

        Raises:
            BackendUnavailable: it cannot be had now. Nothing of a caller's was sent.
        """
        if self.known is not None:
            return self.known
        return await self._probing.join(self._probe)

    def note_failure(self, failure: BackendFailure) -> None:
        """Begin to doubt, if this kind of failure is a reason to."""
        if isinstance(failure, SessionForgotten | CredentialRefused):
            return
        if isinstance(failure, BackendUnavailable | NoAnswer):
            self.known = None

    async def ask(self, method: str, params: dict[str, bytes]) -> bytes:
        """The raw result of a request in the gateway's own name.

        Raises:
            BackendFailure: there is none.
        """
        description = await self.description()
        if description.era is Era.MODERN:
            modern = {**params, "_meta": own_meta(description.revision)}
            return await self._result(method, modern, description.revision, None)
        try:
            return await self._ask_in_session(method, params)
        except SessionForgotten:
            # Nothing ran: after a 404 a client begins anew (MCP 2025-11-25, transports).
            self._session = None
            return await self._ask_in_session(method, params)

    def abandon(self) -> None:
        """Stop a probe that is under way."""
        self._probing.abandon()

    async def part(self) -> None:
        """End the gateway's own session, best effort."""
        session, self._session = self._session, None
        if session is not None:
            await self._line.hang_up(session)

    async def _probe(self) -> BackendDescription:
        if not self._cooldown.is_over:
            failure = self._failure or BackendUnavailable(self._line.backend)
            raise failure.with_traceback(None)  # it is kept: no frames of callers with it
        try:
            description, session = await probe(self._line, self._protocol)
        except BackendFailure as failure:
            self._failure = failure
            self._cooldown.extend()
            self._tell_failure(failure)
            raise
        self._cooldown.end()
        await self.part()
        self._session = session
        self.known = description
        self._tell_success(description)
        return description

    def _tell_failure(self, failure: BackendFailure) -> None:
        # Told when it begins, not at each try: a backend may be down for days.
        if not self._is_failing:
            get_logger().warning(
                events.BACKEND_PROBE_FAILED,
                tenant=self._tenant,
                backend=self._line.backend,
                reason=failure.reason,
                cause=str(failure),
            )
        self._is_failing = True

    def _tell_success(self, description: BackendDescription) -> None:
        self._is_failing = False
        get_logger().info(
            events.BACKEND_PROBED,
            tenant=self._tenant,
            backend=self._line.backend,
            era=description.era,
            revision=description.revision,
        )

    async def _ask_in_session(self, method: str, params: dict[str, bytes]) -> bytes:
        if self._session is None:
            self._session, _ = await open_session(self._line)
        session = self._session
        return await self._result(method, params, session.revision, session)

    async def _result(
        self, method: str, params: dict[str, bytes], revision: str, session: BackendSession | None
    ) -> bytes:
        exchange = self._line.ask(
            method,
            params,
            revision=revision,
            session=session,
            timeout_s=self._timeout_s,
            on_failure=self.note_failure,
        )
        return await finish(exchange)
