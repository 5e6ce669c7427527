"""Under which names a session lies in Redis. Pure."""

import hmac

from tenants.keyspace import keyspace
from tenants.session_records import Session, SessionOwner


def name_of(name_key: bytes, session_id: str) -> str:
    """What Redis knows a session by: the HMAC of its id, in hex."""
    return hmac.digest(name_key, session_id.encode("ascii"), "sha256").hex()


def key_of(session: Session) -> str:
    """The Redis key of the session itself."""
    return keyspace(session.owner.tenant).session(session.key)


def keys_of(session: Session) -> list[str]:
    """The session, the sorted set of its user's sessions, that of its tenant's."""
    keys, principal = keyspace(session.owner.tenant), session.owner.principal
    user = keys.user_sessions(principal.issuer, principal.subject)
    return [keys.session(session.key), user, keys.sessions]


def is_same_user(one: SessionOwner, other: SessionOwner) -> bool:
    """Whether both count against one user's limit, whatever the client and endpoint."""
    return (one.tenant, one.principal.issuer, one.principal.subject) == (
        other.tenant,
        other.principal.issuer,
        other.principal.subject,
    )
