"""The streams that clients of legacy sessions open by GET, for what belongs to no call.

Rules
1. At most `MAX_STREAMS` in a session; one more is refused and replaces none (S05).
2. Each message goes on exactly one of them: the newest whose client is there (2025-11-25,
   transports: "the server MUST NOT broadcast the same message across multiple streams").
3. A stream ends with its token and its leeway, after `stream_s`, with its session, with a sign-out
   and when the node leaves; the session lives on for the next one (S13).
4. While one is open, the session's backends are listened to. That a list changed is told once,
   though several of them say so at the same time.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from gateway.admission import Admission
from gateway.backend_streams import BackendStreams, Following
from gateway.config.limits import Limits
from gateway.connections import Connection
from gateway.cut_offs import CutOffs
from gateway.errors import NotAcceptable, RateLimited
from gateway.protocol.messages import write_notification
from gateway.replies import Heartbeats, Reply
from tenants.session_records import Session
from tenants.sessions import Sessions
from tenants.view import View

MAX_STREAMS = 4
GATHERING_S = 0.1
"""How long a change of a list waits for others of its kind before it is told."""
WATCH_S = 1.0

_Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class _Stream:
    admission: Admission
    session: Session
    reply: Reply
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class SessionStreams:
    """All of them in this process. `now` is wall time, as tokens tell it."""

    def __init__(
        self,
        *,
        backends: BackendStreams,
        sessions: Sessions,
        cut_offs: CutOffs,
        heartbeats: Heartbeats,
        limits: Limits,
        now: Callable[[], float],
    ) -> None:
        self._backends = backends
        self._sessions = sessions
        self._cut_offs = cut_offs
        self._heartbeats = heartbeats
        self._limits = limits
        self._now = now
        self._open: dict[_Key, list[_Stream]] = {}
        self._following: dict[_Key, Following] = {}
        self._gathering: set[tuple[_Key, str]] = set()

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    async def serve(
        self, request: web.BaseRequest, admission: Admission, session: Session, reply: Reply
    ) -> web.StreamResponse:
        """Open a stream, keep it, and end it.

        Raises:
            NotAcceptable: the client does not take streams.
            RateLimited: as many are open in this session as may.
        """
        if not reply.can_stream:
            raise NotAcceptable("text/event-stream is not accepted")
        stream = self._enter(admission, session, reply)
        connection = request.protocol
        try:
            if isinstance(connection, Connection):
                connection.on_lost = stream.ended.set
            await self._keep(stream)
        finally:
            if isinstance(connection, Connection):
                connection.on_lost = None
            await self._leave(stream)
        return await reply.end()

    def has(self, session: Session) -> bool:
        """Whether the session has a stream here."""
        return _key(session) in self._open

    async def begun(self, session: Session, backend: str) -> None:
        """Wait a moment for a backend that is about to be listened to for this session."""
        following = self._following.get(_key(session))
        if following is not None:
            await following.begun(backend)

    async def tell(self, session: Session, message: bytes) -> bool:
        """Send a whole message on exactly one stream of the session; False if nobody is there."""
        for stream in reversed(self._open.get(_key(session), [])):
            if stream.ended.is_set():
                continue
            await stream.reply.send(message)
            if not stream.reply.is_broken:
                return True
            stream.ended.set()
        return False

    async def announce(self, session: Session, method: str) -> None:
        """Tell that a list changed, together with whatever else says so right now."""
        gathering = (_key(session), method)
        if gathering in self._gathering:
            return
        self._gathering.add(gathering)
        try:
            await asyncio.sleep(GATHERING_S)
        finally:
            self._gathering.discard(gathering)
        await self.tell(session, write_notification(method))

    def revisit(self, view: View) -> None:
        """End the streams of tenants that are another now: their backends may be, too."""
        for streams in self._open.values():
            for stream in streams:
                tenant = stream.admission.endpoint.tenant.tenant
                if view.snapshot.tenants.get(tenant.slug) != tenant:
                    stream.ended.set()

    def end_all(self) -> None:
        """The node leaves: every stream ends, and its client comes back elsewhere."""
        for streams in self._open.values():
            for stream in streams:
                stream.ended.set()

    async def watch(self) -> None:
        """End, for ever, the streams of sessions that ended on another node."""
        while True:
            await asyncio.sleep(WATCH_S)
            for streams in tuple(self._open.values()):
                for stream in streams:
                    if not self._sessions.is_known(stream.session):
                        stream.ended.set()

    def _enter(self, admission: Admission, session: Session, reply: Reply) -> _Stream:
        streams = self._open.setdefault(_key(session), [])
        if len(streams) >= MAX_STREAMS:
            raise RateLimited("the session's stream limit")
        stream = _Stream(admission, session, reply)
        streams.append(stream)
        return stream

    async def _keep(self, stream: _Stream) -> None:
        admission, session, reply = stream.admission, stream.session, stream.reply
        with (
            self._sessions.hold(session),
            self._cut_offs.watching(admission, session, stream.ended.set),
            self._heartbeats.watching(reply),
        ):
            await reply.open()
            key = _key(session)
            if key not in self._following:
                self._following[key] = self._backends.follow(admission, session, self)
            try:
                async with asyncio.timeout(self._life_s(admission, session)):
                    await stream.ended.wait()
            except TimeoutError:
                return

    async def _leave(self, stream: _Stream) -> None:
        key = _key(stream.session)
        streams = self._open[key]
        streams.remove(stream)
        if streams:
            return
        del self._open[key]
        following = self._following.pop(key, None)
        if following is not None:
            following.stop()

    def _life_s(self, admission: Admission, session: Session) -> float:
        now = self._now()
        token_end = admission.token.expires_at + _leeway_s(admission)
        return max(0.0, min(token_end - now, session.absolute_end - now, self._limits.stream_s))


def _leeway_s(admission: Admission) -> float:
    policy = admission.endpoint.policy.issuers.get(admission.principal.issuer)
    return 0.0 if policy is None else policy.leeway_s


def _key(session: Session) -> _Key:
    return session.owner.tenant, session.key
