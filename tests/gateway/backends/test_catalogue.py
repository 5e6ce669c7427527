"""What a backend offers: all of its pages, within bounds, once, and kept."""

import asyncio
import itertools
import json
from typing import Any

import pytest

from gateway.backends.limits import BackendLimits
from gateway.errors import BackendUnavailable, OutcomeUnknown
from tests.gateway.backends.conftest import MakePeer, SteppedClock
from tests.rigs.fake_backend import FakeBackend, Json, Script, Wire


def tool(name: str, size: int = 0) -> Json:
    return {"name": name, "inputSchema": {"type": "object", "description": "x" * size}}


def names(raw: tuple[bytes, ...], key: str = "name") -> list[str]:
    return [json.loads(item)[key] for item in raw]


def paged(pages: dict[str | None, tuple[list[Json], str | None]]) -> Script:
    """Serve tools in pages: cursor to (tools, next cursor)."""

    async def script(wire: Wire) -> None:
        tools, following = pages[wire.request.message["params"].get("cursor")]
        result: Json = {"tools": tools}
        if following is not None:
            result["nextCursor"] = following
        await wire.result(result)

    return script


async def endless_pages(wire: Wire) -> None:
    number = len(wire.backend.calls("tools/list"))
    await wire.result({"tools": [tool(f"t{number}")], "nextCursor": f"c{number}"})


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_everything_is_listed_as_the_bytes_that_came(make_peer: MakePeer, era: Any) -> None:
    odd = {"name": "odd", "inputSchema": {"type": "object", "x-\u00e9": 1.0}, "_meta": {"a": None}}
    async with FakeBackend(era=era, tools=[tool("a"), odd]) as backend:
        catalogue = await make_peer(backend).catalogue(0)

    assert names(catalogue.tools) == ["a", "odd"]
    assert catalogue.tools[1] == json.dumps(odd).encode()
    assert names(catalogue.prompts) == ["greet"]
    assert names(catalogue.resources, "uri") == ["fake://one"]
    assert names(catalogue.templates, "uriTemplate") == ["fake://{x}"]
    assert catalogue.faults == ()


async def test_only_what_is_advertised_is_asked_for(make_peer: MakePeer) -> None:
    async with FakeBackend(capabilities={"tools": {}}) as backend:
        catalogue = await make_peer(backend).catalogue(0)

    assert catalogue.prompts == catalogue.resources == catalogue.templates == ()
    assert [request.rpc for request in backend.requests] == ["server/discover", "tools/list"]


async def test_all_pages_are_read_and_an_empty_cursor_is_not_the_end(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    fake.scripts["tools/list"] = paged(
        {None: ([tool("a")], ""), "": ([tool("b")], "2"), "2": ([tool("c")], None)}
    )

    assert names((await make_peer(fake).catalogue(0)).tools) == ["a", "b", "c"]


async def test_a_cursor_that_comes_again_ends_the_list(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    fake.scripts["tools/list"] = paged(
        {None: ([tool("a")], "1"), "1": ([tool("b")], "2"), "2": ([tool("c")], "1")}
    )
    catalogue = await make_peer(fake).catalogue(0)

    assert names(catalogue.tools) == ["a", "b", "c"]
    assert catalogue.faults == ("tools/list: the cursor came again",)


async def test_pages_tools_and_bytes_are_bounded(fake: FakeBackend, make_peer: MakePeer) -> None:
    fake.scripts["tools/list"] = endless_pages
    few_pages = await make_peer(fake, limits=BackendLimits(pages=3)).catalogue(0)
    few_tools = await make_peer(fake, limits=BackendLimits(tools=5)).catalogue(0)
    few_bytes = await make_peer(fake, limits=BackendLimits(catalogue_bytes=200)).catalogue(0)

    assert len(few_pages.tools) == 3
    assert len(few_tools.tools) == 5
    assert 0 < sum(map(len, few_bytes.tools)) < 400
    assert all(each.faults for each in (few_pages, few_tools, few_bytes))


async def test_a_definition_that_is_too_large_nameless_or_a_double_is_left_out(
    make_peer: MakePeer,
) -> None:
    tools = [tool("a"), tool("big", 300_000), {"name": 5}, {"title": "x"}, tool("a", 1), tool("b")]
    async with FakeBackend(tools=tools) as backend:
        catalogue = await make_peer(backend).catalogue(0)

    assert names(catalogue.tools) == ["a", "b"]
    assert catalogue.tools[0] == json.dumps(tool("a")).encode()
    assert catalogue.faults == ("tools/list: a definition was left out",)


async def test_a_list_that_the_backend_does_not_know_is_empty(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    async def unknown(wire: Wire) -> None:
        await wire.error(-32601, status=404)

    fake.scripts["resources/templates/list"] = unknown
    catalogue = await make_peer(fake).catalogue(0)

    assert catalogue.templates == ()
    assert names(catalogue.tools) == ["echo"]


async def test_a_list_that_is_none_is_a_failure(fake: FakeBackend, make_peer: MakePeer) -> None:
    async def nonsense(wire: Wire) -> None:
        await wire.result({"tools": {"a": 1}})

    fake.scripts["tools/list"] = nonsense
    with pytest.raises(OutcomeUnknown):
        await make_peer(fake).catalogue(0)


async def test_it_is_collected_once_however_many_ask(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    peer = make_peer(fake)
    found = await asyncio.gather(*(peer.catalogue(60) for _ in range(20)))

    assert len({id(catalogue) for catalogue in found}) == 1
    assert len(fake.calls("tools/list")) == 1


async def test_it_is_collected_anew_when_it_is_too_old(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    clock = SteppedClock()
    peer = make_peer(fake, clock=clock)
    counts = []
    for clock.now, max_age_s in ((0, 5), (5, 5), (5.1, 5), (6, 5), (6.1, 1)):
        await peer.catalogue(max_age_s)
        counts.append(len(fake.calls("tools/list")))

    assert counts == [1, 1, 2, 2, 2]


async def test_the_last_good_one_stays_when_the_backend_is_gone(make_peer: MakePeer) -> None:
    clock = SteppedClock()
    async with FakeBackend() as backend:
        peer = make_peer(backend, clock=clock)
        good = await peer.catalogue(5)
        await backend.stop()
        clock.now = 10
        assert await peer.catalogue(5) is good
        assert isinstance(peer.catalogue_failure, BackendUnavailable)
        await backend.listen()
        clock.now = 20
        fresh = await peer.catalogue(5)

    assert fresh.collected_at == 20
    assert peer.catalogue_failure is None


async def test_without_a_good_one_the_failure_is_raised_each_time(make_peer: MakePeer) -> None:
    async with FakeBackend() as backend:
        peer = make_peer(backend)
    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            await peer.catalogue(5)


async def test_legacy_lists_share_one_session_that_is_reopened_when_forgotten(
    make_peer: MakePeer,
) -> None:
    clock = SteppedClock()
    async with FakeBackend(era="legacy") as backend:
        peer = make_peer(backend, clock=clock)
        await peer.catalogue(0)
        clock.now = 1
        await peer.catalogue(0)
        assert len(backend.calls("initialize")) == 1
        backend.sessions.clear()
        clock.now = 2
        catalogue = await peer.catalogue(0)

    assert catalogue.collected_at == 2
    assert len(backend.calls("initialize")) == 2


async def test_a_backend_that_gives_no_session_id_is_fine(make_peer: MakePeer) -> None:
    async with FakeBackend(era="legacy", mints_sessions=False) as backend:
        peer = make_peer(backend)
        catalogue = await peer.catalogue(0)
        await peer.close()

    assert names(catalogue.tools) == ["echo"]
    assert all(request.header("Mcp-Session-Id") is None for request in backend.requests)
    assert [method for method, _ in itertools.groupby(r.method for r in backend.requests)] == [
        "POST"
    ]
