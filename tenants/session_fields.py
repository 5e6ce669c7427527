"""What is kept with a session: sessions at backends, the log level.

Rules
- Sealed at rest, bound to the session and the field: a value that was moved opens nowhere.
- Nothing is written to a session that has ended.
- A value is kept in memory as long as the session's entry in the cache; absence is not kept, so
  that what another process remembered is found.
"""

import math

from tenants import scripts
from tenants.errors import UnknownSession
from tenants.keyspace import framed
from tenants.seals import InvalidSeal, Seal
from tenants.session_cache import SessionCache
from tenants.session_names import key_of
from tenants.session_records import Session
from tenants.store import Store


class SessionFields:
    """The remembered values of all sessions."""

    def __init__(self, store: Store, seal: Seal, cache: SessionCache) -> None:
        self._store = store
        self._seal = seal
        self._cache = cache

    async def remember(self, session: Session, field: str, value: bytes) -> None:
        """Write a value, in Redis first.

        Raises:
            UnknownSession: the session has ended.
        """
        redis_key = key_of(session)
        sealed = self._seal.seal(value, bound_to=framed(redis_key, field))
        reply = await self._store.run(
            scripts.REMEMBER_FIELD, [redis_key], [_hash_field(field), sealed]
        )
        if reply != [1]:
            self._cache.forget(redis_key)
            raise UnknownSession("ended")
        self._note(redis_key, field, value)

    async def recall(self, session: Session, field: str) -> bytes | None:
        """Read a value; None if there is none that opens."""
        redis_key = key_of(session)
        live = self._cache.get(redis_key)
        if live is not None and field in live.fields:
            return live.fields[field]
        reply = await self._store.run_read(scripts.RECALL_FIELD, [redis_key], [_hash_field(field)])
        match reply:
            case [bytes(sealed)]:
                return self._opened(redis_key, field, sealed)
            case _:
                return None

    async def forget(self, session: Session, field: str) -> None:
        """Drop a value, here even when Redis cannot be told."""
        redis_key = key_of(session)
        try:
            await self._store.run(scripts.FORGET_FIELD, [redis_key], [_hash_field(field)])
        finally:
            if (live := self._cache.get(redis_key)) is not None:
                live.fields.pop(field, None)

    def _note(self, redis_key: str, field: str, value: bytes) -> None:
        if (live := self._cache.get(redis_key)) is not None:
            live.fields[field] = value

    def _opened(self, redis_key: str, field: str, sealed: bytes) -> bytes | None:
        try:
            value = self._seal.open(
                sealed.decode("ascii", "replace"),
                bound_to=framed(redis_key, field),
                max_age_s=math.inf,
            )
        except InvalidSeal:
            return None
        self._note(redis_key, field, value)
        return value


def _hash_field(field: str) -> str:
    return f"field:{field}"
