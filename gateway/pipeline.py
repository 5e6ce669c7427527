"""The way of every request, outermost first. Read it from top to bottom.

observe         nothing leaves unseen: one line, two spans, the metrics, an X-Request-Id
render errors   every failure becomes an answer by the one table; the only broad `except`
grammar         what two readers could read differently is read by none
drain           a node that is leaving sends callers elsewhere
host            before anything is looked up, so that no name but ours is ever served
route           the path, byte for byte; then the room it belongs to
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from gateway.error_responses import ErrorResponse, error_response
from gateway.errors import BadMethod, Draining, OutcomeUnknown
from gateway.hosts import PublicUrl
from gateway.mcp_endpoint import McpEndpoint
from gateway.observer import Observer
from gateway.preflight import ALLOWED_METHODS
from gateway.request_context import RequestContext
from gateway.request_grammar import check_grammar
from gateway.routes import Kind, Routes
from gateway.wellknown import serve_document
from tenants.errors import UnknownTenant

HEALTH_PATHS = frozenset({"/livez", "/readyz"})


class Pipeline:
    """Serves the data listener. `routes` is replaced whole when the registry changes."""

    def __init__(
        self,
        *,
        public_url: PublicUrl,
        endpoint: McpEndpoint,
        observer: Observer,
        is_ready: Callable[[], bool],
    ) -> None:
        self.routes = Routes()
        self.is_leaving = False
        """Whether answers close their connections, so that clients come back elsewhere."""
        self.is_draining = False
        """Whether requests are refused, because nothing is accepted any more."""
        self.is_interrupting = False
        """Whether requests that still run are being cancelled by us, not by their clients."""
        self._public_url = public_url
        self._endpoint = endpoint
        self._observer = observer
        self._is_ready = is_ready

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request; what aiohttp calls."""
        if request.raw_path in HEALTH_PATHS and request.method in {"GET", "HEAD"}:
            return self._parted(request, self._health(request.raw_path))
        path = request.raw_path.partition("?")[0]
        context = self._observer.begin(request)
        try:
            response = await self._rendered(request, path, context)
        except asyncio.CancelledError:
            if not self.is_interrupting:
                self._observer.cancelled(context)
                raise
            response = await self._refused(_interruption(context), context)
        self._observer.end(context, response.status)
        if not response.prepared:
            response.headers["X-Request-Id"] = context.request_id
            response.headers.update(context.cors)
        return self._parted(request, response)

    async def _rendered(
        self, request: web.BaseRequest, path: str, context: RequestContext
    ) -> web.StreamResponse:
        try:
            return await self._routed(request, path, context)
        except Exception as error:  # noqa: BLE001 - the one place: whatever failed gets an answer
            return await self._refused(error, context)

    async def _refused(self, error: Exception, context: RequestContext) -> web.StreamResponse:
        refusal = error_response(error, context.asker())
        self._observer.refused(context, error, refusal)
        return await _refuse(context, refusal)

    async def _routed(
        self, request: web.BaseRequest, path: str, context: RequestContext
    ) -> web.StreamResponse:
        check_grammar(request)
        if self.is_draining:
            raise Draining("this node is leaving")
        self._public_url.check_host(request.headers.getall("Host", []))
        if request.method == "CONNECT":
            raise BadMethod(ALLOWED_METHODS)
        route = self.routes.by_path.get(path)
        if route is None:
            raise UnknownTenant("no endpoint here")
        if route.kind is Kind.MCP:
            return await self._endpoint.serve(request, route.endpoint, context)
        return await serve_document(request, route)

    def _health(self, path: str) -> web.StreamResponse:
        is_good = path == "/livez" or self._is_ready()
        return web.Response(status=200 if is_good else 503, headers={"Cache-Control": "no-store"})

    def _parted(self, request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
        """Close the connection with the answer where it should not be used again.

        Behind an offer to upgrade, or to tunnel, aiohttp reads nothing, though nobody took it.
        """
        if self.is_leaving or "Upgrade" in request.headers or request.method == "CONNECT":
            response.force_close()
        return response


def _interruption(context: RequestContext) -> Exception:
    """What a call gets that is cut because the node cannot wait for it any longer."""
    if context.line.backend:
        return OutcomeUnknown(context.line.backend, "the gateway left before the answer came")
    return Draining("this node is leaving")


async def _refuse(context: RequestContext, refusal: ErrorResponse) -> web.StreamResponse:
    reply = context.reply
    if reply is not None and reply.has_started:
        # The status is on the wire: the refusal becomes the stream's last message.
        return await reply.finish(refusal.status, refusal.body, {})
    response = web.Response(
        status=refusal.status,
        body=refusal.body,
        headers={"Content-Type": "application/json", **refusal.headers},
    )
    if refusal.closes:
        response.force_close()
    return response
