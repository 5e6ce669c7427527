"""Clients of the development issuer: configured ones, and those that register themselves.

Rule: whoever registers itself is public, uses PKCE, and is sent back to this machine only. The
issuer approves without asking, so a redirect to another host would hand it a token.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from auth.dev_issuer.messages import IssuerResponse, error_response, json_response
from auth.strict_json import InvalidJson, strict_json

MAX_REGISTERED = 1000
MAX_REDIRECT_URIS = 20
MAX_REGISTRATION_BYTES = 65_536
MAX_NAME_LENGTH = 200

CODE = "authorization_code"
CREDENTIALS = "client_credentials"

_SCRIPT_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob", "about"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DevClient:
    """A client, as authlib asks about it. Without a secret it is public (RFC 6749 section 2.1)."""

    client_id: str
    client_secret: str | None = None
    grant_types: frozenset[str] = frozenset({CODE})
    redirect_uris: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()

    def get_client_id(self) -> str:
        """The id."""
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Where to go when a request does not say; only if there is no choice."""
        return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Narrow a requested scope; all of the client's when nothing is requested."""
        if not scope:
            return " ".join(sorted(self.scopes))
        return scope if self.scopes.issuperset(scope.split(" ")) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exactly a registered one; of a loopback one the port may differ (RFC 8252 7.3)."""
        return any(_is_same_place(redirect_uri, uri) for uri in self.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether this is the secret, compared in constant time."""
        if self.client_secret is None:
            return False
        return hmac.compare_digest(client_secret.encode(), self.client_secret.encode())

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Whoever has a secret uses it; whoever has none cannot claim one."""
        return (method == "none") == (self.client_secret is None)

    def check_response_type(self, response_type: str) -> bool:
        """Codes only."""
        return response_type == "code" and CODE in self.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the client may use the grant."""
        return grant_type in self.grant_types


class Clients:
    """All clients. Of the registered ones the oldest goes when there are too many."""

    def __init__(self, configured: Iterable[DevClient], *, scopes: frozenset[str]) -> None:
        self._configured = {client.client_id: client for client in configured}
        self._registered: OrderedDict[str, DevClient] = OrderedDict()
        self._scopes = scopes

    def find(self, client_id: str) -> DevClient | None:
        """The client of that id."""
        return self._configured.get(client_id) or self._registered.get(client_id)

    def register(self, body: bytes) -> IssuerResponse:
        """Answer a registration request (RFC 7591 section 3)."""
        try:
            metadata = _metadata(body)
            redirect_uris = _redirect_uris(metadata)
        except InvalidJson:
            return error_response(400, "invalid_client_metadata", "not a JSON object")
        except ValueError as error:
            return error_response(400, "invalid_redirect_uri", str(error))
        client = DevClient(
            client_id=f"dyn-{secrets.token_urlsafe(16)}",
            redirect_uris=redirect_uris,
            scopes=self._scopes,
        )
        self._keep(client)
        return json_response(201, _registration(client, metadata))

    def _keep(self, client: DevClient) -> None:
        self._registered[client.client_id] = client
        if len(self._registered) > MAX_REGISTERED:
            self._registered.popitem(last=False)


def _metadata(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_REGISTRATION_BYTES:
        raise InvalidJson("too long")
    metadata = strict_json(body, max_depth=8)
    if not isinstance(metadata, dict):
        raise InvalidJson("not an object")
    return metadata


def _registration(client: DevClient, metadata: dict[str, Any]) -> dict[str, Any]:
    """What was registered; RFC 7591 section 3.2.1 lets the server substitute what it must."""
    name = metadata.get("client_name")
    return {
        "client_id": client.client_id,
        "client_name": name[:MAX_NAME_LENGTH] if isinstance(name, str) else client.client_id,
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": "none",
        "grant_types": [CODE],
        "response_types": ["code"],
        "scope": " ".join(sorted(client.scopes)),
    }


def _redirect_uris(metadata: dict[str, Any]) -> tuple[str, ...]:
    uris = metadata.get("redirect_uris")
    if not isinstance(uris, list) or not 0 < len(uris) <= MAX_REDIRECT_URIS:
        raise ValueError("redirect_uris must be a short list")
    for uri in uris:
        if not isinstance(uri, str) or not _comes_back_here(uri):
            raise ValueError("redirect_uris must lead to this machine")
    return tuple(uris)


def _comes_back_here(uri: str) -> bool:
    """A loopback URL, or a scheme of a native app (RFC 8252 section 7.1)."""
    if not uri.isascii() or not uri.isprintable() or " " in uri or "#" in uri or "@" in uri:
        return False
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"}:
        return _is_loopback(parts)
    return bool(parts.scheme) and parts.scheme not in _SCRIPT_SCHEMES


def _is_same_place(requested: str, registered: str) -> bool:
    if requested == registered:
        return True
    try:
        left, right = urlsplit(requested), urlsplit(registered)
        return _is_loopback(right) and _without_port(left) == _without_port(right)
    except ValueError:
        return False


def _is_loopback(parts: SplitResult) -> bool:
    if parts.scheme != "http" or parts.username is not None:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _without_port(parts: SplitResult) -> tuple[str | None, ...]:
    if parts.port == 0:
        raise ValueError("no such port")
    return parts.scheme, parts.username, parts.hostname, parts.path, parts.query, parts.fragment
