"""Tokens that were verified a moment ago, so that a client's next call costs a digest only.

Rules: the key is the full SHA-256 of the token's bytes, the tenant and the fingerprint of the
policy (audiences included); an entry is good only for the very key set that verified it, until
five minutes have passed or its `exp` has come, whichever is first. Refusals are not remembered.
Revocations and blocks are not looked at here: they are judged live by the caller, on every call.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from auth.access_token import AccessToken

MAX_ENTRIES = 10_000
MAX_AGE_S = 300

CacheKey = tuple[bytes, str, str]


class VersionedKeys(Protocol):
    """Whatever counts its own changes; identity and version together name one set of keys."""

    @property
    def version(self) -> int:
        """Raised whenever the keys change."""
        ...


@dataclass(frozen=True, slots=True)
class _Entry:
    token: AccessToken
    keys: VersionedKeys
    version: int
    since: float
    until: float


class VerifiedTokens:
    """A bounded map of verified tokens, shared by the process; the least recently used one goes.

    `now` is the wall clock that `exp` is compared with. An entry from before a clock that was
    set back is not used.
    """

    def __init__(self, *, now: Callable[[], float], max_entries: int = MAX_ENTRIES) -> None:
        self._now = now
        self._max_entries = max_entries
        self._entries: OrderedDict[CacheKey, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    @staticmethod
    def key(bearer: str, *, tenant: str, fingerprint: str) -> CacheKey:
        """Name one token under one policy. The token itself cannot be read back from it."""
        return sha256(bearer.encode("utf-8", "surrogatepass")).digest(), tenant, fingerprint

    def find(self, key: CacheKey, current: Mapping[str, VersionedKeys]) -> AccessToken | None:
        """Give the token if neither it nor the keys that verified it have aged.

        `current` holds the key set of each issuer that counts now.
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        if not self._is_good(entry, current):
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry.token

    def keep(self, key: CacheKey, token: AccessToken, *, keys: VersionedKeys, version: int) -> None:
        """Remember `token`; `version` is that of `keys` before the signature was checked."""
        now = self._now()
        until = min(token.expires_at, now + MAX_AGE_S)
        if until <= now:
            return
        self._entries[key] = _Entry(token, keys, version, now, until)
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def _is_good(self, entry: _Entry, current: Mapping[str, VersionedKeys]) -> bool:
        keys = current.get(entry.token.principal.issuer)
        if keys is not entry.keys or keys.version != entry.version:
            return False
        return entry.since <= self._now() < entry.until
