"""How many calls may run at once: whose limit it is, and that every slot comes back."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tenants.model import Slug
from tests.gateway.core.caller import Caller, is_at_rest
from tests.rigs.fake_backend import FakeBackend, FakeEra, Wire
from tests.rigs.inner_gateway import InnerGateway, inner_gateway

ERAS: list[FakeEra] = ["modern", "legacy"]


class Slow:
    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def run(self, wire: Wire) -> None:
        await self.may_end.wait()
        await wire.result({"content": [{"type": "text", "text": "the end"}]})


@pytest.mark.parametrize(
    ("limits", "status", "reason", "quota"),
    [
        ({"in_flight_per_user": 2}, 429, "rate_limited", "user"),
        ({"in_flight_per_tenant": 2}, 429, "rate_limited", "tenant"),
        ({"in_flight": 2}, 503, "overloaded", ""),
    ],
)
@pytest.mark.parametrize("era", ERAS)
async def test_one_call_too_many_is_refused_in_the_name_of_its_limit(
    era: FakeEra, limits: dict[str, Any], status: int, reason: str, quota: str
) -> None:
    slow = Slow()
    async with (
        FakeBackend(era=era, scripts={"tools/call": slow.run}) as one,
        inner_gateway({"acme": {"one": one}}, limits=limits) as inner,
        AsyncExitStack() as stack,
    ):
        caller = Caller.of(inner)
        await caller.ask(era, "tools/list")
        for _ in range(2):
            await stack.enter_async_context(_open(caller, era))
        async with asyncio.timeout(5):
            await one.arrived("tools/call", times=2)
        refused = await caller.call(era)
        slow.may_end.set()
        async with asyncio.timeout(5):
            while (await caller.call(era)).status != 200:
                pass

        assert (refused.status, refused.reason) == (status, reason)
        assert int(refused.headers["retry-after"]) >= 1
        assert quota in refused.error["data"].get("quota", "")
        assert len(one.calls("tools/call")) == 3
        assert _refusals(inner) >= 1
        assert is_at_rest(inner)


async def test_a_backends_own_limit_is_named_and_others_go_on() -> None:
    slow = Slow()
    async with (
        FakeBackend(scripts={"tools/call": slow.run}) as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        await _narrow(inner, "one")
        caller = Caller.of(inner)
        async with caller.open_modern("tools/call", {"name": "one__echo"}):
            await one.arrived("tools/call")
            refused = await caller.call("modern", "one__echo")
            fine = await caller.call("modern", "two__echo")

        assert (refused.status, refused.error["code"]) == (429, -31004)
        assert "backend one" in refused.error["data"]["quota"]
        assert fine.status == 200
        slow.may_end.set()


async def _narrow(inner: InnerGateway, backend: str) -> None:
    tenants = dict(inner.foundations.view.snapshot.tenants)
    tenant = tenants[Slug("acme")]
    backends = dict(tenant.backends)
    backends[backend] = replace(backends[backend], max_in_flight=1)
    tenants[Slug("acme")] = replace(tenant, backends=backends)
    await inner.foundations.registry.replace_tenants(tenants, burn=False)
    await inner.foundations.view.refresh()


@pytest.mark.parametrize("era", ERAS)
async def test_every_slot_comes_back_however_a_call_ends(era: FakeEra) -> None:
    async def reset(wire: Wire) -> None:
        wire.reset()

    async def refuse(wire: Wire) -> None:
        await wire.error(-1, "no")

    async def cut(wire: Wire) -> None:
        await wire.open_events()
        wire.close()

    async def nonsense(wire: Wire) -> None:
        await wire.reply(b"nonsense")

    async def not_found(wire: Wire) -> None:
        await wire.reply(b"", status=404)

    async def unauthorized(wire: Wire) -> None:
        await wire.reply(b"", status=401)

    async with (
        FakeBackend(era=era) as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.call(era)
        codes = []
        for script in (reset, refuse, cut, nonsense, not_found, unauthorized):
            one.scripts["tools/call"] = script
            answer = await caller.call(era)
            codes.append(answer.error["code"])
            assert answer.status == 200
        await caller.call(era, "nobody")

        assert codes == [-31003, -1, -31003, -31003, -31003 if era == "modern" else -31001, -31001]
        assert is_at_rest(inner)


async def test_a_modern_client_that_leaves_gives_its_slot_back_at_once() -> None:
    slow = Slow()
    async with (
        FakeBackend(scripts={"tools/call": slow.run}) as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        caller = Caller.of(inner)
        async with caller.open_modern("tools/call", {"name": "echo"}) as sent:
            await one.arrived("tools/call")
            sent.leave()
        async with asyncio.timeout(1):
            while not is_at_rest(inner):
                await caller.modern("tools/list")
        slow.may_end.set()


def _refusals(inner: InnerGateway) -> float:
    name = "portcullis_rate_limit_decisions_total"
    labels = {"tenant": "acme", "outcome": "refused"}
    text = inner.foundations.instruments.render().decode()
    samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def _open(caller: Caller, era: FakeEra) -> Any:
    open_one = caller.open_modern if era == "modern" else caller.open_legacy
    return open_one("tools/call", {"name": "echo", "arguments": {}})
