"""What backends have asked legacy clients and not been answered yet.

Rules
1. A request goes to the client under an id of the gateway's own. Only an answer that names an
   outstanding one of that very session is taken, once; it goes back under the backend's own id.
2. The progress token of a request is the gateway's own, too: two backends may use the same one.
3. At most `MAX_PER_SESSION` wait in a session, each for at most `LIFE_S`; a call or a stream that
   ends takes those that came on it along.
"""

import itertools
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.backends.line import BackendSession
from gateway.backends.peer import BackendPeer
from gateway.errors import RateLimited
from gateway.protocol.envelope import META
from gateway.protocol.messages import (
    Notification,
    Request,
    Response,
    write_error,
    write_notification,
    write_request,
    write_result,
)
from gateway.protocol.raw_json import read_object, read_value, write_object, write_value
from tenants.session_records import Session

MAX_PER_SESSION = 32
LIFE_S = 300.0
PROGRESS_TOKEN = "progressToken"  # noqa: S105 - a member's name

_EXPIRED = -32603
_new_id = itertools.count(secrets.randbits(32) + 1).__next__

SessionKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """One request of a backend's that waits for the client of `session`."""

    id: int
    session: Session
    peer: BackendPeer
    backend_session: BackendSession
    request: Request
    asked_at: float

    @property
    def message(self) -> bytes:
        """The request as the client gets it."""
        return write_request(self.id, self.request.method, _renamed(self.request, self.id))

    @property
    def cancellation(self) -> bytes:
        """What tells the client that nobody waits any more."""
        params = {"requestId": write_value(self.id)}
        return write_notification("notifications/cancelled", params)

    async def answer(self, response: Response) -> None:
        """Hand the client's answer to the backend that asked."""
        if response.error is None:
            message = write_result(self.request.id, response.result or b"{}")
        else:
            error = response.error
            message = write_error(self.request.id, error.code, error.message, error.data)
        await self.peer.say(self.backend_session, message)

    async def progress(self, params: Mapping[str, bytes]) -> None:
        """Hand the client's progress on."""
        meta = read_object((self.request.params or {}).get(META, b"{}")) or {}
        own = {PROGRESS_TOKEN: meta[PROGRESS_TOKEN]}
        message = write_notification("notifications/progress", {**params, **own})
        await self.peer.say(self.backend_session, message)

    async def give_up(self) -> None:
        """Tell the backend that there will be no answer."""
        message = write_error(self.request.id, _EXPIRED, "The client did not answer in time")
        await self.peer.say(self.backend_session, message)


@dataclass(slots=True)
class ServerRequests:
    """Every outstanding one of this process, by session."""

    clock: Callable[[], float]
    _asked: dict[SessionKey, dict[int, Asked]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self._asked.values()))

    def ask(
        self, session: Session, peer: BackendPeer, backend_session: BackendSession, request: Request
    ) -> Asked:
        """Note a request that is about to go to the client.

        Raises:
            RateLimited: as many wait in the session as may.
        """
        waiting = self._asked.setdefault(_key(session), {})
        if len(waiting) >= MAX_PER_SESSION:
            raise RateLimited("the session's limit of open questions")
        asked = Asked(
            id=_new_id(),
            session=session,
            peer=peer,
            backend_session=backend_session,
            request=request,
            asked_at=self.clock(),
        )
        waiting[asked.id] = asked
        return asked

    def answered(self, session: Session, raw_id: bytes | None) -> Asked | None:
        """Take what this id stands for in this session; None if it stands for nothing."""
        found = self._find(session, raw_id)
        if found is not None:
            self.drop(found)
        return found

    def with_token(self, session: Session, raw_token: bytes | None) -> Asked | None:
        """The outstanding request whose progress token this is."""
        found = self._find(session, raw_token)
        if found is None:
            return None
        meta = read_object((found.request.params or {}).get(META, b"{}")) or {}
        return found if PROGRESS_TOKEN in meta else None

    def withdrawn(
        self, session: Session, backend_session: BackendSession, told: Notification
    ) -> Asked | None:
        """Take what the backend cancels: one that it asked in that very session there."""
        named = _identity((told.params or {}).get("requestId"))
        for asked in self._asked.get(_key(session), {}).values():
            is_its_own = asked.backend_session == backend_session
            if is_its_own and named == _identity(asked.request.id):
                self.drop(asked)
                return asked
        return None

    def is_open(self, asked: Asked) -> bool:
        """Whether it still waits."""
        return asked.id in self._asked.get(_key(asked.session), {})

    def drop(self, asked: Asked) -> None:
        """Nobody waits for it any more."""
        key = _key(asked.session)
        waiting = self._asked.get(key, {})
        waiting.pop(asked.id, None)
        if not waiting:
            self._asked.pop(key, None)

    def drop_session(self, session: Session) -> None:
        """The session has ended, and with it the sessions at its backends."""
        self._asked.pop(_key(session), None)

    def expired(self) -> list[Asked]:
        """Take all that waited for too long."""
        oldest = self.clock() - LIFE_S
        found = [a for waiting in self._asked.values() for a in waiting.values()]
        late = [asked for asked in found if asked.asked_at <= oldest]
        for asked in late:
            self.drop(asked)
        return late

    def _find(self, session: Session, raw_id: bytes | None) -> Asked | None:
        kind, value = _identity(raw_id)
        waiting = self._asked.get(_key(session), {})
        return waiting.get(value) if kind is int and isinstance(value, int) else None


def _key(session: Session) -> SessionKey:
    return session.owner.tenant, session.key


def _identity(raw: bytes | None) -> tuple[type, object]:
    """What an id is: decoded, because one string has several spellings; 1, "1", true differ."""
    value = None if raw is None else read_value(raw)
    return type(value), value


def _renamed(request: Request, token: int) -> dict[str, bytes] | None:
    if request.params is None:
        return None
    params = dict(request.params)
    meta = read_object(params.get(META, b"{}")) or {}
    if PROGRESS_TOKEN in meta:
        params[META] = write_object({**meta, PROGRESS_TOKEN: write_value(token)})
    return params
