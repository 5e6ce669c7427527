"""The public metadata documents of an endpoint.

- RFC 9728 protected-resource metadata, built from configuration at registration.
- The RFC 8414 document of the endpoint's first issuer, copied for clients of revision 2025-03-26,
  which look for it here; its `issuer` stays the issuer's own.

They are public: no token, no Origin check, readable from any page, cacheable for five minutes.
"""

from hashlib import sha256

import msgspec
from aiohttp import web

from gateway.errors import BadMethod
from gateway.routes import Kind, Route

METHODS = "GET, HEAD, OPTIONS"

_PUBLIC_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "public, max-age=300",
    "Content-Type": "application/json",
}
_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": "MCP-Protocol-Version",
    "Access-Control-Max-Age": "600",
}


async def serve_document(request: web.BaseRequest, route: Route) -> web.StreamResponse:
    """Answer with the document at a well-known path.

    Raises:
        BadMethod: neither GET, HEAD nor OPTIONS.
        IssuerUnavailable: the issuer's document cannot be had now.
    """
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=_PREFLIGHT_HEADERS)
    if request.method not in {"GET", "HEAD"}:
        raise BadMethod(METHODS)
    document = await _document(route)
    tag = f'"{sha256(document).hexdigest()[:32]}"'
    headers = {**_PUBLIC_HEADERS, "ETag": tag}
    if _is_known(request.headers.getall("If-None-Match", []), tag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=document, headers=headers)


def _is_known(conditions: list[str], tag: str) -> bool:
    """RFC 9110 section 13.1.2: any of several tags, compared weakly, or any at all."""
    tags = {each.strip().removeprefix("W/") for field in conditions for each in field.split(",")}
    return bool(tags & {tag, "*"})


async def _document(route: Route) -> bytes:
    endpoint = route.endpoint
    if route.kind is Kind.RESOURCE_METADATA:
        return endpoint.metadata.document
    first = next(iter(endpoint.tenant.rings.values()))
    return msgspec.json.encode(await first.metadata())
