"""Cases T and C: every bad token gets the same refusal, and nothing behind the door hears of it."""

import pytest

from tests.rigs.doors import Door, door
from tests.rigs.raw_http import Answer
from tests.rigs.token_cases import TOKEN_CASES, Expected, TokenCase
from tests.rigs.walled_city import City, bearer, modern_call, modern_headers

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIVE_CASES = [case for case in TOKEN_CASES if not case.needs_fixed_clock]
STATUS = {
    Expected.ACCEPTED: 200,
    Expected.REFUSED: 401,
    Expected.MISSING: 401,
    Expected.MALFORMED: 400,
}
CHALLENGE = {
    Expected.REFUSED: ', error="invalid_token"',
    Expected.MISSING: "",
    Expected.MALFORMED: ', error="invalid_request"',
}
BODY = {
    Expected.REFUSED: b'{"error":"invalid_token"}',
    Expected.MISSING: b'{"error":"missing_token"}',
    Expected.MALFORMED: b'{"error":"invalid_request"}',
}

MAY_ASK_ISSUER = ("T10", "T11")


async def _present(door: Door, values: list[str]) -> Answer:
    headers = [("Authorization", value) for value in values]
    headers += modern_headers("tools/call", "echo")
    return await door.city.post(door.path, headers, modern_call())


def _challenge(door: Door, expected: Expected) -> str:
    metadata = door.tokens.audience.replace("/t/", "/.well-known/oauth-protected-resource/t/")
    return f'Bearer resource_metadata="{metadata}"{CHALLENGE[expected]}'


@pytest.mark.parametrize("case", LIVE_CASES, ids=lambda case: case.id)
async def test_what_is_presented_gets_the_answer_of_its_class(
    case: TokenCase, city: City, acme: Door
) -> None:
    values = list(case.make(acme.tokens))
    await _present(acme, [f"Bearer {acme.good()}"])
    asked, sessions = city.asked_backends(), await city.metric("portcullis_sessions_active")
    asked_issuers = city.asked_issuers()

    answer = await _present(acme, values)

    assert answer.status == STATUS[case.expected], answer.text
    if case.expected is Expected.ACCEPTED:
        assert "canary-of-acme" in answer.text
        return
    assert answer.header("WWW-Authenticate") == _challenge(acme, case.expected)
    assert answer.header("Cache-Control") == "no-store"
    assert answer.body == BODY[case.expected]
    assert city.asked_backends() == asked
    # A kid that nobody knows may make the gateway look again, once in a while.
    assert city.asked_issuers() - asked_issuers <= (case.id[:3] in MAY_ASK_ISSUER)
    assert await city.metric("portcullis_sessions_active") == sessions
    event = await city.audited(answer)
    assert (event["kind"], event["tenant"]) == ("access_refused", "acme")
    if case.fault is not None:
        assert event["reason"] == case.fault


async def test_every_refused_token_answers_the_same_bytes(city: City, acme: Door) -> None:
    cases = [case for case in LIVE_CASES if case.expected is Expected.REFUSED]

    answers = [await _present(acme, list(case.make(acme.tokens))) for case in cases]

    assert len({answer.fixed for answer in answers}) == 1
    assert len({answer.request_id for answer in answers}) == len(cases)


async def test_c04_n02_a_token_of_one_tenant_is_refused_at_the_other_like_any_bad_one(
    city: City, acme: Door, globex: Door
) -> None:
    ours = await acme.modern(modern_call())
    asked = city.asked_backends()
    at_the_other = await globex.modern(modern_call(), token=acme.good())
    nonsense = await globex.modern(modern_call(), token="x.y.z")

    assert ours.status == 200
    assert at_the_other.status == 401
    assert at_the_other.fixed == nonsense.fixed
    assert city.asked_backends() == asked
    assert (await city.audited(at_the_other))["reason"] == "wrong_audience"


@pytest.mark.parametrize("endpoint", ["guarded", "modern", "shared", "legacy"])
async def test_c04_a_token_for_one_endpoint_opens_no_other_of_its_tenant(
    endpoint: str, city: City, acme: Door
) -> None:
    answer = await door(city, "acme", endpoint).modern(modern_call(), token=acme.good())

    assert answer.status == 401
    assert (await city.audited(answer))["reason"] == "wrong_audience"


async def test_c07_an_issuer_of_another_tenant_is_none_here(
    city: City, acme: Door, globex: Door
) -> None:
    foreign = door(city, "acme", issuer="foreign")
    there = await globex.modern(modern_call(), token=door(city, "globex", issuer="foreign").good())
    here = await foreign.modern(modern_call())

    assert there.status == 200
    assert here.status == 401
    assert (await city.audited(here))["reason"] == "unknown_issuer"


@pytest.mark.parametrize("target", ["/t/nobody/mcp", "/t/acme/nothing/mcp", "/t/acme/mcp/"])
async def test_n02_an_unknown_place_is_not_found_with_and_without_a_token(
    target: str, city: City, acme: Door
) -> None:
    headers = modern_headers("tools/call", "echo")
    without = await city.post(target, headers, modern_call())
    with_token = await city.post(target, [bearer(acme.good()), *headers], modern_call())

    assert without.status == 404
    assert without.fixed == with_token.fixed


PLACES_OF_NO_TOKEN = {
    "cookie": ("Cookie", "access_token=%s"),
    "proxy": ("Proxy-Authorization", "Bearer %s"),
    "x-auth": ("X-Auth", "%s"),
    "x-authorization": ("X-Authorization", "Bearer %s"),
    "underscore": ("X-Forwarded-Access-Token", "%s"),
}


@pytest.mark.parametrize("place", PLACES_OF_NO_TOKEN)
async def test_c19_a_token_anywhere_else_is_no_token(place: str, city: City, acme: Door) -> None:
    token = acme.good()
    city.secrets.update(token.split("."))
    name, value = PLACES_OF_NO_TOKEN[place]
    headers = [(name, value % token), *modern_headers("tools/call", "echo")]

    answer = await city.post(acme.path, headers, modern_call())

    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == _challenge(acme, Expected.MISSING)
    assert (await city.audited(answer))["reason"] == "no_credentials"


@pytest.mark.parametrize("where", ["query", "form"])
async def test_c19_a_token_in_the_query_or_a_form_is_no_token(
    where: str, city: City, acme: Door
) -> None:
    token = acme.good()
    city.secrets.update(token.split("."))
    query = f"?access_token={token}" if where == "query" else ""
    form = f"access_token={token}".encode() if where == "form" else b""
    headers = [("Content-Type", "application/x-www-form-urlencoded")]

    answer = await city.post(acme.path + query, headers, form or modern_call())

    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == _challenge(acme, Expected.MISSING)
    assert token not in str(await city.line_of(answer))


async def test_t22_a_header_over_its_bound_is_cut_off_before_it_is_read_as_a_token(
    city: City, acme: Door
) -> None:
    asked = city.asked_backends()
    answer = await _present(acme, ["Bearer " + "x" * 65_536])

    # Read to its end: the connection was closed.
    assert answer.status in {400, 431}
    assert city.asked_backends() == asked
    assert (await acme.modern(modern_call())).status == 200
