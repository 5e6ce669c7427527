"""The door of legacy sessions: who may open one, and who may come in again.

Rules:
 1. Only the gateway mints session ids; one that a client brings to `initialize` opens nothing.
 2. Unknown, foreign, ended and revoked sessions answer the same bytes.
"""

from dataclasses import dataclass

from aiohttp import web

from gateway.admission import Admission
from gateway.errors import AlreadyInitialized, InvalidParams, InvalidRequest, SessionRequired
from gateway.introductions import IDENTITY
from gateway.protocol.messages import Request
from tenants.errors import SessionAhead, UnknownSession
from tenants.session_records import Session, SessionOwner
from tenants.sessions import Sessions
from tenants.view import View

SESSION_HEADER = "Mcp-Session-Id"
NO_CAPABILITIES = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDoor:
    """Makes sessions, and finds those that a request names."""

    view: View
    sessions: Sessions

    async def join(self, request: web.BaseRequest, admission: Admission) -> Session:
        """The live session that the request names, if it is the caller's.

        Raises:
            SessionRequired, UnknownSession, StoreUnavailable.
        """
        session_id = _session_id(request)
        try:
            return await self._joined(admission, session_id)
        except SessionAhead:
            # Made on a node that has seen more of the change log: look once, then decide.
            await self.view.refresh()
            return await self._joined(admission, session_id)

    async def refuse_second(self, request: web.BaseRequest, admission: Admission) -> None:
        """Raise AlreadyInitialized if the request names a live session."""
        if SESSION_HEADER not in request.headers:
            return
        try:
            await self.join(request, admission)
        except UnknownSession:
            return
        raise AlreadyInitialized("this session is initialized already")

    async def create(
        self, admission: Admission, message: Request, revision: str
    ) -> tuple[str, Session]:
        """Mint a session for the sender of `initialize`; gives its id, this once.

        Raises:
            InvalidParams, SessionLimit, SessionTooLarge, StoreUnavailable, ViewStale.
        """
        params = message.params or {}
        capabilities = params.get("capabilities", NO_CAPABILITIES)
        client_info = params.get("clientInfo", IDENTITY)
        if not (capabilities.startswith(b"{") and client_info.startswith(b"{")):
            raise InvalidParams("`capabilities` and `clientInfo` must be objects")
        self.view.ensure_fresh()
        return await self.sessions.create(
            _owner(admission),
            revision=revision,
            client_capabilities=capabilities,
            client_info=client_info,
            seq=self.view.revocations.seq,
            incarnation=self.view.snapshot.incarnation,
        )

    async def _joined(self, admission: Admission, session_id: str) -> Session:
        view = self.view

        def epoch(session: Session) -> int:
            return view.revocations.session_epoch(
                admission.tenant, admission.principal, session.key
            )

        return await self.sessions.join(
            session_id,
            _owner(admission),
            incarnation=view.snapshot.incarnation,
            epoch=epoch,
            seq_now=view.snapshot.seq,
        )


def _owner(admission: Admission) -> SessionOwner:
    return SessionOwner(
        tenant=admission.tenant,
        endpoint=admission.endpoint.endpoint.name,
        principal=admission.principal,
    )


def _session_id(request: web.BaseRequest) -> str:
    values = request.headers.getall(SESSION_HEADER, [])
    if not values:
        raise SessionRequired("a session id is required")
    if len(values) > 1:
        raise InvalidRequest("several session ids")
    return values[0]
