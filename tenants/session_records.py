"""A session of the legacy era as a value, and as the bytes that Redis keeps. Pure.

Rules
- A record is `schema version | msgpack | HMAC-SHA256`, the HMAC over the Redis key and the rest. A
  record that was swapped between keys or tenants, or edited, is none (S15, S18).
- An unknown schema version is an unknown session: absence denies.
- The id itself is kept nowhere. Its HMAC names the session, so a dump of Redis opens nothing.
"""

import hmac
import re
from dataclasses import dataclass, replace

import msgspec

from auth.principal import Principal
from tenants.errors import SessionTooLarge, UnknownSession
from tenants.keyspace import framed

SCHEMA = b"\x01"
MAX_CLIENT_BYTES = 16 * 1024
"""Of the client's capabilities and description together."""
SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}\Z")
"""256 bits in base64url: what this gateway mints. Anything else is no session of ours."""
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOwner:
    """Whom a session belongs to and where it is used; only an equal owner may join it."""

    tenant: str
    endpoint: str
    principal: Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What was agreed at `initialize`. Times are seconds since the epoch."""

    key: str
    """Hex HMAC of the id. Not a credential; logs still take only a hash of it."""
    owner: SessionOwner
    revision: str
    client_capabilities: bytes
    client_info: bytes
    created_at: float
    absolute_end: float
    seq: int
    incarnation: str
    is_active: bool = False
    """Whether the client has confirmed by `notifications/initialized`."""

    def __post_init__(self) -> None:
        if len(self.client_capabilities) + len(self.client_info) > MAX_CLIENT_BYTES:
            raise SessionTooLarge(
                f"capabilities and clientInfo exceed {MAX_CLIENT_BYTES} bytes together"
            )

    def activated(self) -> "Session":
        """The same session, confirmed by its client."""
        return replace(self, is_active=True)


class _Record(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    tenant: str
    endpoint: str
    issuer: str
    subject: str
    client_id: str
    revision: str
    client_capabilities: bytes
    client_info: bytes
    created_at: float
    absolute_end: float
    seq: int
    incarnation: str
    is_active: bool


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Record)


def encode_record(session: Session, *, redis_key: str, mac_key: bytes) -> bytes:
    """`session` as it is stored under `redis_key`."""
    owner = session.owner
    body = SCHEMA + _encoder.encode(
        _Record(
            tenant=owner.tenant,
            endpoint=owner.endpoint,
            issuer=owner.principal.issuer,
            subject=owner.principal.subject,
            client_id=owner.principal.client_id,
            revision=session.revision,
            client_capabilities=session.client_capabilities,
            client_info=session.client_info,
            created_at=session.created_at,
            absolute_end=session.absolute_end,
            seq=session.seq,
            incarnation=session.incarnation,
            is_active=session.is_active,
        )
    )
    return body + _mac(mac_key, redis_key, body)


def decode_record(
    stored: bytes, *, key: str, redis_key: str, mac_keys: tuple[bytes, ...]
) -> Session:
    """The session stored under `redis_key`, written under any of `mac_keys`.

    Raises:
        UnknownSession: not written by us, not for this key, or in a schema that we do not know.
    """
    body, mac = stored[:-_MAC_BYTES], stored[-_MAC_BYTES:]
    if not any(hmac.compare_digest(_mac(k, redis_key, body), mac) for k in mac_keys):
        raise UnknownSession("forged")
    if not body.startswith(SCHEMA):
        raise UnknownSession("schema")
    try:
        record = _decoder.decode(body[len(SCHEMA) :])
    except msgspec.DecodeError:
        raise UnknownSession("schema") from None
    return _session(record, key)


def _session(record: _Record, key: str) -> Session:
    principal = Principal(issuer=record.issuer, subject=record.subject, client_id=record.client_id)
    return Session(
        key=key,
        owner=SessionOwner(tenant=record.tenant, endpoint=record.endpoint, principal=principal),
        revision=record.revision,
        client_capabilities=record.client_capabilities,
        client_info=record.client_info,
        created_at=record.created_at,
        absolute_end=record.absolute_end,
        seq=record.seq,
        incarnation=record.incarnation,
        is_active=record.is_active,
    )


def _mac(mac_key: bytes, redis_key: str, body: bytes) -> bytes:
    return hmac.digest(mac_key, framed(redis_key, body), "sha256")
