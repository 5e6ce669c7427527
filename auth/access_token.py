"""The proof of a verified token. Only `auth.tokens` makes one; everything else receives it."""

from dataclasses import dataclass

from auth.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A verified RFC 9068 access token. Times are seconds since the epoch, as claimed."""

    principal: Principal
    scopes: frozenset[str]
    audiences: frozenset[str]
    issued_at: float
    expires_at: float
    token_id: str
    clock_ahead_s: float
    """How far its issuer's clock may run ahead of ours (revocation cut-offs, see tenants)."""
    actor: str | None = None
    """The outermost RFC 8693 `act.sub`: recorded in the audit, never a source of rights."""
