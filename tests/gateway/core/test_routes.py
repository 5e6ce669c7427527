"""The registry changes while the gateway runs: new routes at once, running calls in peace."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tenants.model import Slug, Tenant, TenantStatus
from tenants.revocation_scope import RevocationScope, ScopeKind
from tests.gateway.core.caller import Caller
from tests.rigs.fake_backend import FakeBackend, Wire
from tests.rigs.inner_gateway import InnerGateway, inner_gateway

ACME, GLOBEX = Slug("acme"), Slug("globex")


class Slow:
    """A tool that ends when it may."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def run(self, wire: Wire) -> None:
        await self.may_end.wait()
        await wire.result({"content": [{"type": "text", "text": "the end"}]})


async def _replace(inner: InnerGateway, tenants: Mapping[Slug, Tenant]) -> None:
    await inner.foundations.registry.replace_tenants(tenants, burn=False)
    await inner.foundations.view.refresh()


def _tenants(inner: InnerGateway) -> dict[Slug, Tenant]:
    return dict(inner.foundations.view.snapshot.tenants)


async def test_a_backend_that_changes_keeps_its_running_call_and_gets_no_other() -> None:
    slow = Slow()
    async with (
        FakeBackend(scripts={"tools/call": slow.run}) as old,
        FakeBackend(canary="the-new-one") as new,
        inner_gateway({"acme": {"one": old}}) as inner,
    ):
        caller = Caller.of(inner)
        async with caller.open_modern("tools/call", {"name": "echo"}) as sent:
            await old.arrived("tools/call")
            tenants = _tenants(inner)
            backend = replace(tenants[ACME].backends["one"], url=new.url)
            tenants[ACME] = replace(tenants[ACME], backends={"one": backend})
            await _replace(inner, tenants)
            later = await caller.call("modern")
            slow.may_end.set()
            running = await sent.answer()
        async with asyncio.timeout(5):
            await old.all_gone()

        assert running.text == "the end"
        assert "the-new-one" in later.text
        assert len(old.calls("tools/call")) == 1


async def test_a_server_that_takes_a_backends_name_is_not_told_its_session_id() -> None:
    async with (
        FakeBackend(era="legacy", canary="old") as old,
        FakeBackend(era="legacy", canary="new") as new,
        inner_gateway({"acme": {"one": old}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.call("legacy")
        tenants = _tenants(inner)
        backend = replace(tenants[ACME].backends["one"], url=new.url)
        tenants[ACME] = replace(tenants[ACME], backends={"one": backend})
        await _replace(inner, tenants)
        answer = await caller.call("legacy")

        assert "new" in answer.text
        assert b"session-old" not in new.received


async def test_a_change_of_a_tenant_leaves_its_other_backends_and_keys_and_neighbours_alone() -> (
    None
):
    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one}, "globex": {"two": two}}) as inner,
    ):
        ada, bob = Caller.of(inner), Caller.of(inner, "globex")
        await ada.call("modern")
        await bob.call("modern")
        before = dict(inner.gateway.pipeline.routes.tenants)
        connections = one.connections, two.connections
        tenants = _tenants(inner)
        tenants[ACME] = replace(tenants[ACME], display_name="Another name")
        await _replace(inner, tenants)
        after = inner.gateway.pipeline.routes.tenants
        await ada.call("modern")
        await bob.call("modern")

        assert after["globex"] is before["globex"]
        assert after["acme"] is not before["acme"]
        assert after["acme"].runtime.rings == before["acme"].runtime.rings
        assert (one.connections, two.connections) == connections
        assert len(one.calls("server/discover")) == 1


async def test_a_tenant_comes_is_suspended_and_goes() -> None:
    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one}, "globex": {"two": two}}) as inner,
    ):
        caller, neighbour = Caller.of(inner), Caller.of(inner, "globex")
        everything = _tenants(inner)
        await _replace(inner, {GLOBEX: everything[GLOBEX]})
        before_it_came = await caller.call("modern")
        await _replace(inner, everything)
        served = await caller.call("modern")
        suspended = {
            **everything,
            ACME: replace(everything[ACME], status=TenantStatus.SUSPENDED),
        }
        await _replace(inner, suspended)
        while_suspended = await caller.call("modern")
        await _replace(inner, {GLOBEX: everything[GLOBEX]})
        after_it_went = await caller.call("modern")

        assert before_it_came.status == after_it_went.status == 404
        assert served.status == 200
        assert (while_suspended.status, while_suspended.headers.get("www-authenticate")) == (
            403,
            None,
        )
        assert (await neighbour.call("modern")).status == 200


async def test_a_removed_tenants_running_call_ends_in_peace() -> None:
    slow = Slow()
    async with (
        FakeBackend(scripts={"tools/call": slow.run}) as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one}, "globex": {"two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        async with caller.open_modern("tools/call", {"name": "echo"}) as sent:
            await one.arrived("tools/call")
            await _replace(inner, {GLOBEX: _tenants(inner)[GLOBEX]})
            slow.may_end.set()
            assert (await sent.answer()).text == "the end"
        async with asyncio.timeout(5):
            await one.all_gone()


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_k16_a_removed_issuers_tokens_die_at_once(era: str) -> None:
    async with (
        FakeBackend(era="both") as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        caller = Caller.of(inner)
        assert (await caller.call(era)).status == 200
        tenants = _tenants(inner)
        (issuer,) = tenants[ACME].issuers
        other = replace(issuer, issuer="https://issuer.example")
        tenants[ACME] = replace(tenants[ACME], issuers=(other,))
        await _replace(inner, tenants)
        refused = await caller.call(era)

        assert refused.status == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
        assert len(one.calls("tools/call")) == 1


async def test_a_revocation_does_not_rebuild_the_routes() -> None:
    async with FakeBackend() as one, inner_gateway({"acme": {"one": one}}) as inner:
        before = inner.gateway.pipeline.routes
        scope = RevocationScope(kind=ScopeKind.GLOBAL)
        await inner.foundations.registry.revoke(scope, actor="test", reason="")
        await inner.foundations.view.refresh()

        assert inner.foundations.view.revocations.global_cut > 0
        assert inner.gateway.pipeline.routes is before
