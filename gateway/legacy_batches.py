"""Batches: JSON arrays of messages, which revision 2025-03-26 alone has.

Rules
1. Only a session of that revision may send one, of at most `MAX_ITEMS`; `initialize` is never in it
   (2025-03-26, lifecycle). Anything else is no request at all, as in every other revision.
2. Each item is scanned, admitted to a method and a backend, counted against every limit, observed
   and answered by itself; what one does wrong is its own refusal and nobody else's.
3. The answers are one array, in no particular order, or events once something precedes one. Where
   nothing wants an answer there is none.
"""

import asyncio
import re
from dataclasses import dataclass, field

from aiohttp import web

from auth.errors import AuthError, InsufficientScope
from gateway.admission import Admission
from gateway.error_responses import error_response
from gateway.errors import GatewayError, InvalidRequest, MalformedMessage
from gateway.legacy_calls import LegacyCalls
from gateway.observer import Observer
from gateway.protocol.messages import Message, Request, Response, read_message, write_error
from gateway.protocol.raw_json import read_array, write_array, write_value
from gateway.protocol.revisions import Era
from gateway.protocol.scan import ScanLimits, strict_scan
from gateway.replies import Heartbeats, Reply
from gateway.request_context import RequestContext
from gateway.session_door import SESSION_HEADER
from tenants.errors import TenantError
from tenants.session_records import Session

BATCHING = "2025-03-26"
MAX_ITEMS = 50
AT_ONCE = 8
INVALID_REQUEST = -32600

is_batch = re.compile(rb"[ \t\r\n]*\[").match
"""Whether a body is an array, if it is anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyBatches:
    """Serves arrays of messages."""

    legacy: LegacyCalls
    observer: Observer
    heartbeats: Heartbeats
    scan_limits: ScanLimits

    async def serve(
        self,
        request: web.BaseRequest,
        admission: Admission,
        body: bytes,
        reply: Reply,
        context: RequestContext,
    ) -> web.StreamResponse:
        """Answer one batch.

        Raises:
            ParseError, InvalidRequest: no batch, or none here.
            UnknownSession: as for a single message.
        """
        items = await asyncio.to_thread(_items, body, self.scan_limits)
        if SESSION_HEADER not in request.headers:
            raise InvalidRequest("A single JSON-RPC message is required")
        session = await self.legacy.door.join(request, admission)
        self.legacy.note(session, context)
        if session.revision != BATCHING:
            raise InvalidRequest("A single JSON-RPC message is required")
        if not 0 < len(items) <= MAX_ITEMS:
            raise InvalidRequest(f"A batch has 1 to {MAX_ITEMS} messages")
        batch = _Batch(self, request, admission, session, reply)
        with self.heartbeats.watching(reply):
            await batch.run(items)
        return await batch.finish()


@dataclass(slots=True)
class _Batch:
    """One batch under way."""

    batches: LegacyBatches
    request: web.BaseRequest
    admission: Admission
    session: Session
    reply: Reply
    _answers: list[bytes] = field(default_factory=list)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def run(self, items: list[bytes]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for item in items:
                tasks.create_task(self._take(item))

    async def finish(self) -> web.StreamResponse:
        if self.reply.has_started:
            for answer in self._answers:
                await self.reply.send(answer)
            return await self.reply.end()
        if not self._answers:
            return web.Response(status=202)
        return await self.reply.finish(200, write_array(self._answers), {})

    async def _take(self, item: bytes) -> None:
        """Answer one item. One that only tells something has its turn at once.

        A cancellation must not wait for the call that it cancels.
        """
        context = self._context(item)
        try:
            message = self._read(item, context)
        except MalformedMessage as error:
            context.rpc_id = error.request_id
            await self._keep(self._refused(error, context), context)
            return
        if not isinstance(message, Request):
            await self._keep(await self._answer(message, context), context)
            return
        async with self._turns:
            await self._keep(await self._answer(message, context), context)

    async def _answer(self, message: Message, context: RequestContext) -> bytes | None:
        try:
            return await self.batches.legacy.answer(
                self.admission, self.session, message, self.reply, context
            )
        except (GatewayError, AuthError, TenantError) as error:
            answer = self._refused(error, context)
            return answer if isinstance(message, Request) else None

    async def _keep(self, answer: bytes | None, context: RequestContext) -> None:
        self.batches.observer.end(context, 202 if answer is None else 200)
        if answer is None:
            return
        if self.reply.has_started:
            await self.reply.send(answer)
        else:
            self._answers.append(answer)

    def _context(self, item: bytes) -> RequestContext:
        observer = self.batches.observer
        context = observer.begin(self.request)
        context.endpoint = self.admission.endpoint
        context.wants_jsonrpc = True
        context.era = context.line.era = Era.LEGACY
        context.line.bytes_in = len(item)
        observer.admitted(context, self.admission)
        self.batches.legacy.note(self.session, context)
        return context

    def _read(self, item: bytes, context: RequestContext) -> Message:
        message = read_message(item, self.batches.scan_limits)
        if isinstance(message, Request):
            context.rpc_id = message.id
        if not isinstance(message, Response):
            context.line.method = message.method
        if isinstance(message, Request) and message.method == "initialize":
            raise InvalidRequest("`initialize` is never in a batch", request_id=message.id)
        return message

    def _refused(self, error: Exception, context: RequestContext) -> bytes:
        refusal = error_response(error, context.asker())
        self.batches.observer.refused(context, error, refusal)
        if refusal.code is not None:
            return refusal.body
        data = {"reason": refusal.reason}
        if isinstance(error, InsufficientScope):
            data["scope"] = " ".join(sorted(error.scopes))
        return write_error(context.rpc_id, INVALID_REQUEST, refusal.reason, write_value(data))


def _items(body: bytes, limits: ScanLimits) -> list[bytes]:
    strict_scan(body, limits)
    return read_array(body) or []
