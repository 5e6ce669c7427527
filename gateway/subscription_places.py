"""How many subscriptions may be open at once: per user and per tenant (security case J26).

A user is a subject at an issuer, with however many clients. Counted in this process.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from auth.principal import Principal
from gateway.config.limits import Limits
from gateway.errors import RateLimited
from observability.instruments import Instruments

RETRY_AFTER_S = 5


class SubscriptionPlaces:
    """The places that are taken."""

    def __init__(self, limits: Limits, instruments: Instruments) -> None:
        self._limits = limits
        self._active = instruments.subscriptions_active
        self._refused = instruments.subscriptions_refused
        self._users: Counter[tuple[str, str, str]] = Counter()
        self._tenants: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(self._tenants.values())

    @contextmanager
    def taken(self, tenant: str, principal: Principal) -> Iterator[None]:
        """Hold a place while the block runs.

        Raises:
            RateLimited: the user or the tenant has none left.
        """
        user = (tenant, principal.issuer, principal.subject)
        self._check(user)
        self._count(user, 1)
        try:
            yield
        finally:
            self._count(user, -1)

    def _check(self, user: tuple[str, str, str]) -> None:
        tenant = user[0]
        if self._users[user] >= self._limits.subscriptions_per_user:
            which = "the user's limit of subscriptions"
        elif self._tenants[tenant] >= self._limits.subscriptions_per_tenant:
            which = "the tenant's limit of subscriptions"
        else:
            return
        self._refused.labels(tenant=tenant).inc()
        self._forget_empty(user)
        raise RateLimited(which, retry_after_s=RETRY_AFTER_S)

    def _count(self, user: tuple[str, str, str], change: int) -> None:
        self._users[user] += change
        self._tenants[user[0]] += change
        self._active.labels(tenant=user[0]).inc(change)
        self._forget_empty(user)

    def _forget_empty(self, user: tuple[str, str, str]) -> None:
        if self._users[user] <= 0:
            del self._users[user]
        if self._tenants[user[0]] <= 0:
            del self._tenants[user[0]]
