"""The Python SDK's own OAuth client, which is told an endpoint's URL and nothing else.

    python -m tests.rigs.oauth_walk MODE     MODE: legacy, or a modern revision

From the 401 it finds the metadata of the endpoint and of an issuer, registers itself, sends a
person to sign in (`tests/rigs/browser.py`), gets a token with PKCE, and does the job of
`tests/rigs/sdk_clients.py` with it. On stdout: {"report": ..., "requests": [[METHOD, URL, STATUS],
...], "token": ...}. Every failure is an uncaught one.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from tests.rigs.browser import sign_in
from tests.rigs.current_sdk_client import report

# Nobody listens there: the browser stops before it.
REDIRECT_URI = "http://127.0.0.1:4711/callback"


@dataclass
class _Memory:
    """Where the SDK keeps its tokens and its registration."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class _Person:
    """Signs in when the SDK asks for it, and comes back with what the issuer gave."""

    given: dict[str, str] = field(default_factory=dict)

    async def goes_to(self, authorization_url: str) -> None:
        self.given = await sign_in(authorization_url, REDIRECT_URI)

    async def comes_back(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(
            code=self.given.get("code", ""),
            state=self.given.get("state"),
            iss=self.given.get("iss"),
        )


async def walk(job: dict[str, Any], mode: str) -> dict[str, Any]:
    """Get in and do the job."""
    memory, requests = _Memory(), list[tuple[str, str, int]]()

    async def note(response: httpx2.Response) -> None:
        asked = response.request
        requests.append((asked.method, str(asked.url), response.status_code))

    hooks = {"response": [note]}
    auth = _provider(job["url"], memory, _Person())
    async with httpx2.AsyncClient(auth=auth, timeout=30, event_hooks=hooks) as http_client:
        transport = streamable_http_client(job["url"], http_client=http_client)
        async with Client(transport, mode=mode) as client:
            found = await report(client, job)
    assert memory.tokens is not None
    return {"report": found, "requests": requests, "token": memory.tokens.access_token}


def _provider(url: str, memory: _Memory, person: _Person) -> OAuthClientProvider:
    metadata = OAuthClientMetadata(
        client_name="interop",
        redirect_uris=[AnyUrl(REDIRECT_URI)],
        grant_types=["authorization_code"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    return OAuthClientProvider(
        url,
        metadata,
        memory,
        redirect_handler=person.goes_to,
        callback_handler=person.comes_back,
    )


if __name__ == "__main__":
    outcome = asyncio.run(walk(json.load(sys.stdin), sys.argv[1]))
    sys.stdout.write(json.dumps(outcome) + "\n")
