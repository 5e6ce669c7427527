"""Cases W and N11: what is published about an endpoint is its own, and from configuration alone."""

import json

import pytest

from tests.rigs.doors import Door, door
from tests.rigs.raw_http import Answer
from tests.rigs.walled_city import City, Json, modern_call

pytestmark = pytest.mark.asyncio(loop_scope="session")

WELL_KNOWN = "/.well-known/oauth-protected-resource"
ENDPOINTS = [
    ("acme", ""),
    ("acme", "legacy"),
    ("acme", "guarded"),
    ("globex", ""),
    ("globex", "shared"),
    ("sleepy", ""),
]


def _path(at: Door) -> str:
    return WELL_KNOWN + at.path


async def _document(at: Door, *headers: tuple[str, str]) -> Json:
    answer = await at.city.send("GET", _path(at), headers)
    assert answer.status == 200, answer.text
    found = json.loads(answer.body)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("tenant", "endpoint"), ENDPOINTS)
async def test_w01_an_endpoint_publishes_itself_and_its_tenants_issuers(
    tenant: str, endpoint: str, city: City
) -> None:
    at = door(city, tenant, endpoint)
    issuers = {"acme": ["main", "second"], "globex": ["main", "foreign"], "sleepy": ["main"]}
    found = await _document(at)

    assert found["resource"] == at.tokens.audience
    assert found["authorization_servers"] == [city.issuers[n].url for n in issuers[tenant]]
    assert found["bearer_methods_supported"] == ["header"]
    assert "offline_access" not in found.get("scopes_supported", [])


async def test_w01_a_foreign_host_gets_no_document(city: City, acme: Door) -> None:
    raw = city.written("GET", _path(acme), []).replace(city.host.encode(), b"evil.example", 1)
    answer = await city.exchange(raw)

    assert answer.status == 421
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "Forwarded", "X-Original-URL"])
async def test_w01_forwarding_headers_change_nothing(name: str, acme: Door) -> None:
    value = "host=evil.example" if name == "Forwarded" else "evil.example"

    assert await _document(acme, (name, value)) == await _document(acme)


async def test_w02_metadata_is_public_and_cacheable_for_a_while(city: City, acme: Door) -> None:
    answer = await city.send("GET", _path(acme), [("Origin", "https://anywhere.example")])
    tag = answer.header("ETag") or ""
    again = await city.send("GET", _path(acme), [("If-None-Match", tag)])

    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert answer.header("Cache-Control") == "public, max-age=300"
    assert answer.header("Set-Cookie") is None
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("OPTIONS", 204), ("POST", 405), ("DELETE", 405)]
)
async def test_w02_other_methods(method: str, status: int, city: City, acme: Door) -> None:
    assert (await city.send(method, _path(acme))).status == status


async def _refused(at: Door) -> Answer:
    return await at.modern(modern_call(), token="x.y.z")


@pytest.mark.parametrize(("tenant", "endpoint"), ENDPOINTS)
async def test_w03_the_challenge_leads_to_the_endpoints_own_document(
    tenant: str, endpoint: str, city: City
) -> None:
    at = door(city, tenant, endpoint)
    challenge = (await _refused(at)).header("WWW-Authenticate") or ""
    url = challenge.partition('resource_metadata="')[2].partition('"')[0]
    answer = await city.send("GET", url.removeprefix(city.gateway.public_url))

    assert url.startswith(city.gateway.public_url)
    assert json.loads(answer.body)["resource"] == at.tokens.audience


@pytest.mark.parametrize(
    "path",
    [
        f"{WELL_KNOWN}/t/acme/mcp/",
        f"{WELL_KNOWN}//t/acme/mcp",
        f"{WELL_KNOWN}/t/ACME/mcp",
        f"{WELL_KNOWN}/t/acme",
        f"{WELL_KNOWN}/t/%61cme/mcp",
        f"{WELL_KNOWN}/t/acme/../globex/mcp",
        f"{WELL_KNOWN}/t/\u00e4cme/mcp",
        f"{WELL_KNOWN}/t/{'a' * 3000}/mcp",
        WELL_KNOWN,
        "/.well-known/oauth-authorization-server",
    ],
)
async def test_w04_another_spelling_is_not_found_and_not_redirected(path: str, city: City) -> None:
    answer = await city.send("GET", path)

    assert answer.status in {400, 404}
    assert answer.header("Location") is None


async def test_w05_metadata_of_an_unknown_tenant_is_not_found(city: City) -> None:
    assert (await city.send("GET", f"{WELL_KNOWN}/t/nobody/mcp")).status == 404


async def test_n11_w05_a_suspended_tenant_says_so_after_the_token_alone(city: City) -> None:
    sleepy = door(city, "sleepy")
    asked = city.asked_backends()
    good, bad = await sleepy.modern(modern_call()), await _refused(sleepy)

    assert (good.status, good.header("WWW-Authenticate")) == (403, None)
    assert (bad.status, (await city.audited(bad))["reason"]) == (401, "malformed")
    assert (await city.audited(good))["reason"] == "tenant_suspended"
    assert city.asked_backends() == asked
    assert (await _document(sleepy))["resource"] == sleepy.tokens.audience
