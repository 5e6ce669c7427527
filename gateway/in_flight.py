"""How many calls may be under way at once: per user, tenant and process.

Counters live in this process's memory; a count that falls to zero is dropped, so the tables are
as large as what is under way and no larger.
"""

from collections import Counter
from types import TracebackType
from typing import TypeVar

from auth.principal import Principal
from gateway.config.limits import Limits
from gateway.errors import Overloaded, RateLimited

_Key = TypeVar("_Key")


class InFlight:
    """The calls that are under way in this process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._users: Counter[tuple[str, Principal]] = Counter()
        self._tenants: Counter[str] = Counter()
        self.total = 0

    def enter(self, tenant: str, principal: Principal) -> "Slot":
        """Take a slot for one call; leave it by the context manager.

        Raises:
            Overloaded: the process has no room.
            RateLimited: the user or the tenant has no room.
        """
        if self.total >= self._limits.in_flight:
            raise Overloaded("the gateway has no room for another call")
        if self._tenants[tenant] >= self._limits.in_flight_per_tenant:
            raise RateLimited("the tenant's concurrency limit")
        user = (tenant, principal)
        if self._users[user] >= self._limits.in_flight_per_user:
            raise RateLimited("the user's concurrency limit")
        self.total += 1
        self._tenants[tenant] += 1
        self._users[user] += 1
        return Slot(self, user)

    def leave(self, user: tuple[str, Principal]) -> None:
        """Give a slot back."""
        self.total -= 1
        _decrement(self._tenants, user[0])
        _decrement(self._users, user)


class Slot:
    """One call's place; released when the block ends."""

    __slots__ = ("_in_flight", "_user")

    def __init__(self, in_flight: InFlight, user: tuple[str, Principal]) -> None:
        self._in_flight = in_flight
        self._user = user

    def __enter__(self) -> None:
        """Nothing to do: the place was taken when the slot was made."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the place back, however the call ended."""
        self._in_flight.leave(self._user)


def _decrement(counter: Counter[_Key], key: _Key) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
