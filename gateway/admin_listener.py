"""The operators' listener: health in detail and metrics, away from the data port.

`/livez` and `/readyz` say by their status alone whether the process lives and may be sent traffic;
`?verbose` says why. One tenant's dead issuer or backend makes that tenant unready, not the node.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import web

from observability.exposition import CONTENT_TYPE

NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What has to be so for this node to be sent traffic, and how it is with each tenant."""

    is_leaving: bool
    view_age_s: float
    is_view_fresh: bool
    is_store_up: bool
    tenants: Mapping[str, Mapping[str, str]]

    @property
    def is_ready(self) -> bool:
        """Whether traffic may come."""
        return self.is_view_fresh and self.is_store_up and not self.is_leaving

    def document(self) -> bytes:
        """The verbose form."""
        age_s = None if math.isinf(self.view_age_s) else round(self.view_age_s, 3)
        return msgspec.json.encode(
            {
                "ready": self.is_ready,
                "leaving": self.is_leaving,
                "view": {"fresh": self.is_view_fresh, "age_s": age_s},
                "store": {"up": self.is_store_up},
                "tenants": self.tenants,
            }
        )


class AdminListener:
    """Serves the admin listener."""

    def __init__(self, *, readiness: Callable[[], Readiness], metrics: Callable[[], bytes]) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._pages: Mapping[str, Callable[[str], Awaitable[web.StreamResponse]]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": self._scrape,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request of an operator or a probe."""
        path, _, query = request.raw_path.partition("?")
        page = self._pages.get(path)
        if page is None:
            return _problem(404, "not_found", "See /livez, /readyz?verbose and /metrics.")
        if request.method not in {"GET", "HEAD"}:
            refusal = _problem(405, "bad_method", "Use GET.")
            refusal.headers["Allow"] = "GET, HEAD"
            return refusal
        return await page(query)

    async def _livez(self, _query: str) -> web.StreamResponse:
        return web.Response(status=200, headers=NO_STORE)

    async def _readyz(self, query: str) -> web.StreamResponse:
        readiness = self._readiness()
        status = 200 if readiness.is_ready else 503
        if query != "verbose":
            return web.Response(status=status, headers=NO_STORE)
        return web.Response(
            status=status,
            body=readiness.document(),
            headers={"Content-Type": "application/json", **NO_STORE},
        )

    async def _scrape(self, _query: str) -> web.StreamResponse:
        return web.Response(body=self._metrics(), headers={"Content-Type": CONTENT_TYPE})


def _problem(status: int, reason: str, remedy: str) -> web.Response:
    body = msgspec.json.encode({"error": reason, "remedy": remedy})
    return web.Response(status=status, body=body, content_type="application/json")
