"""One backend in one era: what it says of itself there, and what it offers there.

A backend may serve both eras at one URL, and need not offer the same in both, so each is asked for
in its own words.
"""

import asyncio
from collections.abc import Callable

from gateway.backends.acquaintance import Acquaintance
from gateway.backends.catalogue import Catalogue, collect
from gateway.backends.description import BackendDescription
from gateway.backends.limits import BackendLimits
from gateway.backends.line import Line
from gateway.backends.shelf import Shelf
from gateway.errors import BackendFailure, BackendTimeout
from tenants.model import BackendProtocol


class Face:
    """`protocol` says which era it is, or that it is the one that probing finds."""

    def __init__(
        self,
        line: Line,
        protocol: BackendProtocol,
        *,
        tenant: str,
        tasks: asyncio.TaskGroup,
        clock: Callable[[], float],
        limits: BackendLimits,
        timeout_s: float,
    ) -> None:
        self._backend = line.backend
        self._clock = clock
        self._limits = limits
        self._acquaintance = Acquaintance(
            line, protocol, tenant=tenant, tasks=tasks, clock=clock, timeout_s=timeout_s
        )
        self._shelf = Shelf(line.backend, self._collect, tenant=tenant, tasks=tasks, clock=clock)

    @property
    def known_description(self) -> BackendDescription | None:
        """The description, if it is known and not in doubt."""
        return self._acquaintance.known

    @property
    def catalogue_failure(self) -> BackendFailure | None:
        """What went wrong since the catalogue was last collected."""
        return self._shelf.failure

    @property
    def last_catalogue(self) -> Catalogue | None:
        """The last good catalogue, if nothing worse than slowness came up since."""
        is_slow_at_worst = isinstance(self._shelf.failure, BackendTimeout | None)
        return self._shelf.kept if is_slow_at_worst else None

    @property
    def waited_for_s(self) -> float:
        """For how long the backend has owed its description or catalogue; 0 when it does not."""
        return max(self._acquaintance.probing_s, self._shelf.collecting_s)

    async def description(self) -> BackendDescription:
        """What the backend says of itself; probed on first use and after failures.

        Raises:
            BackendUnavailable: it cannot be had now. Nothing of the caller's was sent.
        """
        return await self._acquaintance.description()

    async def catalogue(self, max_age_s: float) -> Catalogue:
        """What the backend offers, not older than `max_age_s` unless it cannot be had.

        A catalogue that is older than asked for is the last good one: `catalogue_failure` says
        what went wrong since.

        Raises:
            BackendFailure: there is none and none can be had.
        """
        return await self._shelf.catalogue(max_age_s)

    def catalogue_changed(self) -> None:
        """The backend says that what it offers is another now."""
        self._shelf.doubt()

    def note_failure(self, failure: BackendFailure) -> None:
        """Begin to doubt the description, if this kind of failure is a reason to."""
        self._acquaintance.note_failure(failure)

    def abandon(self) -> None:
        """Stop what is under way."""
        self._shelf.abandon()
        self._acquaintance.abandon()

    async def part(self) -> None:
        """End the gateway's own session, best effort."""
        await self._acquaintance.part()

    async def _collect(self) -> Catalogue:
        description = await self.description()
        return await collect(
            self._acquaintance.ask,
            capabilities=description.capabilities,
            limits=self._limits,
            now=self._clock(),
            backend=self._backend,
        )
