"""CORS for the pages of listed origins (Fetch standard): minimal, never reflected, no cookies."""

import re
from collections.abc import Mapping

from aiohttp import web

ALLOWED_METHODS = "POST, GET, DELETE"
_ALLOWED_HEADERS = (
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, "
    "Mcp-Name, Last-Event-ID, traceparent, tracestate"
)
# Headers that mirror a tool's arguments have names of the tool's making (2026-07-28, transports).
_PARAM_HEADER = re.compile(r"mcp-param-[a-z0-9-]{1,64}\Z", re.IGNORECASE)
_MAX_PARAM_HEADERS = 32
_EXPOSED_HEADERS = "Mcp-Session-Id, WWW-Authenticate, X-Request-Id, Retry-After"


def preflight(origin: str, asked: str) -> web.StreamResponse:
    """Answer a preflight of an origin that was checked before; `asked` are the headers it wants."""
    headers = {
        **cors_headers(origin),
        "Access-Control-Allow-Methods": ALLOWED_METHODS,
        "Access-Control-Allow-Headers": ", ".join([_ALLOWED_HEADERS, *_param_headers(asked)]),
        "Access-Control-Max-Age": "600",
    }
    return web.Response(status=204, headers=headers)


def _param_headers(asked: str) -> list[str]:
    names = [name.strip() for name in asked.split(",")]
    return [name for name in names if _PARAM_HEADER.match(name)][:_MAX_PARAM_HEADERS]


def cors_headers(origin: str | None) -> Mapping[str, str]:
    """Let a page of a checked origin read the answer; nothing for other callers."""
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
        "Vary": "Origin",
    }
