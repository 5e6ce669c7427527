"""Sessions of the legacy era: made, joined, kept alive and ended, over Redis.

Rules
- Ids are minted here and given out once. Redis knows a session by the HMAC of its id.
- A session in use costs the request no command: its record is in this process's cache, and the
  write-back of its last use, once a second, also confirms that it still exists. One that was not
  confirmed for 2 s is read again on use, so an end on another node is seen within that time.
- Revocation is not cached: every join compares the epoch that the caller's view holds now.
- That a session does not exist is never remembered. What is unknown, foreign, ended or revoked is
  one error; its cause is for the audit alone.
"""

import asyncio
import base64
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from tenants import scripts
from tenants.errors import SessionLimit, StoreUnavailable, UnknownSession
from tenants.keyspace import keyspace
from tenants.seals import SealingRoot
from tenants.session_cache import LiveSession, SessionCache
from tenants.session_fields import SessionFields
from tenants.session_names import is_same_user, key_of, keys_of, name_of
from tenants.session_records import (
    SESSION_ID,
    Session,
    SessionOwner,
    decode_record,
    encode_record,
)
from tenants.session_rules import (
    SessionLifetimes,
    SessionLimits,
    check_alive,
    check_epoch,
    check_owner,
)
from tenants.store import Argument, Store

BUSY_LEASE_MS = 15_000
"""How long a mark of being open outlives the process that made it."""


def new_session_id() -> str:
    """256 bits from the operating system, in base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode("ascii")


class Sessions:
    """All legacy sessions, as this process sees them.

    `now` is wall time (records are read by other machines), `clock` is monotonic.
    """

    def __init__(
        self,
        store: Store,
        seals: SealingRoot,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = new_session_id,
        lifetimes: SessionLifetimes | None = None,
        limits: SessionLimits | None = None,
        cache_size: int = 10_000,
    ) -> None:
        self._store = store
        self._now = now
        self._clock = clock
        self._new_id = new_id
        self._lifetimes = lifetimes or SessionLifetimes()
        self._limits = limits or SessionLimits()
        self._cache = SessionCache(cache_size)
        self._name_keys = seals.derive("session id")
        self._mac_keys = seals.derive("session record")
        self._fields = SessionFields(store, seals.seal("session field", now=now), self._cache)

    @property
    def active(self) -> int:
        """How many sessions this process has in its cache, for the metric."""
        return len(self._cache)

    async def create(
        self,
        owner: SessionOwner,
        *,
        revision: str,
        client_capabilities: bytes,
        client_info: bytes,
        seq: int,
        incarnation: str,
    ) -> tuple[str, Session]:
        """Mint a session and give its id, this once. It is pending until it is activated.

        At the owner's limit its own longest-idle session without an open call or stream ends.

        Raises:
            SessionLimit: the limit is reached and none of the owner's own can be ended.
            SessionTooLarge: the client says too much about itself.
            StoreUnavailable: nothing was created, or nothing that will ever be joined.
        """
        session_id, now = self._new_id(), self._now()
        session = Session(
            key=name_of(self._name_keys[0], session_id),
            owner=owner,
            revision=revision,
            client_capabilities=client_capabilities,
            client_info=client_info,
            created_at=now,
            absolute_end=now + self._lifetimes.absolute_s,
            seq=seq,
            incarnation=incarnation,
        )
        # The limit is about to be judged by last uses: let Redis know this process's.
        await self._touch(
            [pair for pair in self._used(now) if is_same_user(pair[1].session.owner, owner)]
        )
        await self._insert(session, now)
        return session_id, session

    async def join(
        self,
        session_id: str,
        owner: SessionOwner,
        *,
        incarnation: str,
        epoch: Callable[[Session], int],
        seq_now: int,
    ) -> Session:
        """Find the live session of that id, if it is `owner`'s and nothing revoked it.

        A session that was used lately is found without a command and without suspending.

        Raises:
            UnknownSession: unknown, foreign, ended or revoked.
            SessionAhead: refresh the view, then join again.
            StoreUnavailable: Redis must be asked and cannot be.
        """
        now = self._now()
        redis_key, live = self._warm(session_id, owner.tenant) or await self._load(
            session_id, owner.tenant
        )
        session = live.session
        check_owner(session, owner)
        check_alive(session, self._lifetimes, seen_at=live.seen_at, now=now)
        check_epoch(session, incarnation=incarnation, epoch=epoch(session), seq_now=seq_now)
        if self._cache.get(redis_key) is not live:
            self._cache.put(redis_key, live)
        self._cache.use(redis_key, live, now=now)
        return session

    async def activate(self, session: Session) -> None:
        """The client has confirmed the session: from now on it may idle for longer.

        Raises:
            UnknownSession: it has ended meanwhile.
        """
        redis_key = key_of(session)
        live = self._cache.get(redis_key)
        if session.is_active or (live is not None and live.session.is_active):
            return
        active, now, checked_at = session.activated(), self._now(), self._clock()
        record = encode_record(active, redis_key=redis_key, mac_key=self._mac_keys[0])
        call = self._touching(redis_key, active, seen_at=now)
        reply = await self._store.run(scripts.TOUCH_SESSION, call[0], [*call[1], record])
        self._require(redis_key, reply)
        fields = live.fields if live is not None else {}
        self._cache.put(
            redis_key,
            LiveSession(session=active, checked_at=checked_at, seen_at=now, fields=fields),
        )

    async def end(self, session: Session) -> None:
        """End this session, and no other.

        Raises:
            UnknownSession: it had ended already.
        """
        redis_key = key_of(session)
        self._cache.forget(redis_key)
        keys = keys_of(session)
        try:
            reply = await self._store.run(scripts.END_SESSION, keys, [session.key])
        finally:
            self._cache.forget(redis_key)  # a join may have read it meanwhile
        self._require(redis_key, reply)

    def is_known(self, session: Session) -> bool:
        """Whether this process still has it: one that ended elsewhere is gone with a write-back."""
        return self._cache.get(key_of(session)) is not None

    @contextmanager
    def hold(self, session: Session) -> Iterator[None]:
        """While a call or stream is open: the session is in use and is not ended for another."""
        redis_key = key_of(session)
        self._cache.hold(redis_key, now=self._now())
        try:
            yield
        finally:
            self._cache.release(redis_key, now=self._now())

    async def remember(self, session: Session, field: str, value: bytes) -> None:
        """Keep a value with the session, sealed, for as long as the session lives.

        Raises:
            UnknownSession: it has ended; nothing brings it back.
        """
        await self._fields.remember(session, field, value)

    async def recall(self, session: Session, field: str) -> bytes | None:
        """The value remembered under `field`, None if there is none (or it was tampered with).

        What this process has seen is answered from memory, absence never.
        """
        return await self._fields.recall(session, field)

    async def forget(self, session: Session, field: str) -> None:
        """Drop what was remembered under `field`."""
        await self._fields.forget(session, field)

    async def write_back(self) -> None:
        """Tell Redis which sessions were used lately; let go of those that it no longer has."""
        now = self._now()
        self._cache.drop_idle(before=now - self._lifetimes.idle_s)
        await self._touch(self._used(now))

    async def run(self) -> None:
        """Write back for ever. While Redis is away, what was used stays noted."""
        while True:
            await asyncio.sleep(self._lifetimes.write_back_s)
            with suppress(StoreUnavailable):
                await self.write_back()

    def _warm(self, session_id: str, tenant: str) -> tuple[str, LiveSession] | None:
        if not SESSION_ID.match(session_id):
            raise UnknownSession("malformed")
        oldest = self._clock() - self._lifetimes.unchecked_s
        for name_key in self._name_keys:
            redis_key = keyspace(tenant).session(name_of(name_key, session_id))
            live = self._cache.get(redis_key)
            if live is not None and live.checked_at >= oldest:
                return redis_key, live
        return None

    async def _load(self, session_id: str, tenant: str) -> tuple[str, LiveSession]:
        for name_key in self._name_keys:
            key = name_of(name_key, session_id)
            redis_key = keyspace(tenant).session(key)
            checked_at = self._clock()
            match await self._store.run_read(scripts.LOAD_SESSION, [redis_key]):
                case [bytes(record), bytes(seen)]:
                    session = decode_record(
                        record, key=key, redis_key=redis_key, mac_keys=self._mac_keys
                    )
                    return redis_key, LiveSession(
                        session=session, checked_at=checked_at, seen_at=_seconds(seen)
                    )
                case _:
                    self._cache.forget(redis_key)
        raise UnknownSession

    async def _insert(self, session: Session, now: float) -> None:
        owner, redis_key = session.owner, key_of(session)
        record = encode_record(session, redis_key=redis_key, mac_key=self._mac_keys[0])
        checked_at = self._clock()
        prefix = keyspace(owner.tenant).session_prefix
        reply = await self._store.run(
            scripts.CREATE_SESSION,
            keys_of(session),
            [
                record,
                session.key,
                prefix,
                _milliseconds(now),
                self._lifetimes.remaining_ms(session, now=now),
                _milliseconds(self._lifetimes.idle_s),
                self._limits.of_user(owner),
                self._limits.per_tenant,
                BUSY_LEASE_MS,
            ],
        )
        match reply:
            case [b"made", bytes(ended)]:
                self._cache.forget(prefix + ended.decode())
                self._cache.put(
                    redis_key, LiveSession(session=session, checked_at=checked_at, seen_at=now)
                )
            case _:
                raise SessionLimit

    def _used(self, now: float) -> list[tuple[str, LiveSession]]:
        return self._cache.to_write_back(now=now)

    async def _touch(self, used: Sequence[tuple[str, LiveSession]]) -> None:
        if not used:
            return
        checked_at = self._clock()
        seen = [live.seen_at for _, live in used]
        calls = [self._touching(key, live.session, seen_at=live.seen_at) for key, live in used]
        replies = await self._store.run_batch(scripts.TOUCH_SESSION, calls)
        for (redis_key, live), seen_at, reply in zip(used, seen, replies, strict=True):
            if reply == [1]:
                live.checked_at = checked_at
                self._cache.written_back(redis_key, seen_at=seen_at)
            else:
                self._cache.forget(redis_key)

    def _touching(
        self, redis_key: str, session: Session, *, seen_at: float
    ) -> tuple[list[str], list[Argument]]:
        seen_ms = _milliseconds(seen_at)
        score = seen_ms + scripts.BUSY if self._cache.is_held(redis_key) else seen_ms
        ttl_ms = self._lifetimes.remaining_ms(session, now=seen_at)
        idle_ms = _milliseconds(self._lifetimes.idle_s)
        return keys_of(session), [session.key, seen_ms, score, ttl_ms, idle_ms]

    def _require(self, redis_key: str, reply: Sequence[object]) -> None:
        """A script answers 0 when the session is gone."""
        if reply != [1]:
            self._cache.forget(redis_key)
            raise UnknownSession("ended")


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _seconds(milliseconds: bytes) -> float:
    return int(milliseconds) / 1000
