"""C18 and J21: one decision with three answers, for the list and for the call."""

import pytest

from tests.rigs.doors import Door, door
from tests.rigs.raw_http import Answer
from tests.rigs.walled_city import City, Json, legacy, legacy_call, modern, modern_call

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALL = "tools:admin tools:audit"


@pytest.fixture
def guarded(city: City) -> Door:
    return door(city, "acme", "guarded")


@pytest.fixture
def guarded_legacy(city: City) -> Door:
    return door(city, "acme", "guarded-legacy")


def _names(answer: Answer) -> list[str]:
    return [tool["name"] for tool in answer.result["tools"]]


def _same_but_for_the_name(answer: Answer, name: str) -> Json:
    message = dict(answer.error)
    message["message"] = message["message"].replace(name, "NAME")
    return message


async def test_c18_a_tool_that_needs_more_scopes_is_listed_and_a_denied_one_is_not(
    guarded: Door,
) -> None:
    listed = _names(await guarded.modern(modern("tools/list")))

    assert "admin_wipe" in listed
    assert "secret_door" not in listed


async def test_c18_a_call_short_of_scopes_names_all_of_them_and_reaches_nobody(
    city: City, guarded: Door
) -> None:
    await guarded.modern(modern_call())
    asked = city.asked_backends()
    answer = await guarded.modern(modern_call("admin_wipe"), token=guarded.good(scope="x"))
    half = await guarded.modern(modern_call("admin_wipe"), token=guarded.good(scope="tools:admin"))

    assert (answer.status, half.status) == (403, 403)
    challenge = answer.header("WWW-Authenticate") or ""
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{ALL}"' in challenge
    assert "resource_metadata=" in challenge
    assert half.fixed == answer.fixed
    assert city.asked_backends() == asked
    assert (await city.audited(answer))["reason"] == "insufficient_scope"


@pytest.mark.parametrize(
    "near", ["tools:adminx tools:audit", "tools:admi tools:audit", "TOOLS:ADMIN"]
)
async def test_c12_a_scope_is_compared_whole(near: str, guarded: Door) -> None:
    answer = await guarded.modern(modern_call("admin_wipe"), token=guarded.good(scope=near))

    assert answer.status == 403


async def test_c18_a_call_with_all_scopes_is_served(guarded: Door) -> None:
    token = guarded.good(scope=ALL)

    assert (await guarded.modern(modern_call("admin_wipe"), token=token)).status == 200


async def test_j21_a_denied_tool_is_answered_like_an_unknown_one(city: City, guarded: Door) -> None:
    token = guarded.good(scope=ALL)
    denied = await guarded.modern(modern_call("secret_door"), token=token)
    unknown = await guarded.modern(modern_call("no_such_door"), token=token)

    assert denied.status == unknown.status == 400
    assert denied.code == -32602
    assert _same_but_for_the_name(denied, "secret_door") == _same_but_for_the_name(
        unknown, "no_such_door"
    )
    called = [r.message["params"]["name"] for r in city.backends["acme-modern"].calls("tools/call")]
    assert "secret_door" not in called


async def test_c18_j21_a_legacy_client_is_told_the_same(city: City, guarded_legacy: Door) -> None:
    token = guarded_legacy.good()
    session = await guarded_legacy.session(token=token)
    listed = await guarded_legacy.legacy(legacy("tools/list"), session, token=token)
    short = await guarded_legacy.legacy(legacy_call("admin_wipe"), session, token=token)
    denied = await guarded_legacy.legacy(legacy_call("secret_door"), session, token=token)
    unknown = await guarded_legacy.legacy(legacy_call("no_such_door"), session, token=token)

    assert "admin_wipe" in _names(listed)
    assert "secret_door" not in _names(listed)
    assert short.status == 403
    assert denied.status == unknown.status == 200
    assert _same_but_for_the_name(denied, "secret_door") == _same_but_for_the_name(
        unknown, "no_such_door"
    )


@pytest.mark.parametrize(
    "method", ["echo", "tools/echo", "secret_door", "acme/tools/call", "rpc.x"]
)
async def test_j18_a_tool_has_no_second_door(method: str, city: City, guarded: Door) -> None:
    asked = city.asked_backends()
    answer = await guarded.modern(modern(method, name="echo", arguments={}))

    assert (answer.status, answer.code) == (404, -32601)
    assert city.asked_backends() == asked
