"""What can go wrong on the tenants' floor.

TenantError
 +- UnknownTenant        no such tenant or endpoint, or it was deleted
 +- TenantSuspended      it exists and is switched off
 +- UnknownSession       unknown, foreign, ended or revoked: the caller cannot tell which
 +- SessionLimit         the user's or the tenant's live sessions are used up
 +- SessionTooLarge      what the client says about itself is more than a session keeps
 +- SessionAhead         the session is younger than this process's view: refresh, compare again
 +- StoreUnavailable     Redis is needed and cannot be had
 |   +- StoreUnsuitable  it answers, and is none that sessions may be kept in
 +- RegistryUnavailable  the registry database is needed and cannot be had
 +- ViewStale            this process's picture of the change log is older than its lease
 +- InvalidDefinition    a tenant's definition has faults, each with its path
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class TenantError(Exception):
    """Base of everything that this floor raises on purpose."""

    reason: ClassVar[str]


class UnknownTenant(TenantError):
    """No such tenant or endpoint."""

    reason = "unknown_endpoint"


class TenantSuspended(TenantError):
    """The tenant exists and is suspended."""

    reason = "tenant_suspended"


class UnknownSession(TenantError):
    """Unknown, foreign, ended or revoked. `cause` is for the audit alone."""

    reason = "unknown_session"

    def __init__(self, cause: str = "unknown") -> None:
        super().__init__(cause)
        self.cause = cause


class SessionLimit(TenantError):
    """Too many live sessions and none of the caller's own could be ended instead."""

    reason = "rate_limited"


class SessionTooLarge(TenantError):
    """The client's capabilities and description exceed what a session keeps of them."""

    reason = "invalid_params"


class SessionAhead(TenantError):
    """The session was made under a change log newer than this process's view.

    Internal: the caller refreshes its view once and joins again. Still ahead means that the
    registry lost changes, which moves the incarnation.
    """

    reason = "view_stale"

    def __init__(self, seq: int) -> None:
        super().__init__(f"session of sequence {seq}")
        self.seq = seq


class StoreUnavailable(TenantError):
    """Redis did not answer, or not in time, or not with something usable."""

    reason = "store_unavailable"


class StoreUnsuitable(StoreUnavailable):
    """Redis answers and must not be used: too old, a replica, or one that evicts.

    At start-up the message is for the operator; later it is a `StoreUnavailable` like others.
    """


class RegistryUnavailable(TenantError):
    """The registry database did not answer, or not in time."""

    reason = "registry_unavailable"


class ViewStale(TenantError):
    """The revocation view is older than its lease: nothing may be admitted by it."""

    reason = "view_stale"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a definition, at a path like `tenants.acme.issuers[0].issuer`."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class InvalidDefinition(TenantError):
    """All faults of a definition in one report."""

    reason = "invalid_definition"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)
