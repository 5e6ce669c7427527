"""Cases J: what is no message, or says two things at once, is refused before anybody acts on it."""

import asyncio

import pytest

from tests.rigs.doors import Door, mirrored
from tests.rigs.raw_http import Answer
from tests.rigs.walled_city import (
    META_PREFIX,
    City,
    Json,
    bearer,
    encoded,
    legacy,
    legacy_call,
    legacy_headers,
    modern,
    modern_call,
    modern_headers,
)
from tests.security.message_cases import BODIES, Body

pytestmark = pytest.mark.asyncio(loop_scope="session")

LAG_S = 0.5
"""How long a good caller may wait beside a hostile one (with two busy cores, generously)."""


async def _unheard(
    city: City, at: Door, answer_to: Json | bytes, *headers: tuple[str, str]
) -> Answer:
    """The answer to a request that no backend hears of."""
    asked = city.asked_backends()
    answer = await city.post(at.path, [bearer(at.good()), *headers], answer_to)
    assert city.asked_backends() == asked
    return answer


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.id)
async def test_a_body_that_is_no_message_is_refused_unread(
    case: Body, era: str, city: City, acme: Door, old_acme: Door
) -> None:
    """Whatever its headers say it is."""
    at = acme if era == "modern" else old_acme
    headers = modern_headers("tools/call", "echo") if era == "modern" else legacy_headers("none")
    answer = await _unheard(city, at, case.body, *headers)

    assert (answer.status, answer.code) == (400, case.code), answer.text
    assert answer.error["data"]["reason"] in {"parse_error", "invalid_request"}
    assert (await city.line_of(answer))["reason"] == answer.error["data"]["reason"]


@pytest.mark.parametrize("name", ["J03-100k", "J03-100k-closed", "J08-10k", "J05-5000-digits"])
async def test_j03_others_are_served_while_a_hostile_body_is_looked_at(
    name: str, city: City, acme: Door
) -> None:
    (case,) = [case for case in BODIES if case.id == name]
    headers = [bearer(acme.good()), *modern_headers("tools/call", "echo")]
    hostile = [city.post(acme.path, headers, case.body) for _ in range(5)]
    began = asyncio.get_running_loop().time()
    good, *refused = await asyncio.gather(acme.modern(modern_call()), *hostile)

    assert good.status == 200
    assert {answer.status for answer in refused} == {400}
    assert asyncio.get_running_loop().time() - began < 10 * LAG_S


@pytest.mark.parametrize(
    "method", ["rpc.x", "tools/callx", "ping", "logging/setLevel", "tasks/list"]
)
async def test_j12_an_unknown_method_is_404_to_a_modern_client(
    method: str, city: City, acme: Door
) -> None:
    answer = await _unheard(city, acme, modern(method), *modern_headers(method))

    assert (answer.status, answer.code) == (404, -32601)


@pytest.mark.parametrize("method", ["rpc.x", "tools/callx", "server/discover", "tasks/cancel"])
async def test_j12_an_unknown_method_is_an_answer_to_a_legacy_client(
    method: str, old_acme: Door
) -> None:
    answer = await old_acme.legacy(legacy(method), await old_acme.session())

    assert (answer.status, answer.code) == (200, -32601)


async def test_j09_a_notification_is_accepted_without_a_word(city: City, acme: Door) -> None:
    message = {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": 1},
    }
    answer = await _unheard(city, acme, message, *modern_headers("notifications/cancelled"))

    assert (answer.status, answer.body) == (202, b"")


def _meta(**changes: object) -> Json:
    return {f"{META_PREFIX}{name}": value for name, value in changes.items()}


def _changed(headers: list[tuple[str, str]], name: str, *values: str) -> list[tuple[str, str]]:
    return [*((k, v) for k, v in headers if k != name), *((name, value) for value in values)]


GOOD = modern_headers("tools/call", "echo")
MISMATCHES = {
    "version-absent": _changed(GOOD, "MCP-Protocol-Version"),
    "version-legacy": _changed(GOOD, "MCP-Protocol-Version", "2025-11-25"),
    "version-other": _changed(GOOD, "MCP-Protocol-Version", "2031-01-01"),
    "method-absent": _changed(GOOD, "Mcp-Method"),
    "method-other": _changed(GOOD, "Mcp-Method", "tools/list"),
    "method-case": _changed(GOOD, "Mcp-Method", "Tools/Call"),
    "method-twice": _changed(GOOD, "Mcp-Method", "tools/call", "tools/call"),
    "name-absent": _changed(GOOD, "Mcp-Name"),
    "name-benign": _changed(GOOD, "Mcp-Name", "list"),
    "name-twice": _changed(GOOD, "Mcp-Name", "echo", "secret_door"),
    "name-bad-base64": _changed(GOOD, "Mcp-Name", "=?base64?!!?="),
}


@pytest.mark.parametrize("name", MISMATCHES)
async def test_j14_j15_headers_that_disagree_with_the_body_are_refused(
    name: str, city: City, acme: Door
) -> None:
    answer = await _unheard(city, acme, modern_call(), *MISMATCHES[name])

    assert (answer.status, answer.code) == (400, -32020), answer.text
    assert (await city.line_of(answer))["reason"] == "header_mismatch"


async def test_j15_a_version_twice_is_refused(city: City, acme: Door) -> None:
    headers = _changed(GOOD, "MCP-Protocol-Version", "2026-07-28", "2026-07-28")
    answer = await _unheard(city, acme, modern_call(), *headers)

    assert answer.status == 400


async def test_j15_the_body_alone_decides_what_is_called(city: City, acme: Door) -> None:
    """A benign header over a body that means something else reaches nobody."""
    message = modern_call("admin_wipe")
    answer = await _unheard(city, acme, message, *modern_headers("tools/call", "echo"))

    assert (answer.status, answer.code) == (400, -32020)


async def test_j14_a_version_that_is_not_served_names_those_that_are(
    city: City, acme: Door
) -> None:
    message = modern("tools/call", name="echo", meta=_meta(protocolVersion="2031-01-01"))
    headers = _changed(GOOD, "MCP-Protocol-Version", "2031-01-01")
    answer = await _unheard(city, acme, message, *headers)

    assert (answer.status, answer.code) == (400, -32022)
    assert {"2026-07-28", "2025-11-25"} <= set(answer.error["data"]["supported"])
    assert answer.error["data"]["requested"] == "2031-01-01"


BAD_META: dict[str, Json] = {
    "version-missing": {f"{META_PREFIX}protocolVersion": None},
    "capabilities-missing": {f"{META_PREFIX}clientCapabilities": None},
    "capabilities-list": {f"{META_PREFIX}clientCapabilities": []},
    "client-info-text": {f"{META_PREFIX}clientInfo": "x"},
    "log-level": {f"{META_PREFIX}logLevel": "loud"},
    "progress-token": {"progressToken": {}},
}


@pytest.mark.parametrize("name", BAD_META)
async def test_a_bad_envelope_is_refused(name: str, city: City, acme: Door) -> None:
    answer = await _unheard(
        city, acme, modern("tools/call", name="echo", meta=BAD_META[name]), *GOOD
    )

    assert (answer.status, answer.code) == (400, -32602), answer.text


async def test_j14_legacy_traffic_without_a_version_header_goes_by_its_session(
    old_acme: Door,
) -> None:
    session = await old_acme.session()
    headers = [h for h in legacy_headers(session) if h[0] != "MCP-Protocol-Version"]
    answer = await old_acme.city.post(
        old_acme.path, [bearer(old_acme.good()), *headers], legacy_call()
    )

    assert answer.status == 200


async def test_j14_a_modern_claim_never_ends_in_the_legacy_era(city: City, acme: Door) -> None:
    """A session beside it does not make a modern body a legacy one."""
    headers = [*legacy_headers("x" * 43)]
    answer = await _unheard(city, acme, modern_call(), *headers)

    assert (answer.status, answer.code) == (400, -32020)


PLACED = {"region": "eu", "limit": 42}
RIGHT = [("Mcp-Param-Region", "eu"), ("Mcp-Param-Limit", "42")]
WRONG = {
    "absent": [],
    "one-absent": RIGHT[:1],
    "other": [("Mcp-Param-Region", "us"), RIGHT[1]],
    "case": [("Mcp-Param-Region", "EU"), RIGHT[1]],
    "twice": [RIGHT[0], *RIGHT],
    "number": [RIGHT[0], ("Mcp-Param-Limit", "43")],
    "no-number": [RIGHT[0], ("Mcp-Param-Limit", "0x2a")],
    "fraction": [RIGHT[0], ("Mcp-Param-Limit", "42.5")],
    "bad-base64": [("Mcp-Param-Region", "=?base64?ZXV=?="), RIGHT[1]],
}


def _placed(**arguments: object) -> Json:
    return modern("tools/call", name="placed", arguments=arguments)


@pytest.mark.parametrize("name", WRONG)
async def test_j17_param_headers_that_disagree_are_refused(
    name: str, city: City, acme: Door
) -> None:
    message = _placed(**PLACED)
    await acme.modern(modern("tools/list"))
    answer = await acme.modern(message, headers=[*mirrored(message), *WRONG[name]])

    assert (answer.status, answer.code) == (400, -32020)
    called = [c.message["params"]["name"] for c in city.backends["acme-modern"].calls("tools/call")]
    assert "placed" not in called[-1:]


async def test_j17_a_param_header_without_its_argument_is_refused(acme: Door) -> None:
    message = _placed(region="eu")
    answer = await acme.modern(message, headers=[*mirrored(message), *RIGHT])

    assert (answer.status, answer.code) == (400, -32020)


@pytest.mark.parametrize("spelling", ["42", "42.0", "42.00"])
async def test_j17_integers_are_compared_by_value(spelling: str, acme: Door) -> None:
    message = _placed(**PLACED)
    headers = [*mirrored(message), RIGHT[0], ("Mcp-Param-Limit", spelling)]

    assert (await acme.modern(message, headers=headers)).status == 200


async def test_j17_h16_a_line_break_in_a_header_is_no_http(city: City, acme: Door) -> None:
    headers = [bearer(acme.good()), *GOOD, ("Mcp-Param-Region", "eu\rX: y")]
    answer = await city.post(acme.path, headers, modern_call())

    assert answer.status == 400


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"]
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
async def test_h11_a_foreign_page_reaches_nobody(
    method: str, origin: str, city: City, acme: Door
) -> None:
    asked = city.asked_backends()
    headers = [bearer(acme.good()), ("Origin", origin), *GOOD]
    body = encoded(modern_call()) if method == "POST" else b""
    answer = await city.send(method, acme.path, headers, body)

    assert answer.status == 403
    assert answer.header("Access-Control-Allow-Origin") is None
    assert city.asked_backends() == asked
