"""Who may join a session, for how long it lives and how many there may be. Pure."""

from dataclasses import dataclass

from tenants.errors import SessionAhead, UnknownSession
from tenants.session_records import Session, SessionOwner


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLifetimes:
    """Durations in seconds."""

    pending_s: float = 30
    """From `initialize` to `notifications/initialized`."""
    idle_s: float = 30 * 60
    absolute_s: float = 12 * 60 * 60
    unchecked_s: float = 2
    """How long this process believes in a session without asking Redis."""
    write_back_s: float = 1
    """How often last uses are written back; below `unchecked_s`, so that a session in use is
    confirmed in the background."""

    def allowance(self, session: Session) -> float:
        """How long the session may go unused."""
        return self.idle_s if session.is_active else self.pending_s

    def remaining_ms(self, session: Session, *, now: float) -> int:
        """How long it lives if it is not used after now; at least 1."""
        remaining_s = min(self.allowance(session), session.absolute_end - now)
        return max(1, int(remaining_s * 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How many sessions may live at once (S12)."""

    per_user: int = 20
    per_tenant: int = 1000

    def of_user(self, owner: SessionOwner) -> int:
        """The user's limit. 0 for a client that acts for itself: only the tenant's counts then."""
        return 0 if owner.principal.subject == owner.principal.client_id else self.per_user


def check_alive(
    session: Session, lifetimes: SessionLifetimes, *, seen_at: float, now: float
) -> None:
    """Return if the session has not ended by itself, judged by this process's clock (R18).

    Raises:
        UnknownSession: idle for too long, or at its absolute end.
    """
    if now >= session.absolute_end:
        raise UnknownSession("absolute_end")
    if now - seen_at > lifetimes.allowance(session):
        raise UnknownSession("idle")


def check_owner(session: Session, owner: SessionOwner) -> None:
    """Return if `owner` is the session's.

    Raises:
        UnknownSession: another tenant, endpoint, issuer, subject or client.
    """
    if session.owner != owner:
        raise UnknownSession("foreign")


def check_epoch(session: Session, *, incarnation: str, epoch: int, seq_now: int) -> None:
    """Return if nothing that covers the session was revoked since it was made.

    Raises:
        UnknownSession: revoked, or made under another incarnation of the change log.
        SessionAhead: made under changes that this process does not know yet.
    """
    if session.incarnation != incarnation:
        raise UnknownSession("incarnation")
    if session.seq > seq_now:
        raise SessionAhead(session.seq)
    if epoch > session.seq:
        raise UnknownSession("revoked")
