"""The change log: one durable, gapless sequence of everything that every process must follow.

Rule: a new feature adds a kind of change, never a second mechanism. One increment of the sequence
is one change, written in the transaction that makes it true.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from tenants.revocation_scope import RevocationScope


class ChangeKind(StrEnum):
    """What happened."""

    REVOCATION = "revocation"
    BLOCK = "block"
    UNBLOCK = "unblock"
    CONFIGURATION = "configuration"
    SESSION_END = "session_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsTouched:
    """The slugs that one configuration change added, changed or removed."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def every_slug(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.added, *self.changed, *self.removed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of the log. Times are seconds since the epoch by the registry's clock.

    `scope` is there for every kind but `configuration`, which has `touched` instead.
    `until` ends a block by itself; None is until it is lifted.
    """

    seq: int
    kind: ChangeKind
    at: float
    actor: str
    reason: str
    scope: RevocationScope | None = None
    until: float | None = None
    touched: TenantsTouched | None = None

    @property
    def cut(self) -> int:
        """The cut-off of a revocation: its time in whole seconds, rounded up, as `iat` is whole."""
        return math.ceil(self.at)


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """Where a change log stands. Sequences compare only within one incarnation."""

    incarnation: str
    seq: int
