"""The sessions that this process has seen lately: bounded, least recently used first out. Pure.

Only sessions that exist are kept here, never the answer that one does not.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from tenants.session_records import Session

HOLD_RENEWAL_S = 5.0
"""How often Redis is told that a session is still open. sessions.BUSY_LEASE_MS is 3 times that."""


@dataclass(slots=True, kw_only=True)
class LiveSession:
    """A session and what this process knows of its life."""

    session: Session
    checked_at: float
    """When Redis last confirmed it, on the monotonic clock."""
    seen_at: float
    """When it was last used, in seconds since the epoch."""
    fields: dict[str, bytes] = field(default_factory=dict)


class SessionCache:
    """Live sessions by Redis key, and which of them have a last use to be written back."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._live: OrderedDict[str, LiveSession] = OrderedDict()
        self._used: dict[str, LiveSession] = {}
        self._holds: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._live)

    def get(self, redis_key: str) -> LiveSession | None:
        """The session if it is known here."""
        return self._live.get(redis_key) or self._used.get(redis_key)

    def put(self, redis_key: str, live: LiveSession) -> None:
        """Keep a session, in place of an older picture of it."""
        if redis_key in self._used:
            self._used[redis_key] = live
        self._live[redis_key] = live
        self._live.move_to_end(redis_key)
        if len(self._live) > self._size:
            self._live.popitem(last=False)

    def use(self, redis_key: str, live: LiveSession, *, now: float) -> None:
        """Note that the session is used now. A pending one does not live longer by it."""
        live.seen_at = now
        if live.session.is_active:
            self._used[redis_key] = live
        if redis_key in self._live:
            self._live.move_to_end(redis_key)

    def forget(self, redis_key: str) -> None:
        """The session is gone."""
        self._live.pop(redis_key, None)
        self._used.pop(redis_key, None)

    def hold(self, redis_key: str, *, now: float) -> None:
        """A call or stream is open on the session."""
        self._holds[redis_key] += 1
        self._note_use(redis_key, now)

    def release(self, redis_key: str, *, now: float) -> None:
        """It is no longer."""
        self._holds[redis_key] -= 1
        if not self._holds[redis_key]:
            del self._holds[redis_key]
        self._note_use(redis_key, now)

    def is_held(self, redis_key: str) -> bool:
        """Whether any call or stream of this process is open on the session."""
        return redis_key in self._holds

    def to_write_back(self, *, now: float) -> list[tuple[str, LiveSession]]:
        """Active sessions used since they were last written back. What is open is in use."""
        for redis_key in self._holds:
            live = self.get(redis_key)
            if live is not None and now - live.seen_at >= HOLD_RENEWAL_S:
                self.use(redis_key, live, now=now)
        return list(self._used.items())

    def written_back(self, redis_key: str, *, seen_at: float) -> None:
        """Redis knows of the session's use up to `seen_at`."""
        live = self._used.get(redis_key)
        if live is not None and live.seen_at <= seen_at:
            del self._used[redis_key]

    def drop_idle(self, *, before: float) -> None:
        """Let go of sessions that were last used before that time, oldest first."""
        while self._live:
            redis_key, live = next(iter(self._live.items()))
            if live.seen_at >= before:
                return
            self.forget(redis_key)

    def _note_use(self, redis_key: str, now: float) -> None:
        if (live := self.get(redis_key)) is not None:
            self.use(redis_key, live, now=now)
