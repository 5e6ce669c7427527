"""H11, H13: which pages may call, and which may read the answer."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.http.front import PATH, Front, running_front
from tests.gateway.http.wire import head

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTED = "https://app.example"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def listing() -> AsyncIterator[Front]:
    """A gateway whose tenant lists an origin."""
    async with running_front(tenant={"allowed_origins": [LISTED]}) as running:
        yield running


EVIL = {
    "evil": "https://evil.com",
    "null": "null",
    "other-scheme": "https://{host}",
    "suffix": "http://{host}.evil.com",
    "prefix": "http://evil.com.{host}",
    "sub-domain": "https://x.app.example",
    "listed-over-http": "http://app.example",
    "listed-with-port": "https://app.example:8443",
    "listed-with-slash": "https://app.example/",
    "listed-in-capitals": "https://APP.example",
    "empty": "",
    "two-in-one": "https://app.example, https://evil.com",
}


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("origin", EVIL.values(), ids=[f"H11-{name}" for name in EVIL])
async def test_a_foreign_page_is_refused_on_every_method(
    listing: Front, origin: str, method: str
) -> None:
    value = origin.format(host=listing.host)
    headers = listing.headers(("Origin", value), ("Content-Length", "0"))

    answer = await listing.refused(head(method, PATH, headers))

    assert answer.status == 403
    assert answer.header("Access-Control-Allow-Origin") is None


async def test_h11_two_origins_are_refused(listing: Front) -> None:
    answer = await listing.refused(listing.call(("Origin", LISTED), ("Origin", LISTED)))

    assert answer.status in {400, 403}


async def test_h11_no_origin_is_no_browser(listing: Front) -> None:
    answer = await listing.exchange(listing.call())

    assert answer.status == 200
    assert answer.header("Access-Control-Allow-Origin") is None


async def test_h13_a_listed_page_may_read_answers_and_refusals(listing: Front) -> None:
    served = await listing.exchange(listing.call(("Origin", LISTED)))
    refused = await listing.refused(listing.call(("Origin", LISTED), without=("Authorization",)))

    assert (served.status, refused.status) == (200, 401)
    for answer in (served, refused):
        assert answer.header("Access-Control-Allow-Origin") == LISTED
        assert answer.header("Vary") == "Origin"
        assert answer.header("Access-Control-Allow-Credentials") is None
        assert "WWW-Authenticate" in (answer.header("Access-Control-Expose-Headers") or "")


async def test_h13_our_own_page_may_read_answers(listing: Front) -> None:
    own = listing.gateway.public_url

    answer = await listing.exchange(listing.call(("Origin", own)))

    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (200, own)


async def test_h13_a_preflight_allows_what_the_protocol_needs_and_no_more(listing: Front) -> None:
    asked = "authorization, x-evil, mcp-param-city, mcp-param-a b, mcp-param-x\u00e9, cookie"
    headers = [
        ("Host", listing.host),
        ("Origin", LISTED),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", asked.encode("ascii", "ignore").decode()),
    ]

    answer = await listing.exchange(head("OPTIONS", PATH, headers))

    allowed = (answer.header("Access-Control-Allow-Headers") or "").lower().split(", ")
    assert answer.status == 204
    assert answer.header("Access-Control-Allow-Origin") == LISTED
    assert answer.header("Access-Control-Allow-Methods") == "POST, GET, DELETE"
    assert answer.header("Access-Control-Allow-Credentials") is None
    assert {"authorization", "mcp-param-city", "mcp-session-id"} <= set(allowed)
    assert not {"x-evil", "cookie", "*", "mcp-param-a b"} & set(allowed)
