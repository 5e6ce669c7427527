"""A backend's catalogue as this process keeps it.

Rules
1. However many ask for a fresh one at the same time, it is collected once; it goes on when one of
   them leaves.
2. One that is said to have changed is collected anew for the next who asks, however young it is.
3. When it cannot be collected the last good one stays, and `failure` says what is wrong. For a
   while it is not tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.backends.breaker import Cooldown
from gateway.backends.catalogue import Catalogue
from gateway.backends.flight import Flight
from gateway.errors import BackendFailure, BackendUnavailable
from observability import events
from observability.logs import get_logger

MAX_COLLECTIONS = 2
"""For one who asks: the one that was under way may have begun before the change."""


class Shelf:
    """The last good catalogue and what is wrong since."""

    def __init__(
        self,
        backend: str,
        collect: Callable[[], Awaitable[Catalogue]],
        *,
        tenant: str,
        tasks: asyncio.TaskGroup,
        clock: Callable[[], float],
    ) -> None:
        self._backend = backend
        self._collect = collect
        self._clock = clock
        self._tenant = tenant
        self._collecting = Flight[None](backend, tasks, clock=clock)
        self._cooldown = Cooldown(clock)
        self.kept: Catalogue | None = None
        """The last good catalogue."""
        self._changes = 0
        self._changes_seen = 0
        self.failure: BackendFailure | None = None

    @property
    def collecting_s(self) -> float:
        """For how long a collection has been under way; 0 when none is."""
        return self._collecting.under_way_s

    def doubt(self) -> None:
        """What was collected, or began to be, before now is not fresh whatever its age."""
        self._changes += 1

    def abandon(self) -> None:
        """Stop a collection that is under way."""
        self._collecting.abandon()

    async def catalogue(self, max_age_s: float) -> Catalogue:
        """A catalogue that is not older than `max_age_s`, or else the last good one.

        Raises:
            BackendFailure: there is none and none can be had.
        """
        since = self._clock() - max_age_s
        for _ in range(MAX_COLLECTIONS):
            if not self._is_there(since):
                await self._collecting.join(self._refresh)
        if self.kept is None:
            failure = self.failure or BackendUnavailable(self._backend)
            raise failure.with_traceback(None)  # it is kept: no frames of callers with it
        return self.kept

    def _is_there(self, since: float) -> bool:
        is_outdated = self._changes != self._changes_seen
        return self.kept is not None and not is_outdated and self.kept.collected_at >= since

    async def _refresh(self) -> None:
        if not self._cooldown.is_over:
            return
        changes = self._changes
        try:
            collected = await self._collect()
        except BackendFailure as failure:
            self._tell_failure(failure)
            self.failure = failure
            self._cooldown.extend()
            return
        self._tell_news(collected)
        self.kept, self.failure = collected, None
        self._changes_seen = changes
        self._cooldown.end()

    def _tell_failure(self, failure: BackendFailure) -> None:
        # Told when it begins, not at each try.
        if self.failure is None:
            get_logger().warning(
                events.CATALOGUE_REFRESH_FAILED,
                tenant=self._tenant,
                backend=self._backend,
                reason=failure.reason,
                cause=str(failure),
            )

    def _tell_news(self, collected: Catalogue) -> None:
        if self.kept is None or self.failure is not None or not collected.offers(self.kept):
            get_logger().info(
                events.CATALOGUE_REFRESHED,
                tenant=self._tenant,
                backend=self._backend,
                tools=len(collected.tools),
                prompts=len(collected.prompts),
                resources=len(collected.resources),
                templates=len(collected.templates),
                faults=list(collected.faults),
            )
