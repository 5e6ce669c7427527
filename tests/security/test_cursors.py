"""J27 as far as cursors go, and J29: what is sealed for one caller opens nothing for another."""

import pytest

from tests.rigs.doors import Door, door
from tests.rigs.fake_backend import FakeBackend, Wire
from tests.rigs.raw_http import Answer
from tests.rigs.walled_city import City, Json, legacy, modern

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def wide(city: City) -> Door:
    return door(city, "acme", "wide")


async def _page(at: Door, cursor: object = None, token: str | None = None) -> Answer:
    params: Json = {} if cursor is None else {"cursor": cursor}
    return await at.modern(modern("tools/list", **params), token=token)


async def _cursor(at: Door) -> str:
    cursor = (await _page(at)).result["nextCursor"]
    assert isinstance(cursor, str)
    return cursor


async def test_a_cursor_leads_its_owner_through_the_whole_list_once(wide: Door) -> None:
    first = await _page(wide)
    second = await _page(wide, first.result["nextCursor"])
    names = [tool["name"] for page in (first, second) for tool in page.result["tools"]]

    assert names == [f"wide_{n:02}" for n in range(40)]
    assert "nextCursor" not in second.result


def _flipped(cursor: str, at: int) -> str:
    other = "A" if cursor[at] != "A" else "B"
    return cursor[:at] + other + cursor[at + 1 :]


@pytest.mark.parametrize("at", [0, 5, 20, -8, -2])
async def test_j27_a_changed_cursor_is_invalid(at: int, city: City, wide: Door) -> None:
    cursor = await _cursor(wide)
    answer = await _page(wide, _flipped(cursor, at % len(cursor)))

    assert (answer.status, answer.code) == (400, -32602)


@pytest.mark.parametrize("cursor", ["", "32", "x" * 5000, "\u00e9", 7, None, ["x"], {}])
async def test_what_is_no_cursor_is_invalid(cursor: object, wide: Door) -> None:
    answer = await wide.modern(modern("tools/list", cursor=cursor))

    assert (answer.status, answer.code) == (400, -32602)


async def test_j27_a_cursor_is_its_callers_lists_and_endpoints_own(city: City, wide: Door) -> None:
    cursor = await _cursor(wide)
    second = door(city, "acme", "wide", issuer="second")
    elsewhere = {
        "user": await _page(wide, cursor, wide.good("eve")),
        "client": await _page(wide, cursor, wide.good(client_id="other")),
        "issuer": await _page(second, cursor),
        "tenant": await _page(door(city, "globex", "wide"), cursor),
        "endpoint": await _page(door(city, "acme", "shared"), cursor),
        "list": await wide.modern(modern("prompts/list", cursor=cursor)),
    }

    assert {(a.status, a.code) for a in elsewhere.values()} == {(400, -32602)}
    assert len({answer.body for answer in elsewhere.values()}) == 1
    assert (await _page(wide, cursor)).status == 200


async def test_a_legacy_client_is_told_of_a_bad_cursor_in_its_own_way(old_acme: Door) -> None:
    answer = await old_acme.legacy(legacy("tools/list", cursor="x"), await old_acme.session())

    assert (answer.status, answer.code) == (200, -32602)


@pytest.mark.parametrize(
    ("claimed", "told"),
    [(60_000, 60_000), (10**12, 300_000), (-5, 0), ("60", 0), (True, 0), (1.5, 0)],
)
async def test_j29_what_a_backend_calls_public_is_private_and_short_lived(
    claimed: object, told: int, city: City, acme: Door
) -> None:
    backend = city.backends["acme-modern"]

    async def public(wire: Wire) -> None:
        contents = [{"uri": "fake://one", "text": "x"}]
        await wire.result({"contents": contents, "cacheScope": "public", "ttlMs": claimed})

    backend.scripts["resources/read"] = public
    answer = await acme.modern(modern("resources/read", uri="fake://one"))

    assert answer.result["cacheScope"] == "private"
    assert answer.result["ttlMs"] == told


@pytest.mark.parametrize("method", ["tools/list", "prompts/list", "resources/list"])
async def test_j29_every_list_is_private(method: str, acme: Door) -> None:
    result = (await acme.modern(modern(method))).result

    assert result["cacheScope"] == "private"
    assert 0 <= result["ttlMs"] <= 300_000


async def test_j29_a_public_answer_of_one_tenants_backend_is_not_given_to_another(
    city: City,
) -> None:
    """Both ask the same URL for the same resource; each is asked for anew."""
    backend: FakeBackend = city.backends["shared"]

    async def public(wire: Wire) -> None:
        key = wire.request.header("X-Backend-Key")
        await wire.result(
            {
                "contents": [{"uri": "fake://one", "text": f"for {key}"}],
                "cacheScope": "public",
                "ttlMs": 300_000,
            }
        )

    backend.scripts["resources/read"] = public
    message = modern("resources/read", uri="fake://one")
    asked = len(backend.calls("resources/read"))
    # The credential is in the body on purpose, to tell the answers apart.
    city.secrets -= {"credential-of-acme-at-its-backends", "credential-of-globex-at-its-backends"}
    try:
        ours = await door(city, "acme", "shared").modern(message)
        theirs = await door(city, "globex", "shared").modern(message)
    finally:
        city.secrets |= {
            "credential-of-acme-at-its-backends",
            "credential-of-globex-at-its-backends",
        }

    assert ours.result["contents"] != theirs.result["contents"]
    assert len(backend.calls("resources/read")) == asked + 2
