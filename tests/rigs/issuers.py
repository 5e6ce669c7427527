"""What the tests ask of an authorization server, whoever wrote it.

Both have the same clients and scopes, mint RFC 9068 tokens for exactly the resource that was asked
for, register clients dynamically and sign everyone in.
"""

import base64
import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.rigs.child import Child

SCOPES = ("library:borrow", "stock:reserve")
SECRETS = {"alice": "secret-of-alice-" * 2, "bob": "secret-of-bob-and-longer-" * 2}
"""The confidential clients, which act for themselves (client_credentials)."""

TIMEOUT_S = 10


class TokenRefused(Exception):
    """The issuer answered the token request with an error."""


@dataclass
class RunningIssuer:
    """An authorization server in a process of its own."""

    name: str
    child: Child
    announced: dict[str, Any] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return str(self._announced()["issuer"])

    @property
    def metadata(self) -> dict[str, Any]:
        """Its discovery document."""
        return _get_json(f"{self.issuer}/.well-known/openid-configuration")

    def token(self, resource: str, client: str = "alice", scopes: Sequence[str] = SCOPES) -> str:
        """An access token for one resource, by client credentials (RFC 6749 section 4.4)."""
        form = {"grant_type": "client_credentials", "resource": resource}
        if scopes:
            form["scope"] = " ".join(scopes)
        answer = _post_form(self.metadata["token_endpoint"], form, _basic(client))
        if "access_token" not in answer:
            raise TokenRefused(json.dumps(answer))
        return str(answer["access_token"])

    def rotate(self, *, keep: bool = True) -> None:
        """Sign with a new key from now on; with `keep` the old ones stay published."""
        self.child.ask({"command": "rotate", "keep": keep})

    def _announced(self) -> dict[str, Any]:
        # Read when first needed, so that what starts together starts at the same time.
        self.announced = self.announced or self.child.announcement()
        return self.announced


def key_id(token: str) -> str:
    """The key that a token says it was signed with. Nothing is verified."""
    return str(_part(token, 0)["kid"])


def claims_of(token: str) -> dict[str, Any]:
    """What a token says. Nothing is verified."""
    return _part(token, 1)


def _part(token: str, number: int) -> dict[str, Any]:
    encoded = token.split(".")[number]
    found = json.loads(base64.urlsafe_b64decode(encoded + "=="))
    assert isinstance(found, dict)
    return found


def _basic(client: str) -> str:
    pair = f"{client}:{SECRETS[client]}".encode()
    return "Basic " + base64.b64encode(pair).decode()


def _get_json(url: str) -> dict[str, Any]:
    return _exchange("GET", url, None, {})


def _post_form(url: str, form: dict[str, str], authorization: str) -> dict[str, Any]:
    headers = {
        "Authorization": authorization,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return _exchange("POST", url, urlencode(form), headers)


def _exchange(method: str, url: str, body: str | None, headers: dict[str, str]) -> dict[str, Any]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, parts.path, body, headers)
        found = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    assert isinstance(found, dict)
    return found
