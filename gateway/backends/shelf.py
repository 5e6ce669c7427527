"""A backend's catalogue as this process keeps it.

Rules
1. However many ask for a fresh one at the same time, it is collected once.
2. When it cannot be collected the last good one stays, and `failure` says what is wrong. For a
   while it is not tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.backends.breaker import Cooldown
from gateway.backends.catalogue import Catalogue
from gateway.errors import BackendFailure, BackendUnavailable


class Shelf:
    """The last good catalogue and what is wrong since."""

    def __init__(
        self,
        backend: str,
        collect: Callable[[], Awaitable[Catalogue]],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._backend = backend
        self._collect = collect
        self._clock = clock
        self._lock = asyncio.Lock()
        self._cooldown = Cooldown(clock)
        self._kept: Catalogue | None = None
        self.failure: BackendFailure | None = None

    async def catalogue(self, max_age_s: float) -> Catalogue:
        """A catalogue that is not older than `max_age_s`, or else the last good one.

        Raises:
            BackendFailure: there is none and none can be had.
        """
        asked_at = self._clock()
        if not self._is_there(asked_at - max_age_s):
            async with self._lock:
                if not self._is_there(asked_at):
                    await self._refresh()
        if self._kept is None:
            raise self.failure or BackendUnavailable(self._backend)
        return self._kept

    def _is_there(self, since: float) -> bool:
        return self._kept is not None and self._kept.collected_at >= since

    async def _refresh(self) -> None:
        if not self._cooldown.is_over:
            return
        try:
            self._kept = await self._collect()
        except BackendFailure as failure:
            self.failure = failure
            self._cooldown.extend()
            return
        self.failure = None
        self._cooldown.end()
