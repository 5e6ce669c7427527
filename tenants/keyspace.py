"""The names of everything that is kept in Redis. Pure.

Rules
- Every key of a tenant begins with `pc:{slug}:`. The braces are Redis Cluster's hash tag, so that
  all keys of a tenant share a slot and one script may touch several of them.
- What comes from outside enters a key only as a digest over length-prefixed parts: no two
  different tuples of parts make the same key, whatever characters they hold.
- Keys that belong to no tenant hold no brace, so they never equal a tenant's.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from tenants.model import TENANT_SLUG

CHANGE_MARK = "pc:mark"
"""The newest {incarnation, seq} that a revoker announced."""
CHANGE_FEED = "pc:feed"
"""The pub/sub channel on which it was announced."""


def framed(*parts: str | bytes) -> bytes:
    """`parts` as one byte string from which they could be told apart again."""
    encoded = (p.encode("utf-8", "surrogatepass") if isinstance(p, str) else p for p in parts)
    return b"".join(len(part).to_bytes(8, "big") + part for part in encoded)


@dataclass(frozen=True, slots=True)
class Keyspace:
    """The keys of one tenant."""

    tenant: str

    def __post_init__(self) -> None:
        if not TENANT_SLUG.match(self.tenant):
            raise ValueError(f"not a tenant slug: {self.tenant!r}")

    @property
    def session_prefix(self) -> str:
        """What a session's digest is appended to."""
        return f"pc:{{{self.tenant}}}:session:"

    @property
    def sessions(self) -> str:
        """All live sessions of the tenant, by the time they expire."""
        return f"pc:{{{self.tenant}}}:sessions"

    def session(self, key: str) -> str:
        """One session; `key` is the hex digest of its id."""
        if len(key) != hashlib.sha256().digest_size * 2 or not set(key) <= set("0123456789abcdef"):
            raise ValueError("a session's key is a SHA-256 digest in hex")
        return self.session_prefix + key

    def user_sessions(self, issuer: str, subject: str) -> str:
        """The live sessions of one user, whatever the client, by the time they were last used."""
        return f"pc:{{{self.tenant}}}:user-sessions:{digest(issuer, subject)}"


def digest(*parts: str | bytes) -> str:
    """A name for `parts` that fits into a key."""
    return hashlib.sha256(framed(*parts)).hexdigest()


@lru_cache(maxsize=4096)
def keyspace(tenant: str) -> Keyspace:
    """The keys of `tenant`, made once."""
    return Keyspace(tenant)
