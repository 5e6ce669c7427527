"""One MCP URL: admits the caller, reads the message, and hands it to its era.

The order is from cheap to dear, and nothing of the body is touched before the caller is admitted:
Origin, method, token, media type, size, one strict scan, era.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from gateway.admission import Admission, admit
from gateway.bodies import check_media_type, read_body
from gateway.config.limits import Limits
from gateway.connections import Connection
from gateway.errors import BadMethod, InvalidRequest, MalformedMessage
from gateway.hosts import PublicUrl
from gateway.legacy_batches import BATCHING, LegacyBatches, is_batch
from gateway.legacy_calls import LegacyCalls
from gateway.modern_calls import ModernCalls
from gateway.observer import Observer
from gateway.preflight import ALLOWED_METHODS, cors_headers, preflight
from gateway.protocol.envelope import is_modern
from gateway.protocol.messages import Message, Request, read_message
from gateway.protocol.revisions import Era, era_of
from gateway.protocol.scan import ScanLimits
from gateway.replies import Heartbeats, Reply
from gateway.request_context import RequestContext
from gateway.runtime import EndpointRuntime
from tenants.view import View

OFF_LOOP_BYTES = 256 * 1024
VERSION_HEADER = "MCP-Protocol-Version"


@dataclass(frozen=True, slots=True, kw_only=True)
class McpEndpoint:
    """Serves every MCP URL of every tenant."""

    view: View
    limits: Limits
    scan_limits: ScanLimits
    public_url: PublicUrl
    modern: ModernCalls
    legacy: LegacyCalls
    batches: LegacyBatches
    heartbeats: Heartbeats
    observer: Observer
    now: Callable[[], float]

    async def serve(
        self, request: web.BaseRequest, endpoint: EndpointRuntime, context: RequestContext
    ) -> web.StreamResponse:
        """Answer one HTTP request for one endpoint."""
        context.endpoint = endpoint
        origins = request.headers.getall("Origin", [])
        self.public_url.check_origin(origins, endpoint.tenant.tenant.allowed_origins)
        context.cors = cors_headers(origins[0] if origins else None)
        if request.method == "OPTIONS" and origins:
            asked = request.headers.get("Access-Control-Request-Headers", "")
            return preflight(origins[0], asked)
        if request.method not in {"POST", "GET", "DELETE"}:
            raise BadMethod(ALLOWED_METHODS)
        admission = await admit(endpoint, request.headers, view=self.view, now=self.now())
        self._admitted(request, admission, context)
        if request.method == "POST":
            return await self._post(request, admission, context)
        return await self._without_body(request, admission, context)

    async def _post(
        self, request: web.BaseRequest, admission: Admission, context: RequestContext
    ) -> web.StreamResponse:
        check_media_type(request.headers)
        context.wants_jsonrpc = True
        headers = {"X-Request-Id": context.request_id, **context.cors}
        reply = context.reply = Reply(request, self.heartbeats, headers)
        body = await read_body(request, self.limits)
        context.line.bytes_in = len(body)
        version = _single(request, VERSION_HEADER)
        if is_batch(body) and version in {None, BATCHING}:
            _note_era(context, Era.LEGACY)
            return await self.batches.serve(request, admission, body, reply, context)
        message = await self._read(body, context)
        if is_modern(message, version):
            _note_era(context, Era.MODERN)
            return await self.modern.serve(request, admission, message, reply, context)
        _note_era(context, Era.LEGACY)
        return await self.legacy.serve(request, admission, message, reply, context)

    async def _read(self, body: bytes, context: RequestContext) -> Message:
        try:
            message = await self._scanned(body)
        except MalformedMessage as error:
            context.rpc_id = error.request_id
            raise
        if isinstance(message, Request):
            context.rpc_id = message.id
            context.line.method = message.method
        elif not hasattr(message, "result"):
            context.line.method = message.method
        return message

    async def _scanned(self, body: bytes) -> Message:
        if len(body) <= OFF_LOOP_BYTES:
            return read_message(body, self.scan_limits)
        return await asyncio.to_thread(read_message, body, self.scan_limits)

    async def _without_body(
        self, request: web.BaseRequest, admission: Admission, context: RequestContext
    ) -> web.StreamResponse:
        """GET and DELETE belong to legacy sessions; the modern era has neither."""
        version = _single(request, VERSION_HEADER)
        if version is not None and era_of(version) is not Era.LEGACY:
            raise BadMethod("POST")
        _note_era(context, Era.LEGACY)
        if request.method == "DELETE":
            return await self.legacy.end_session(request, admission, context)
        return await self.legacy.listen(request, admission, context)

    def _admitted(
        self, request: web.BaseRequest, admission: Admission, context: RequestContext
    ) -> None:
        self.observer.admitted(context, admission)
        connection = request.protocol
        if isinstance(connection, Connection):
            connection.authenticated()


def _note_era(context: RequestContext, era: Era) -> None:
    context.era = era
    context.line.era = era


def _single(request: web.BaseRequest, header: str) -> str | None:
    values = request.headers.getall(header, [])
    if len(values) > 1:
        raise InvalidRequest(f"several {header} headers")
    return values[0] if values else None
