"""`subscriptions/listen` through the gateway: one stream to a client, fed by several backends."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from math import inf

import pytest

from tenants.revocation_scope import RevocationScope, ScopeKind
from tests.gateway.core.caller import Caller, Json, is_at_rest
from tests.gateway.core.lines import logged, served
from tests.gateway.core.modern_rig import (
    LISTEN,
    SUBSCRIPTION_ID,
    Station,
    comes_to_pass,
    declared,
    subscribed,
)
from tests.rigs.evil_scripts import UNKNOWN_OUTCOME
from tests.rigs.fake_backend import FakeBackend, Script, Wire
from tests.rigs.inner_gateway import InnerGateway, inner_gateway

LEEWAY_S = 30
"""How long after its end a token is taken, by default."""
TOOLS_CHANGED = "notifications/tools/list_changed"
PROMPTS_CHANGED = "notifications/prompts/list_changed"
UPDATED = "notifications/resources/updated"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
ALL: Json = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}


async def test_the_acknowledgement_comes_first_and_news_under_the_clients_own_id() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        station = Station(backend)
        caller = Caller.of(inner)
        asked: Json = {**ALL, "resourceSubscriptions": ["fake://one"], "unknownThings": True}
        async with subscribed(caller, **asked) as (stream, acknowledged):
            for noise in ("notifications/progress", "notifications/message", "notifications/x"):
                await station.say(noise, progressToken=1, level="info", data="words")
            await station.say(TOOLS_CHANGED)
            told = await stream.event()
            await station.say(UPDATED, uri="fake://other")
            await station.say(UPDATED, uri="fake://one/part")
            updated = await stream.event()

        assert acknowledged["method"] == ACKNOWLEDGED
        assert acknowledged["params"]["notifications"] == {
            **ALL,
            "resourceSubscriptions": ["fake://one"],
        }
        assert acknowledged["params"]["_meta"] == {SUBSCRIPTION_ID: caller.last_id}
        assert told["method"] == TOOLS_CHANGED
        assert told["params"]["_meta"] == {SUBSCRIPTION_ID: caller.last_id, "vendor/kept": [1.0]}
        assert (updated["method"], updated["params"]["uri"]) == (UPDATED, "fake://one/part")
        assert station.filters == [{**ALL, "resourceSubscriptions": ["fake://one"]}]


async def test_each_backend_is_asked_for_what_it_has_and_the_union_is_honoured() -> None:
    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        FakeBackend(era="legacy") as old,
        FakeBackend() as quiet,
        inner_gateway({"acme": {"one": one, "two": two, "old": old, "quiet": quiet}}) as inner,
    ):
        first, second = Station(one), Station(two, honours={"toolsListChanged": True})
        one.capabilities = {"prompts": {"listChanged": True}, "resources": {"subscribe": True}}

        async def other(wire: Wire) -> None:
            await wire.result({"resources": [{"uri": "two://a", "name": "a"}]})

        two.scripts["resources/list"] = other
        asked: Json = {**ALL, "resourceSubscriptions": ["fake://one", "two://a", "no://body"]}
        async with subscribed(Caller.of(inner), **asked) as (stream, acknowledged):
            await first.say(PROMPTS_CHANGED)
            await second.say(TOOLS_CHANGED)
            told = {(await stream.event())["method"] for _ in range(2)}

        assert first.filters == [
            {"promptsListChanged": True, "resourceSubscriptions": ["fake://one"]}
        ]
        assert second.filters == [{**ALL, "resourceSubscriptions": ["two://a"]}]
        assert acknowledged["params"]["notifications"] == {
            "toolsListChanged": True,
            "promptsListChanged": True,
            "resourceSubscriptions": ["fake://one"],
        }
        assert told == {PROMPTS_CHANGED, TOOLS_CHANGED}
        assert quiet.calls(LISTEN) == old.calls(LISTEN) == []


async def test_a_changed_list_is_fresh_for_the_next_who_asks() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        station = Station(backend)
        caller = Caller.of(inner)
        async with subscribed(caller, toolsListChanged=True) as (stream, _):
            before = await caller.modern("tools/list")
            backend.tools = [{"name": "new", "inputSchema": {"type": "object"}}]
            unaware = await caller.modern("tools/list")
            await station.say(TOOLS_CHANGED)
            await stream.event()
            after = await caller.modern("tools/list")

        assert before.result["tools"] == unaware.result["tools"] != backend.tools
        assert after.result["tools"] == backend.tools


async def test_u20_a_flood_of_changes_is_a_few_words_and_no_work() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        station = Station(backend)
        caller = Caller.of(inner)
        asked: Json = {"toolsListChanged": True, "resourceSubscriptions": ["fake://one"]}
        async with subscribed(caller, **asked) as (stream, _):
            listed = len(backend.calls("tools/list"))
            for _ in range(500):
                await station.say(TOOLS_CHANGED)
            await station.say(UPDATED, uri="fake://one")
            told = [(await stream.event())["method"]]
            while told[-1] != UPDATED:
                told.append((await stream.event())["method"])

        assert len(told) < 20
        assert len(backend.calls("tools/list")) == listed


async def test_j31_a_client_that_leaves_ends_the_backends_streams_within_a_second() -> None:
    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        stations = Station(one), Station(two)
        async with subscribed(Caller.of(inner), toolsListChanged=True) as (stream, _):
            stream.leave()
            async with asyncio.timeout(1):
                for station in stations:
                    await station.wires[0].client_is_gone()
        await comes_to_pass(lambda: is_at_rest(inner))

        assert len(inner.gateway._subscriptions.places) == 0  # noqa: SLF001 - what is held


async def test_a_node_that_leaves_ends_streams_with_a_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Station(backend)
        caller = Caller.of(inner)
        async with subscribed(caller, toolsListChanged=True) as (stream, _):
            inner.gateway.end_streams()
            answer = await stream.answer()
        (line,) = served(capsys, LISTEN)

        assert answer.last["id"] == caller.last_id
        assert answer.result["resultType"] == "complete"
        assert answer.result["_meta"][SUBSCRIPTION_ID] == caller.last_id
        assert answer.headers["x-accel-buffering"] == "no"
        assert (line["outcome"], line["http_status"]) == ("ok", 200)
        assert line["gateway_s"] < line["duration_s"]


async def test_a_stream_lasts_no_longer_than_its_limit() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}, limits={"stream": "1s"}) as inner,
    ):
        Station(backend)
        async with subscribed(Caller.of(inner), toolsListChanged=True) as (stream, _):
            answer = await stream.answer()

        assert answer.result["resultType"] == "complete"


async def test_a_stream_ends_when_its_token_does(monkeypatch: pytest.MonkeyPatch) -> None:
    real, ahead_s = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead_s[0])
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Station(backend)
        caller = Caller.of(inner)
        caller.token = inner.issuer.mint(
            subject="ada", client_id="cli", audience=caller.url, scopes=(), lifetime_s=60
        )
        ahead_s[0] = 60 + LEEWAY_S - 2
        async with subscribed(caller, toolsListChanged=True) as (stream, _):
            answer = await stream.answer()

        assert answer.result["resultType"] == "complete"


async def test_while_revocations_cannot_be_known_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        station = Station(backend)
        async with subscribed(Caller.of(inner), toolsListChanged=True) as (stream, _):
            monkeypatch.setattr(inner.foundations.view, "_renewed_at", -inf)
            await station.say(TOOLS_CHANGED)
            answer = await stream.answer()

        assert answer.result["resultType"] == "complete"
        assert TOOLS_CHANGED.encode() not in answer.body


def _user(inner: InnerGateway) -> RevocationScope:
    return RevocationScope(
        kind=ScopeKind.USER, tenant="acme", issuer=inner.issuer.issuer, subject="ada"
    )


@pytest.mark.parametrize("verb", ["revoke", "block"])
async def test_revoked_and_blocked_callers_hear_nothing_more_and_others_go_on(verb: str) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        station = Station(backend)
        ada, bob = Caller.of(inner), Caller.of(inner, subject="bob")
        async with (
            subscribed(ada, toolsListChanged=True) as (hers, _),
            subscribed(bob, toolsListChanged=True) as (his, _),
        ):
            registry = inner.foundations.registry
            if verb == "revoke":
                await registry.revoke(_user(inner), actor="test", reason="")
            else:
                await registry.block(_user(inner), until=None, actor="test", reason="")
            await inner.foundations.view.refresh()
            async with asyncio.timeout(2):
                ended = await hers.answer()
            for wire in station.wires:
                if not wire.is_client_gone:
                    station.wires.append(wire)
                    await station.say(TOOLS_CHANGED)
                    break
            told = await his.event()

        assert ended.result["resultType"] == "complete"
        assert TOOLS_CHANGED.encode() not in ended.body
        assert told["method"] == TOOLS_CHANGED


async def test_a_stream_ends_when_its_tenant_changes() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Station(backend)
        async with subscribed(Caller.of(inner), toolsListChanged=True) as (stream, _):
            tenants = inner.foundations.view.snapshot.tenants
            changed = {slug: replace(t, display_name="New") for slug, t in tenants.items()}
            await inner.foundations.registry.replace_tenants(changed)
            await inner.foundations.view.refresh()
            answer = await stream.answer()

        assert answer.result["resultType"] == "complete"


async def test_a_backend_that_goes_away_is_followed_again_and_what_was_missed_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        station, steady = Station(one), Station(two)
        caller = Caller.of(inner)
        asked: Json = {"toolsListChanged": True, "resourceSubscriptions": ["fake://one"]}
        async with subscribed(caller, **asked) as (stream, _):
            await station.hang_up()
            await steady.say(TOOLS_CHANGED)
            meanwhile = await stream.event()
            await station.opened(2)
            caught_up = [await stream.event() for _ in range(2)]
            await station.say(UPDATED, uri="fake://one")
            again = await stream.event()
        said = [line["event"] for line in logged(capsys, "backend_subscription_lost")]

        assert meanwhile["method"] == TOOLS_CHANGED
        assert [m["method"] for m in caught_up] == [TOOLS_CHANGED, UPDATED]
        assert again["params"]["uri"] == "fake://one"
        assert said == ["backend_subscription_lost"]


async def test_a_backend_that_does_not_know_the_method_is_not_asked_again() -> None:
    async with (
        FakeBackend(capabilities={"tools": {"listChanged": True}}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        async with subscribed(Caller.of(inner), toolsListChanged=True) as (stream, acknowledged):
            inner.gateway.end_streams()
            await stream.answer()

        assert acknowledged["params"]["notifications"] == {}
        assert len(backend.calls(LISTEN)) == 1


async def test_a_backend_that_never_acknowledges_does_not_keep_the_others_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.subscriptions.ACKNOWLEDGED_WITHIN_S", 0.3)

    async def hang(wire: Wire) -> None:
        await wire.client_is_gone()

    async with (
        FakeBackend() as one,
        FakeBackend(capabilities={"tools": {"listChanged": True}}) as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        station = Station(one)
        two.scripts[LISTEN] = hang
        async with subscribed(Caller.of(inner), toolsListChanged=True) as (stream, acknowledged):
            await station.say(TOOLS_CHANGED)
            told = await stream.event()

        assert acknowledged["params"]["notifications"] == {"toolsListChanged": True}
        assert told["method"] == TOOLS_CHANGED


async def test_j26_a_user_has_five_subscriptions_and_a_tenant_its_limit() -> None:
    limits = {"subscriptions_per_user": 2, "subscriptions_per_tenant": 3}
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}, limits=limits) as inner,
    ):
        Station(backend)
        ada, bob = Caller.of(inner), Caller.of(inner, subject="bob")
        other_client = Caller.of(inner, client_id="ide")
        async with AsyncExitStack() as stack:
            first, _ = await stack.enter_async_context(subscribed(ada, toolsListChanged=True))
            await stack.enter_async_context(subscribed(other_client, toolsListChanged=True))
            third = await ada.modern(LISTEN, {"notifications": {}})
            await stack.enter_async_context(subscribed(bob, toolsListChanged=True))
            fourth = await bob.modern(LISTEN, {"notifications": {}})
            called = await ada.call("modern")
            metrics = inner.gateway._scrape().decode()  # noqa: SLF001 - what /metrics shows
            first.leave()
            places = inner.gateway._subscriptions.places  # noqa: SLF001 - what is held
            await comes_to_pass(lambda: len(places) < 3)
            await stack.enter_async_context(subscribed(ada, toolsListChanged=True))

        assert [third.status, fourth.status] == [429, 429]
        assert third.error["code"] == -31004
        assert "retry-after" in third.headers
        assert "user's" in third.error["data"]["quota"]
        assert "tenant's" in fourth.error["data"]["quota"]
        assert called.status == 200
        assert 'portcullis_subscriptions_active{tenant="acme"} 3' in metrics
        assert 'portcullis_subscriptions_refused_total{tenant="acme"} 2' in metrics


@pytest.mark.parametrize(
    "notifications",
    [
        None,
        [],
        1,
        {"resourceSubscriptions": 5},
        {"resourceSubscriptions": ["a", 1]},
        {"resourceSubscriptions": [f"fake://{n}" for n in range(201)]},
    ],
)
async def test_j26_a_filter_that_is_none_or_too_much_is_refused(notifications: object) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).modern(LISTEN, {"notifications": notifications})

        assert (answer.status, answer.error["code"]) == (400, -32602)


async def test_a_client_that_takes_no_stream_cannot_subscribe() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).modern(
            LISTEN, {"notifications": {}}, Accept="application/json"
        )

        assert answer.status == 406


async def test_without_any_backend_there_is_nothing_to_subscribe_to() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        await backend.stop()
        answer = await Caller.of(inner).modern(LISTEN, {"notifications": {}})

        assert (answer.status, answer.error["code"]) == (200, -31001)


async def test_the_backend_sees_the_gateways_id_and_the_clients_capabilities() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Station(backend)
        meta = declared(sampling={})
        async with subscribed(Caller.of(inner), meta=meta, toolsListChanged=True):
            (request,) = backend.calls(LISTEN)

        assert request.header("Mcp-Method") == LISTEN
        assert request.header("Authorization") is None
        sent = request.message["params"]["_meta"]
        assert sent["io.modelcontextprotocol/clientCapabilities"] == {"sampling": {}}
        assert sent["traceparent"] == request.header("traceparent")


EVIL = {
    name: script
    for name, script in UNKNOWN_OUTCOME.items()
    if name.rpartition("-")[2] in {"event", "events", "answers", "utf8", "html", "stream", "ever"}
}


@pytest.mark.parametrize("script", EVIL.values(), ids=EVIL.keys())
async def test_a_backend_that_says_nonsense_on_its_stream_costs_the_others_nothing(
    script: Script,
) -> None:
    async with (
        FakeBackend(capabilities={"tools": {"listChanged": True}}) as evil,
        FakeBackend() as good,
        inner_gateway({"acme": {"evil": evil, "good": good}}) as inner,
    ):
        evil.scripts[LISTEN] = script
        station = Station(good)
        async with subscribed(Caller.of(inner), toolsListChanged=True) as (stream, acknowledged):
            await station.say(TOOLS_CHANGED)
            told = await stream.event()
            inner.gateway.end_streams()
            ended = await stream.answer()
        await evil.all_gone()
        await comes_to_pass(lambda: is_at_rest(inner))

        assert acknowledged["params"]["notifications"] == {"toolsListChanged": True}
        assert told["method"] == TOOLS_CHANGED
        assert ended.result["resultType"] == "complete"
        assert evil.canary.encode() not in ended.body
