"""The resources that a legacy session has subscribed to, and at which backend.

They are kept with the session, so that a session which a backend forgot gets them back.

Rule: at most `MAX_SUBSCRIPTIONS` in a session.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from weakref import WeakValueDictionary

import msgspec

from gateway.backends.line import BackendSession
from gateway.backends.peer import BackendPeer, OutgoingRequest
from gateway.errors import BackendFailure, RateLimited
from gateway.protocol.raw_json import write_value
from tenants.session_records import Session
from tenants.sessions import Sessions

FIELD = "subscriptions"
MAX_SUBSCRIPTIONS = 256
SUBSCRIBE_S = 5.0

_Subscription = tuple[str, str]
"""A backend's name and a URI."""

_read = msgspec.json.Decoder(list[_Subscription]).decode


async def subscribed(sessions: Sessions, session: Session) -> list[tuple[str, str]]:
    """Every backend's name and URI, in the order of subscribing."""
    raw = await sessions.recall(session, FIELD)
    return [] if raw is None else _read(raw)


async def subscribe_anew(peer: BackendPeer, session: BackendSession, uris: Iterable[str]) -> None:
    """Subscribe in a session that takes the place of another; a refusal changes nothing."""
    for uri in uris:
        with suppress(BackendFailure, RateLimited):
            exchange = await peer.request(
                OutgoingRequest(
                    method="resources/subscribe",
                    params={"uri": write_value(uri)},
                    revision=session.revision,
                    session=session,
                    timeout_s=SUBSCRIBE_S,
                )
            )
            await exchange.result()


class ResourceSubscriptions:
    """Notes what sessions subscribe to, one change of a session at a time."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def owner(self, session: Session, uri: str) -> str | None:
        """The backend at which the session has subscribed to `uri`."""
        found = await subscribed(self._sessions, session)
        return next((backend for backend, known in found if known == uri), None)

    @asynccontextmanager
    async def adding(self, session: Session, backend: str, uri: str) -> AsyncIterator[None]:
        """Note a subscription if the block, which makes it, succeeds.

        Raises:
            RateLimited: the session has as many as it may have.
        """
        async with self._lock(session):
            known = await subscribed(self._sessions, session)
            if (backend, uri) not in known and len(known) >= MAX_SUBSCRIPTIONS:
                raise RateLimited("the session's subscription limit")
            yield
            if (backend, uri) not in known:
                await self._keep(session, [*known, (backend, uri)])

    async def remove(self, session: Session, backend: str, uri: str) -> None:
        """Forget a subscription."""
        async with self._lock(session):
            known = await subscribed(self._sessions, session)
            if (backend, uri) in known:
                await self._keep(session, [one for one in known if one != (backend, uri)])

    def _lock(self, session: Session) -> asyncio.Lock:
        return self._changing.setdefault(session.key, asyncio.Lock())

    async def _keep(self, session: Session, found: list[_Subscription]) -> None:
        await self._sessions.remember(session, FIELD, msgspec.json.encode(found))
