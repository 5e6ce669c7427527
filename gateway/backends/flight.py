"""One piece of work that many wait for: it begins once, and goes on when one of them leaves.

Rules
1. Whoever comes while it is under way waits for that one; a waiter that is cancelled, or whose
   patience ends, takes nothing from the others.
2. Every failure is handed to all who wait. None escapes to the group of tasks, which is the house.
3. After `abandon` the waiters get BackendUnavailable.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.errors import BackendUnavailable

_T = TypeVar("_T")


class Flight(Generic[_T]):
    """Work for one backend, shared by all who want its outcome at the same time."""

    def __init__(
        self, backend: str, tasks: asyncio.TaskGroup, *, clock: Callable[[], float]
    ) -> None:
        self._backend = backend
        self._tasks = tasks
        self._clock = clock
        self._task: asyncio.Task[_T | BaseException] | None = None
        self._began_at = 0.0

    @property
    def under_way_s(self) -> float:
        """For how long it has been under way; 0 when it is not."""
        if self._task is None or self._task.done():
            return 0
        return self._clock() - self._began_at

    async def join(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Wait for the work that is under way, or begin it; whatever it raises is raised here."""
        if self._task is None or self._task.done():
            self._began_at = self._clock()
            self._task = self._tasks.create_task(self._fly(work))
        outcome = await asyncio.shield(self._task)
        if isinstance(outcome, BaseException):
            # One failure is raised to many: none of them is to carry the frames of the others.
            raise outcome.with_traceback(None)
        return outcome

    def abandon(self) -> None:
        """Stop what is under way."""
        if self._task is not None:
            self._task.cancel()

    async def _fly(self, work: Callable[[], Awaitable[_T]]) -> _T | BaseException:
        try:
            (outcome,) = await asyncio.gather(work(), return_exceptions=True)
        except asyncio.CancelledError:
            return BackendUnavailable(self._backend)
        return outcome
