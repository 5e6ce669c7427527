"""What is published about an endpoint as an OAuth protected resource (RFC 9728).

Rules: everything derives from `public_url`, never from a request; the same input gives the same
bytes. `resource` is exactly the URL that clients use, or they must reject the document (3.3).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

WELL_KNOWN = "/.well-known/oauth-protected-resource"

# A scope for the client's dealings with its issuer (OpenID Connect Core 11); no resource needs it.
_NOT_OURS = frozenset({"offline_access"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceMetadata:
    """One endpoint's document and its place."""

    resource: str
    url: str
    path: str
    """The path of `url` on its origin: below the prefix of `public_url`, if that has one."""
    document: bytes


def resource_metadata(
    *,
    public_url: str,
    endpoint_path: str,
    authorization_servers: Iterable[str],
    scopes_supported: Iterable[str],
    resource_name: str,
) -> ResourceMetadata:
    """Describe the endpoint at `endpoint_path` below `public_url`.

    RFC 9728 section 3.1 inserts the well-known string "between the host component and the path
    and/or query components", so that a prefix of `public_url` comes after it.
    """
    resource = public_url.rstrip("/") + endpoint_path
    parts = urlsplit(resource)
    path = f"{WELL_KNOWN}{parts.path}"
    members = {
        "resource": resource,
        "authorization_servers": list(authorization_servers),
        "bearer_methods_supported": ["header"],
        "scopes_supported": sorted(set(scopes_supported) - _NOT_OURS),
        "resource_name": resource_name,
    }
    return ResourceMetadata(
        resource=resource,
        url=f"{parts.scheme}://{parts.netloc}{path}",
        path=path,
        document=_document(members),
    )


def _document(members: Mapping[str, Any]) -> bytes:
    """RFC 9728 section 2: "Claims with zero elements MUST be omitted from the response"."""
    filled = {name: value for name, value in members.items() if value}
    return json.dumps(filled, separators=(",", ":"), ensure_ascii=True).encode("ascii")
