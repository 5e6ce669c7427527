"""CORS for the pages of listed origins (Fetch standard): minimal, never reflected, no cookies."""

from collections.abc import Mapping

from aiohttp import web

ALLOWED_METHODS = "POST, GET, DELETE"
_ALLOWED_HEADERS = (
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, "
    "Mcp-Name, Last-Event-ID"
)
_EXPOSED_HEADERS = "Mcp-Session-Id, WWW-Authenticate, X-Request-Id"


def preflight(origin: str) -> web.StreamResponse:
    """Answer a preflight of an origin that was checked before."""
    headers = {
        **cors_headers(origin),
        "Access-Control-Allow-Methods": ALLOWED_METHODS,
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": "600",
    }
    return web.Response(status=204, headers=headers)


def cors_headers(origin: str | None) -> Mapping[str, str]:
    """Let a page of a checked origin read the answer; nothing for other callers."""
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
        "Vary": "Origin",
    }
