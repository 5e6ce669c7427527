"""W01 to W05: the public metadata documents."""

import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.gateway.http.front import PATH, Front, running_front
from tests.gateway.http.wire import Answer, head

pytestmark = pytest.mark.asyncio(loop_scope="session")

RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"
PREFIX = "/mcp-gateway"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def prefixed() -> AsyncIterator[Front]:
    """A gateway below a path of somebody else's origin."""
    async with running_front(path_prefix=PREFIX) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def suspended() -> AsyncIterator[Front]:
    """A gateway whose tenant is switched off, has a name to write home about, and two issuers."""
    tenant = {"status": "suspended", "display_name": "Ä\u202f株式会社 " + "x" * 40}
    async with running_front(tenant=tenant) as running:
        yield running


async def _ask(front: Front, path: str, *more: tuple[str, str], method: str = "GET") -> Answer:
    request = head(method, path, [("Host", front.host), *more])
    return await front.exchange(request, is_head=method == "HEAD")


async def test_w01_the_document_names_the_resource_and_its_issuers(front: Front) -> None:
    answer = await _ask(front, RESOURCE + PATH)
    document = json.loads(answer.body)

    assert answer.status == 200
    assert answer.header("Content-Type") == "application/json"
    assert document["resource"] == front.gateway.public_url + PATH
    assert document["authorization_servers"] == [front.issuer.issuer]
    assert document["bearer_methods_supported"] == ["header"]
    assert "offline_access" not in document.get("scopes_supported", [])


async def test_w01_an_evil_host_gets_no_document_and_changes_none(front: Front) -> None:
    evil = head("GET", RESOURCE + PATH, [("Host", "evil.com")])
    plain = await _ask(front, RESOURCE + PATH)
    forwarded = await _ask(
        front, RESOURCE + PATH, ("X-Forwarded-Host", "evil.com"), ("X-Forwarded-Proto", "https")
    )

    assert (await front.refused(evil)).status == 421
    assert forwarded.body == plain.body


async def test_w02_a_document_is_cached_and_read_from_any_page(front: Front) -> None:
    answer = await _ask(front, RESOURCE + PATH, ("Origin", "https://anywhere.example"))

    assert answer.status == 200
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert answer.header("Cache-Control") == "public, max-age=300"
    assert answer.header("Set-Cookie") is None
    assert answer.header("ETag")


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"other", {tag}', "*"], ids="W02-{}".format)
async def test_a_document_that_is_known_is_not_sent_again(front: Front, form: str) -> None:
    first = await _ask(front, RESOURCE + PATH)
    condition = form.format(tag=first.header("ETag"))

    again = await _ask(front, RESOURCE + PATH, ("If-None-Match", condition))

    assert again.status == 304
    assert again.header("ETag") == first.header("ETag")


async def test_w02_another_tag_gets_the_document(front: Front) -> None:
    assert (await _ask(front, RESOURCE + PATH, ("If-None-Match", '"other"'))).status == 200


async def test_w02_head_is_get_without_a_body(front: Front) -> None:
    whole = await _ask(front, RESOURCE + PATH)
    bare = await _ask(front, RESOURCE + PATH, method="HEAD")

    assert bare.status == 200
    assert bare.header("Content-Length") == str(len(whole.body))
    assert bare.header("ETag") == whole.header("ETag")


async def test_w02_options_tells_what_a_page_may_do(front: Front) -> None:
    answer = await _ask(front, RESOURCE + PATH, ("Origin", "https://x.example"), method="OPTIONS")

    assert answer.status == 204
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert answer.header("Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS"
    assert answer.header("Access-Control-Allow-Credentials") is None


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"], ids="W02-{}".format)
async def test_a_document_is_not_written_to(front: Front, method: str) -> None:
    request = head(method, RESOURCE + PATH, [("Host", front.host), ("Content-Length", "0")])

    answer = await front.refused(request)

    assert answer.status == 405
    assert answer.header("Allow") == "GET, HEAD, OPTIONS"


async def test_w03_the_challenge_leads_to_the_document_of_what_was_asked(
    front: Front, prefixed: Front
) -> None:
    for gateway, path in ((front, PATH), (prefixed, PREFIX + PATH)):
        request = gateway.call(without=("Authorization",), path=path)
        refusal = await gateway.exchange(request)
        challenge = refusal.header("WWW-Authenticate") or ""
        url = challenge.partition('resource_metadata="')[2].partition('"')[0]
        document = json.loads((await _ask(gateway, urlsplit(url).path)).body)

        assert refusal.status == 401
        assert url.startswith(f"http://{gateway.host}/.well-known/oauth-protected-resource/")
        assert document["resource"] == f"http://{gateway.host}{path}"


async def test_w04_a_path_prefix_stands_behind_the_well_known_part(prefixed: Front) -> None:
    found = await _ask(prefixed, f"{RESOURCE}{PREFIX}{PATH}")
    unprefixed = await _ask(prefixed, RESOURCE + PATH)

    assert (found.status, unprefixed.status) == (200, 404)


@pytest.mark.parametrize(
    "path",
    [
        RESOURCE, RESOURCE + "/", RESOURCE + PATH + "/", PATH + RESOURCE, RESOURCE + "//t/acme/mcp",
        RESOURCE + "/t/nobody/mcp", RESOURCE + "/t/acme/nothing/mcp", RESOURCE + "/t/acme/mcp?x",
        SERVER, "/.well-known/openid-configuration" + PATH,
    ],
    ids="W04-{}".format,
)  # fmt: skip
async def test_a_document_is_at_one_place_only(front: Front, path: str) -> None:
    answer = await _ask(front, path)

    assert answer.status == (200 if path.endswith("?x") else 404)
    assert answer.header("Location") is None


async def test_w05_a_suspended_tenant_still_tells_who_it_trusts(suspended: Front) -> None:
    answer = await _ask(suspended, RESOURCE + PATH)

    assert answer.status == 200
    assert json.loads(answer.body)["resource_name"].startswith("Ä\u202f株式会社")


async def test_a_suspended_tenant_is_named_to_those_with_a_good_token_only(
    suspended: Front,
) -> None:
    with_token = await suspended.exchange(suspended.call())
    without = await suspended.exchange(suspended.call(without=("Authorization",)))

    assert with_token.status == 403
    assert with_token.header("WWW-Authenticate") is None
    assert json.loads(with_token.body)["error"]["code"] == -31006
    assert without.status == 401


async def test_the_issuers_own_document_is_copied_for_clients_of_2025_03_26(front: Front) -> None:
    answer = await _ask(front, SERVER + PATH)
    document = json.loads(answer.body)

    assert answer.status == 200
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert document["issuer"] == front.issuer.issuer
    assert document["token_endpoint"].startswith(front.issuer.issuer)
