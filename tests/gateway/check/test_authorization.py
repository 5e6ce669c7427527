"""From a 401 to a token: what a client would stumble over on the way, and what is right."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.check.challenge import challenge_params
from tests.gateway.check.bad_server import CheckedBackend
from tests.gateway.check.judged import found, ids, judged
from tests.rigs.fake_backend import Json, Script, Wire

PRM = "/.well-known/oauth-protected-resource"
ISSUER = "/.well-known/oauth-authorization-server"


class Protected(CheckedBackend):
    """A server that wants a token, and beside it the documents that lead to one."""

    def protect(
        self,
        *,
        challenge: str = 'Bearer resource_metadata="{origin}{prm}/mcp"',
        status: int = 401,
        prm: Mapping[str, Any] | None = None,
        prm_path: str = f"{PRM}/mcp",
        issuer: Mapping[str, Any] | None = None,
    ) -> None:
        origin = self.url.removesuffix("/mcp")
        documents: dict[str, Json] = {
            prm_path: {"resource": self.url, "authorization_servers": [origin]} | dict(prm or {}),
            ISSUER: {
                "issuer": origin,
                "authorization_endpoint": f"{origin}/authorize",
                "token_endpoint": f"{origin}/token",
                "code_challenge_methods_supported": ["S256"],
                "registration_endpoint": f"{origin}/register",
            }
            | dict(issuer or {}),
        }
        header = challenge.format(origin=origin, prm=PRM)
        self.scripts |= {
            "server/discover": refusal(header, status),
            "initialize": refusal(header, status),
            "GET": publishes(documents),
        }


def refusal(challenge: str, status: int) -> Script:
    async def script(wire: Wire) -> None:
        error = ', error="invalid_token"' if wire.request.header("Authorization") else ""
        headers = {"WWW-Authenticate": challenge + error} if challenge else {}
        await wire.reply(b"", status=status, headers=headers)

    return script


def publishes(documents: Mapping[str, Json]) -> Script:
    async def script(wire: Wire) -> None:
        path = wire.request.raw.split(b" ")[1].decode()
        document = documents.get(path)
        body = json.dumps(document).encode()
        await wire.reply(body, status=404 if document is None else 200)

    return script


async def test_a_way_without_faults_leaves_only_the_note_that_credentials_are_needed() -> None:
    async with Protected() as server:
        server.protect()
        report = await judged(server.url)

    assert ids(report) == {"authorization.needed"}
    assert server.url.removesuffix("/mcp") in report.facts["authorization"]


CASES: list[tuple[str, dict[str, Any]]] = [
    ("authorization.status", {"status": 403}),
    ("authorization.challenge", {"challenge": ""}),
    ("authorization.challenge", {"challenge": 'Basic realm="mcp"'}),
    ("authorization.invalid-token", {"challenge": ""}),
    ("authorization.scope", {"prm": {"scopes_supported": ["read"]}}),
    ("authorization.metadata", {"prm_path": "/elsewhere"}),
    ("authorization.place", {"prm_path": PRM}),
    ("authorization.resource", {"prm": {"resource": "https://mcp.example.com/mcp"}}),
    ("authorization.servers", {"prm": {"authorization_servers": []}}),
    ("authorization.issuer", {"issuer": {"issuer": "https://other.example.com"}}),
    ("authorization.pkce", {"issuer": {"code_challenge_methods_supported": ["plain"]}}),
    ("authorization.registration", {"issuer": {"registration_endpoint": None}}),
    ("authorization.not-judged", {"prm": {"authorization_servers": ["https://10.0.0.1"]}}),
]


@pytest.mark.parametrize(("rule", "fault"), CASES, ids=[rule for rule, _ in CASES])
async def test_a_fault_on_the_way_is_found(rule: str, fault: dict[str, Any]) -> None:
    async with Protected() as server:
        server.protect(**fault)
        report = await judged(server.url)

    assert rule in ids(report)


async def test_the_url_above_is_not_the_url() -> None:
    async with Protected() as server:
        server.protect(prm={"resource": server.url.removesuffix("/mcp")})
        report = await judged(server.url)

    assert "authorization.resource-parent" in ids(report)
    assert "authorization.resource" not in ids(report)


async def test_credentials_go_to_the_server_and_into_no_report() -> None:
    headers = [("Authorization", "Bearer canary-of-a-token")]
    async with Protected() as server:
        server.protect(challenge="")
        report = await judged(server.url, headers=headers)

    got = [request for request in server.requests if request.method == "GET"]
    assert any(r.header("Authorization") == headers[0][1] for r in server.calls("initialize"))
    assert [request.header("Authorization") for request in got] == [None] * len(got)
    assert "canary" not in json.dumps(report.document())
    assert found(report, "authorization.challenge") != []


@pytest.mark.parametrize(
    ("header", "params"),
    [
        (None, {}),
        ("", {}),
        ("Basic realm=x", {}),
        ("Bearer", {}),
        ('Bearer error="a", scope="b c"', {"error": "a", "scope": "b c"}),
        ('Basic realm="Bearer x=1", bearer a=b', {"a": "b"}),
        (r'Bearer realm="a \"quoted\" one"', {"realm": 'a "quoted" one'}),
    ],
)
def test_challenges_are_read(header: str | None, params: dict[str, str]) -> None:
    assert challenge_params(header) == params
