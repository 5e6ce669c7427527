"""One stream of a legacy backend and the client that can answer what is asked on it.

Rules
1. What the client did not declare, or its revision does not know, is never asked of it; nor is
   anything when it takes no stream. The caller tells the backend so at once.
2. A client that is gone is not asked.
3. When the stream ends, so does what was asked on it.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.backends.line import BackendSession
from gateway.backends.peer import BackendPeer
from gateway.errors import RateLimited
from gateway.protocol.legacy_capabilities import Refusal, refusal_of
from gateway.protocol.messages import Notification, Request, Response
from gateway.server_requests import Asked, ServerRequests
from tenants.session_records import Session

Send = Callable[[bytes], Awaitable[bool]]
"""Sends a whole message to the client; says whether somebody was there."""


class Fate(StrEnum):
    """What became of something that a backend asked, for the metric."""

    ASKED = "asked"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    UNSOLICITED = "unsolicited"
    CLIENT_GONE = "client_gone"
    TOO_MANY = "too_many"


Count = Callable[[str, str, str], None]
"""Counts tenant, method and fate (or the reason of a refusal)."""


@dataclass(slots=True, kw_only=True)
class Conversation:
    """What may be asked on one stream, and what was."""

    requests: ServerRequests
    count: Count
    session: Session
    peer: BackendPeer
    backend_session: BackendSession
    send: Send
    can_send: bool = True
    _open: list[Asked] = field(default_factory=list)

    async def ask(self, request: Request) -> bool:
        """Take a request to the client, if it can be asked; says whether it was."""
        refusal = self._refusal(request)
        if refusal is not None:
            self._count(request, refusal)
            return False
        try:
            asked = self.requests.ask(self.session, self.peer, self.backend_session, request)
        except RateLimited:
            self._count(request, Fate.TOO_MANY)
            return False
        self._open = [one for one in self._open if self.requests.is_open(one)] + [asked]
        if not await self.send(asked.message):
            self.requests.drop(asked)
            self._count(request, Fate.CLIENT_GONE)
            return False
        self._count(request, Fate.ASKED)
        return True

    async def withdraw(self, told: Notification) -> None:
        """The backend cancels what it asked: the client is told under its own id."""
        asked = self.requests.withdrawn(self.session, self.backend_session, told)
        if asked is not None:
            self._count(asked.request, Fate.WITHDRAWN)
            await self.send(asked.cancellation)

    @contextmanager
    def held(self) -> Iterator["Conversation"]:
        """Drop what is still open when the block ends."""
        try:
            yield self
        finally:
            for asked in self._open:
                self.requests.drop(asked)

    def _refusal(self, request: Request) -> str | None:
        session = self.session
        found = refusal_of(request, session.revision, session.client_capabilities)
        if found is None and not self.can_send:
            return Fate.CLIENT_GONE
        return None if found is None else found.value

    def _count(self, request: Request, fate: str) -> None:
        self.count(self.session.owner.tenant, request.method, fate)


async def take_answer(
    requests: ServerRequests, session: Session, response: Response, count: Count
) -> bool:
    """Hand a client's answer to the backend that asked; says whether anybody had."""
    asked = requests.answered(session, response.id)
    if asked is None:
        count(session.owner.tenant, "", Fate.UNSOLICITED)
        return False
    count(session.owner.tenant, asked.request.method, Fate.ANSWERED)
    await asked.answer(response)
    return True


async def give_up_expired(requests: ServerRequests, count: Count) -> None:
    """Tell the backends whose questions nobody answered in time."""
    for asked in requests.expired():
        count(asked.session.owner.tenant, asked.request.method, Fate.EXPIRED)
        await asked.give_up()


__all__ = ["Conversation", "Count", "Fate", "Refusal", "Send", "give_up_expired", "take_answer"]
