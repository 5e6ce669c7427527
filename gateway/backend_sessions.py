"""The sessions that legacy backends hold for callers' sessions: one each, opened on first use.

They are kept with the caller's session in the store, sealed, so that any node can go on with them.
One that the backend has forgotten is opened anew, once, and only because a 404 proves that nothing
ran.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from weakref import WeakValueDictionary

import msgspec

from gateway.backends.line import BackendSession
from gateway.backends.peer import BackendPeer, OutgoingRequest
from gateway.errors import BackendFailure, RateLimited
from gateway.protocol.capabilities import shown_to_backend
from gateway.protocol.revisions import Era
from observability import events
from observability.logs import get_logger
from tenants.errors import TenantError
from tenants.session_records import Session
from tenants.sessions import Sessions

LOG_LEVEL_FIELD = "log level"
_FIELD_PREFIX = "backend:"
HANG_UP_S = 2.0
SET_LEVEL_S = 5.0


async def hang_up(opened: Iterable[tuple[BackendPeer, BackendSession]]) -> None:
    """End sessions at their backends, all at once; a backend may be told in vain."""
    with suppress(TimeoutError):
        async with asyncio.timeout(HANG_UP_S):
            await asyncio.gather(*(peer.close_session(one) for peer, one in opened))


async def set_log_level(peer: BackendPeer, session: BackendSession, level: bytes) -> None:
    """Tell a backend the raw level, if it has anything to log; its refusal changes nothing."""
    with suppress(BackendFailure, RateLimited):
        exchange = await peer.request(
            OutgoingRequest(
                method="logging/setLevel",
                params={"level": level},
                revision=session.revision,
                session=session,
                timeout_s=SET_LEVEL_S,
            )
        )
        await exchange.result()


def _tell_forgotten(peer: BackendPeer) -> None:
    get_logger().info(events.BACKEND_SESSION_FORGOTTEN, tenant=peer.tenant, backend=peer.name)


@lru_cache(maxsize=4096)
def _field(name: str, url: str) -> str:
    """Bound to the URL: no other server that takes a backend's name is told its session id."""
    return f"{_FIELD_PREFIX}{name}:{hashlib.sha256(url.encode()).hexdigest()[:16]}"


class _Kept(msgspec.Struct, array_like=True):
    id: str | None
    revision: str


class BackendSessions:
    """Finds, opens and ends the sessions at backends that belong to callers' sessions."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._opening: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def of(self, session: Session, peer: BackendPeer) -> BackendSession:
        """The session at `peer` that belongs to `session`; opened if there is none.

        Raises:
            BackendUnavailable: it cannot be opened.
            UnknownSession, StoreUnavailable: it cannot be kept.
        """
        return await self._kept(session, peer) or await self._open(session, peer, None)

    async def renewed(
        self, session: Session, peer: BackendPeer, forgotten: BackendSession
    ) -> BackendSession:
        """Another one in place of one that the backend has forgotten; raises as `of` does."""
        return await self._open(session, peer, forgotten)

    async def opened(
        self, session: Session, peers: Iterable[BackendPeer]
    ) -> list[tuple[BackendPeer, BackendSession]]:
        """Every session at one of `peers` that belongs to `session`."""
        found = [(peer, await self._kept(session, peer)) for peer in peers]
        return [(peer, kept) for peer, kept in found if kept is not None]

    async def _kept(self, session: Session, peer: BackendPeer) -> BackendSession | None:
        raw = await self._sessions.recall(session, _field(peer.name, peer.backend.url))
        if raw is None:
            return None
        kept = msgspec.json.decode(raw, type=_Kept)
        return BackendSession(id=kept.id, revision=kept.revision)

    async def _open(
        self, session: Session, peer: BackendPeer, forgotten: BackendSession | None
    ) -> BackendSession:
        lock = self._opening.setdefault((session.key, peer.name), asyncio.Lock())
        async with lock:
            kept = await self._kept(session, peer)
            if kept is not None and kept != forgotten:
                return kept
            opened = await peer.open_session(
                revision=session.revision,
                capabilities=shown_to_backend(session.client_capabilities, Era.LEGACY),
                client_info=session.client_info,
            )
            if forgotten is not None:
                _tell_forgotten(peer)
            await self._keep_or_hang_up(session, peer, opened)
            await self._restore_log_level(session, peer, opened)
        return opened

    async def _keep_or_hang_up(
        self, session: Session, peer: BackendPeer, opened: BackendSession
    ) -> None:
        try:
            await self._keep(session, peer, opened)
        except TenantError:
            # The caller's session ended meanwhile: nobody would ever end this one.
            await hang_up([(peer, opened)])
            raise

    async def _keep(self, session: Session, peer: BackendPeer, opened: BackendSession) -> None:
        raw = msgspec.json.encode(_Kept(opened.id, opened.revision))
        await self._sessions.remember(session, _field(peer.name, peer.backend.url), raw)

    async def _restore_log_level(
        self, session: Session, peer: BackendPeer, opened: BackendSession
    ) -> None:
        level = await self._sessions.recall(session, LOG_LEVEL_FIELD)
        if level is not None:
            await set_log_level(peer, opened, level)
