"""Several backends behind one URL: names, order, owners, and backends that are away."""

import asyncio

import pytest

from tenants.model import Slug
from tests.gateway.core.caller import Caller
from tests.gateway.core.lines import all_logged, served
from tests.gateway.core.modern_rig import Station, subscribed
from tests.rigs.fake_backend import FakeBackend, FakeEra, Script, Wire
from tests.rigs.inner_gateway import inner_gateway

ERAS: list[FakeEra] = ["modern", "legacy"]
STALE = "io.portcullis/staleBackends"
ABSENT = "io.portcullis/unavailableBackends"


def _tool(name: str) -> dict[str, object]:
    return {"name": name, "inputSchema": {"type": "object"}}


def _names(tools: list[dict[str, object]]) -> list[object]:
    return [tool["name"] for tool in tools]


@pytest.mark.parametrize("era", ERAS)
async def test_tools_are_listed_with_their_backends_name_in_the_endpoints_order(
    era: FakeEra,
) -> None:
    async with (
        FakeBackend(era=era, tools=[_tool("z"), _tool("a")]) as two,
        FakeBackend(era=era, tools=[_tool("z")]) as one,
        inner_gateway({"acme": {"two": two, "one": one}}) as inner,
    ):
        listed = (await Caller.of(inner).ask(era, "tools/list")).result["tools"]

        names = _names(listed)
        order = list(inner.foundations.config.tenants[Slug("acme")].endpoints[""].backends)
        assert sorted(map(str, names)) == ["one__z", "two__a", "two__z"]
        assert [str(name).split("__")[0] for name in names] == [
            backend for backend in order for _ in range(2 if backend == "two" else 1)
        ]
        assert names.index("two__z") < names.index("two__a")


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_goes_to_the_backend_in_its_name_under_the_backends_own_name(
    era: FakeEra,
) -> None:
    async with (
        FakeBackend(era=era, canary="of-one") as one,
        FakeBackend(era=era, canary="of-two") as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        answer = await Caller.of(inner).call(era, "two__echo", x=1)

        assert "of-two" in answer.text
        assert one.calls("tools/call") == []
        (received,) = two.calls("tools/call")
        assert received.message["params"]["name"] == "echo"
        if era == "modern":
            assert received.header("Mcp-Name") == "echo"


@pytest.mark.parametrize("era", ERAS)
async def test_prompts_and_completions_go_to_their_owner_under_its_own_name(era: FakeEra) -> None:
    async def answer_prompt(wire: Wire) -> None:
        await wire.result({"messages": [], "description": wire.backend.canary})

    async def complete(wire: Wire) -> None:
        await wire.result({"completion": {"values": [wire.backend.canary]}})

    scripts: dict[str, Script] = {"prompts/get": answer_prompt, "completion/complete": complete}
    async with (
        FakeBackend(era=era, canary="of-one", scripts=scripts) as one,
        FakeBackend(era=era, canary="of-two", scripts=scripts) as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        listed = (await caller.ask(era, "prompts/list")).result["prompts"]
        got = await caller.ask(era, "prompts/get", {"name": "two__greet"})
        completed = await caller.ask(
            era,
            "completion/complete",
            {
                "ref": {"type": "ref/prompt", "name": "two__greet"},
                "argument": {"name": "who", "value": "a"},
            },
        )

        assert sorted(map(str, _names(listed))) == ["one__greet", "two__greet"]
        assert got.result["description"] == "of-two"
        assert completed.result["completion"]["values"] == ["of-two"]
        assert two.calls("prompts/get")[0].message["params"]["name"] == "greet"
        assert two.calls("completion/complete")[0].message["params"]["ref"] == {
            "type": "ref/prompt",
            "name": "greet",
        }
        assert one.calls("prompts/get") == one.calls("completion/complete") == []


@pytest.mark.parametrize("era", ERAS)
async def test_resources_and_their_completions_go_to_who_lists_them_or_has_the_template(
    era: FakeEra,
) -> None:
    async def read(wire: Wire) -> None:
        uri = wire.request.message["params"]["uri"]
        await wire.result({"contents": [{"uri": uri, "text": wire.backend.canary}]})

    async def complete(wire: Wire) -> None:
        await wire.result({"completion": {"values": [wire.backend.canary]}})

    def lists(scheme: str) -> dict[str, Script]:
        async def resources(wire: Wire) -> None:
            await wire.result({"resources": [{"uri": f"{scheme}://one", "name": "one"}]})

        async def templates(wire: Wire) -> None:
            found = [{"uriTemplate": scheme + "://t/{x}", "name": "x"}]
            await wire.result({"resourceTemplates": found})

        return {
            "resources/list": resources,
            "resources/templates/list": templates,
            "resources/read": read,
            "completion/complete": complete,
        }

    async with (
        FakeBackend(era=era, canary="of-one", scripts=lists("a")) as one,
        FakeBackend(era=era, canary="of-two", scripts=lists("b")) as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        listed = await caller.ask(era, "resources/read", {"uri": "b://one"})
        templated = await caller.ask(era, "resources/read", {"uri": "b://t/7"})
        completed = await caller.ask(
            era,
            "completion/complete",
            {
                "ref": {"type": "ref/resource", "uri": "b://t/{x}"},
                "argument": {"name": "x", "value": "7"},
            },
        )
        unknown = await caller.ask(era, "resources/read", {"uri": "c://one"})

        assert listed.result["contents"][0]["text"] == "of-two"
        assert templated.result["contents"][0]["text"] == "of-two"
        assert completed.result["completion"]["values"] == ["of-two"]
        assert unknown.error["code"] == (-32602 if era == "modern" else -32002)
        assert unknown.reason == "unknown_resource"
        assert one.calls("resources/read") == []


@pytest.mark.parametrize("era", ERAS)
async def test_instructions_and_capabilities_of_all_backends_are_shown(era: FakeEra) -> None:
    async with (
        FakeBackend(era=era, canary="words-of-one", capabilities={"tools": {}}) as one,
        FakeBackend(
            era=era,
            canary="words-of-two",
            capabilities={"prompts": {"listChanged": True}, "resources": {"subscribe": True}},
        ) as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        if era == "modern":
            shown = (await caller.modern("server/discover")).result
            assert "words-of-one" in shown["instructions"]
            assert "words-of-two" in shown["instructions"]
        else:
            shown = (await caller.initialize()).result
            assert shown["serverInfo"]["name"] == "portcullis"

        assert shown["capabilities"] == {
            "tools": {},
            "prompts": {"listChanged": True},
            "resources": {"subscribe": True},
        }


@pytest.mark.parametrize("era", ERAS)
async def test_a_backend_that_is_down_leaves_the_others_and_is_named_and_comes_back(
    era: FakeEra, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        FakeBackend(era=era) as one,
        FakeBackend(era=era) as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        await two.stop()
        caller = Caller.of(inner)
        listed = await caller.ask(era, "tools/list")
        called = await caller.call(era, "two__echo")
        fine = await caller.call(era, "one__echo")
        lines = served(capsys, "tools/list")

        assert _names(listed.result["tools"]) == ["one__echo"]
        (absent,) = listed.result["_meta"][ABSENT]
        assert absent == {"backend": "two", "reason": "backend_unavailable"}
        assert lines[-1]["unavailable_backends"] == ["two"]
        assert called.status == 200
        assert called.error["code"] == -31001
        assert called.error["data"]["backend"] == "two"
        assert fine.text

        await two.listen()
        async with asyncio.timeout(20):
            while "error" in (await caller.call(era, "two__echo")).last:
                pass  # its pause is a second: whoever calls then finds it back
        listed = await caller.ask(era, "tools/list")
        assert sorted(map(str, _names(listed.result["tools"]))) == ["one__echo", "two__echo"]


async def test_an_absent_backends_failure_does_not_grow_with_every_call() -> None:
    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        await two.stop()
        caller = Caller.of(inner)
        for _ in range(5):
            await caller.call("modern", "two__echo")
        endpoint = inner.gateway.pipeline.routes.tenants["acme"].endpoints[0]
        peer = endpoint.tenant.peers["two"]

        frames = 0
        failure = peer.catalogue_failure
        trace = None if failure is None else failure.__traceback__
        while trace is not None:
            frames, trace = frames + 1, trace.tb_next
        assert frames < 12


async def test_a_list_costs_the_budget_once_when_a_backend_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.endpoint_backends.LIST_BUDGET_S", 0.3)
    hanging = asyncio.Event()

    async def hang(wire: Wire) -> None:
        del wire
        await hanging.wait()

    async with (
        FakeBackend() as one,
        FakeBackend(scripts={"server/discover": hang}) as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        async with asyncio.timeout(5):
            listings = await asyncio.gather(*(caller.modern("tools/list") for _ in range(5)))
            called = await caller.call("modern", "two__echo")
        hanging.set()

        assert [_names(listed.result["tools"]) for listed in listings] == [["one__echo"]] * 5
        assert listings[0].result["_meta"][ABSENT][0]["backend"] == "two"
        # Nothing of the call was sent anywhere: it is safe to try again.
        assert called.error["code"] == -31001
        assert len(two.calls("server/discover")) == 1


async def test_what_takes_longer_than_a_lists_budget_is_still_got_to_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.endpoint_backends.LIST_BUDGET_S", 0.3)
    go_on = asyncio.Event()
    listing = FakeBackend()

    async def slow(wire: Wire) -> None:
        await go_on.wait()
        await wire.result({"tools": listing.tools})

    listing.scripts["tools/list"] = slow
    async with (
        FakeBackend() as one,
        listing as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        first = await caller.modern("tools/list")
        go_on.set()
        second = await caller.modern("tools/list")
        async with asyncio.timeout(5):
            while len(second.result["tools"]) == 1:
                second = await caller.modern("tools/list")

        assert _names(first.result["tools"]) == ["one__echo"]
        assert sorted(map(str, _names(second.result["tools"]))) == ["one__echo", "two__echo"]
        assert len(two.calls("tools/list")) == 1


async def test_a_backend_that_is_slow_to_list_again_stays_with_its_last_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.endpoint_backends.LIST_BUDGET_S", 0.2)
    monkeypatch.setattr("gateway.endpoint_backends.RELIST_S", 0.0)
    may_end = asyncio.Event()
    slow = FakeBackend()

    async def wait(wire: Wire) -> None:
        await may_end.wait()
        await wire.result({"tools": slow.tools})

    async with (
        FakeBackend() as one,
        slow as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.modern("tools/list")
        two.scripts["tools/list"] = wait
        await caller.call("modern", "unknown")  # makes the lists fresh
        listed = await caller.modern("tools/list")
        may_end.set()

        assert sorted(map(str, _names(listed.result["tools"]))) == ["one__echo", "two__echo"]
        assert "io.portcullis/unavailableBackends" not in listed.result["_meta"]


async def test_a_backend_that_is_slow_to_list_is_listed_as_it_was_and_named_as_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.endpoint_backends.LIST_BUDGET_S", 0.3)
    go_on = asyncio.Event()

    async def slow(wire: Wire) -> None:
        await go_on.wait()
        await wire.result({"tools": [{"name": "new"}]})

    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        station = Station(two)
        async with subscribed(caller, toolsListChanged=True) as (stream, _):
            before = await caller.modern("tools/list")
            two.scripts["tools/list"] = slow
            await station.say("notifications/tools/list_changed")
            await stream.event()
        async with asyncio.timeout(3):
            late = [await caller.modern("tools/list") for _ in range(5)]
            called = await caller.call("modern", "two__echo")
        go_on.set()
        while STALE in (fresh := await caller.modern("tools/list")).result["_meta"]:
            pass

        for answer in late:
            assert answer.result["tools"] == before.result["tools"]
            assert answer.result["_meta"][STALE] == [{"backend": "two", "ageSeconds": 0}]
            assert ABSENT not in answer.result["_meta"]
        assert called.text.startswith("{}")
        assert sorted(map(str, _names(fresh.result["tools"]))) == ["one__echo", "two__new"]


@pytest.mark.parametrize("era", ERAS)
async def test_of_two_eras_each_client_sees_its_own_and_the_other_is_named(era: FakeEra) -> None:
    async with (
        FakeBackend(era="legacy") as old,
        FakeBackend(era="modern") as new,
        inner_gateway({"acme": {"old": old, "new": new}}) as inner,
    ):
        caller = Caller.of(inner)
        mine, other = ("new", "old") if era == "modern" else ("old", "new")
        listed = await caller.ask(era, "tools/list")
        called = await caller.call(era, f"{other}__echo")

        assert _names(listed.result["tools"]) == [f"{mine}__echo"]
        assert listed.result["_meta"][ABSENT] == [{"backend": other, "reason": "era_impossible"}]
        assert called.error["code"] == -31008
        assert called.error["data"]["backend"] == other


async def test_names_that_collide_or_are_too_long_are_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long_name = "n" * 100
    async with (
        FakeBackend(tools=[_tool(long_name)]) as one,
        FakeBackend(tools=[_tool("echo")]) as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        listed = await caller.modern("tools/list")
        await caller.modern("tools/list")
        (shown,) = [t for t in _names(listed.result["tools"]) if str(t).startswith("one__")]
        called = await caller.call("modern", str(shown))
        events = all_logged(capsys)

        assert len(str(shown)) <= 64
        assert one.calls("tools/call")[0].message["params"]["name"] == long_name
        assert called.text
        shortened = [line for line in events if line["event"] == "name_shortened"]
        collided = [line for line in events if line["event"] == "name_collided"]
        assert [line["backend"] for line in shortened] == ["one"]
        assert shortened[0]["tenant"] == "acme"
        # both backends list fake://one and the same template
        assert {line["backend"] for line in collided} <= {"one", "two"}
        assert len(collided) == 2


async def test_events_of_a_backend_are_told_once_and_not_on_every_call(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        await two.stop()
        caller = Caller.of(inner)
        for _ in range(5):
            await caller.modern("tools/list")
            await caller.call("modern", "one__echo")
        events = all_logged(capsys)

        def told(event: str, backend: str) -> int:
            return sum(e["event"] == event and e.get("backend") == backend for e in events)

        assert told("backend_probed", "one") == 1
        assert told("catalogue_refreshed", "one") == 1
        assert told("backend_probe_failed", "two") == 1
        assert told("backend_probed", "two") == 0
