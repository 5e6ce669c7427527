"""Listening to the legacy backends of a session, while its client listens to the gateway.

Rules
1. It is the caller's own session at each backend that is listened to; one that is not there yet is
   opened, one that the backend forgot is opened anew.
2. A backend that offers no stream, or cannot be had in this era, is let be. One that fails is tried
   again, less and less often; one whose stream ends is asked again when it wants to be.
3. What it says goes to this session alone. Progress belongs to calls and is dropped; that a list
   changed also makes the gateway's own lists doubtful.
4. A call waits, once and for a moment, until its backend is listened to: what a backend asks beside
   its calls would be said to nobody.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from gateway.admission import Admission
from gateway.backend_sessions import BackendSessions
from gateway.backends.errors import NoStream, SessionForgotten
from gateway.backends.line import BackendSession
from gateway.backends.overhearing import Overhearing
from gateway.backends.peer import BackendPeer
from gateway.conversations import Conversation, Count
from gateway.errors import BackendFailure, EraImpossible
from gateway.protocol.messages import Notification, Request, write_error, write_result
from gateway.protocol.methods import LIST_CHANGES, OUTSIDE_OF_CALLS
from gateway.protocol.revisions import Era
from gateway.server_requests import ServerRequests
from tenants.errors import StoreUnavailable, TenantError
from tenants.session_records import Session

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
FIRST_WORD_S = 0.25
"""How long calls wait for a stream that is being opened."""
METHOD_NOT_FOUND = -32601


class Client(Protocol):
    """Where a session's client is told something outside of calls."""

    async def tell(self, session: Session, message: bytes) -> bool:
        """Send a message; says whether anybody was there."""

    async def announce(self, session: Session, method: str) -> None:
        """Tell that a list changed."""


@dataclass(slots=True)
class Following:
    """The listening of one session."""

    _tasks: list[asyncio.Task[None]]
    _tried: Mapping[str, asyncio.Event]

    async def begun(self, backend: str) -> None:
        """Wait until a backend is listened to, or could not be at once, or takes its time."""
        tried = self._tried.get(backend)
        if tried is None or tried.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_WORD_S):
                await tried.wait()
        tried.set()

    def stop(self) -> None:
        """Let go of every stream."""
        for task in self._tasks:
            task.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStreams:
    """Listens on behalf of sessions."""

    tasks: asyncio.TaskGroup
    backend_sessions: BackendSessions
    requests: ServerRequests
    count: Count

    def follow(self, admission: Admission, session: Session, client: Client) -> Following:
        """Listen to every backend of the endpoint until told to stop."""
        peers = admission.endpoint.tenant.peers
        names = admission.endpoint.endpoint.backends
        listeners = [_Listener(self, session, peers[name], client) for name in names]
        tried = {one.peer.name: one.tried for one in listeners}
        return Following([self.tasks.create_task(one.run()) for one in listeners], tried)


@dataclass(slots=True)
class _Listener:
    """One session and one backend."""

    streams: BackendStreams
    session: Session
    peer: BackendPeer
    client: Client
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    _pause_s: float = FIRST_PAUSE_S
    _was_heard: bool = False

    async def run(self) -> None:
        """Listen until there is nothing to be heard."""
        try:
            await self._run()
        finally:
            self.tried.set()

    async def _run(self) -> None:
        forgotten: BackendSession | None = None
        while True:
            try:
                backend_session = await self._session(forgotten)
            except (EraImpossible, TenantError) as failure:
                if not isinstance(failure, StoreUnavailable):
                    return
                await self._rest()
                continue
            except BackendFailure:
                await self._rest()
                continue
            try:
                with self._conversation(backend_session).held() as conversation:
                    await self._listen(backend_session, conversation)
            except SessionForgotten:
                if forgotten is not None and not self._was_heard:
                    return  # it forgets whatever it is told: there is nothing to be heard
                forgotten, self._was_heard = backend_session, False
            except NoStream:
                return

    async def _session(self, forgotten: BackendSession | None) -> BackendSession:
        await self.peer.in_era(Era.LEGACY)
        sessions = self.streams.backend_sessions
        if forgotten is None:
            return await sessions.of(self.session, self.peer)
        return await sessions.renewed(self.session, self.peer, forgotten)

    async def _listen(self, backend_session: BackendSession, conversation: Conversation) -> None:
        last_event_id = None
        while True:
            overhearing = self.peer.overhear(backend_session, last_event_id)
            try:
                async with overhearing:
                    self._pause_s, self._was_heard = FIRST_PAUSE_S, True
                    self.tried.set()
                    await self._hear(overhearing, conversation)
                await asyncio.sleep(overhearing.retry_s)
            except (SessionForgotten, NoStream):
                raise
            except BackendFailure:
                await self._rest()
            last_event_id = overhearing.last_event_id

    async def _hear(self, overhearing: Overhearing, conversation: Conversation) -> None:
        while (said := await overhearing.more()) is not None:
            for message, raw in said:
                if isinstance(message, Request):
                    await self._asked(message, conversation)
                else:
                    await self._told(message, raw, conversation)

    async def _asked(self, request: Request, conversation: Conversation) -> None:
        if request.method == "ping":
            answer = write_result(request.id, b"{}")
        elif await conversation.ask(request):
            return
        else:
            answer = write_error(request.id, METHOD_NOT_FOUND, "Method not found")
        await self.peer.say(conversation.backend_session, answer)

    async def _told(self, told: Notification, raw: bytes, conversation: Conversation) -> None:
        if told.method in LIST_CHANGES:
            self.peer.catalogue_changed()
            await self.client.announce(self.session, told.method)
        elif told.method == "notifications/cancelled":
            await conversation.withdraw(told)
        elif told.method in OUTSIDE_OF_CALLS[self.session.revision]:
            await self.client.tell(self.session, raw)

    async def _rest(self) -> None:
        self.tried.set()
        pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, LONGEST_PAUSE_S)
        await asyncio.sleep(pause_s)

    def _conversation(self, backend_session: BackendSession) -> Conversation:
        return Conversation(
            requests=self.streams.requests,
            count=self.streams.count,
            session=self.session,
            peer=self.peer,
            backend_session=backend_session,
            send=partial(self.client.tell, self.session),
        )
