"""Revoking and blocking while calls run: who is out at once, and who notices nothing."""

import asyncio
from collections.abc import Callable

import pytest

from tenants.revocation_scope import RevocationScope, ScopeKind
from tenants.session_names import name_of
from tests.gateway.core.caller import Caller
from tests.rigs.fake_backend import FakeBackend, FakeEra, Wire
from tests.rigs.inner_gateway import InnerGateway, inner_gateway

ERAS: list[FakeEra] = ["modern", "legacy"]
ScopeOf = Callable[[InnerGateway], RevocationScope]


def _globally(inner: InnerGateway) -> RevocationScope:
    del inner
    return RevocationScope(kind=ScopeKind.GLOBAL)


def _tenant(inner: InnerGateway) -> RevocationScope:
    del inner
    return RevocationScope(kind=ScopeKind.TENANT, tenant="acme")


def _user(inner: InnerGateway) -> RevocationScope:
    return RevocationScope(
        kind=ScopeKind.USER, tenant="acme", issuer=inner.issuer.issuer, subject="ada"
    )


def _client(inner: InnerGateway) -> RevocationScope:
    del inner
    return RevocationScope(kind=ScopeKind.CLIENT, tenant="acme", client_id="cli")


@pytest.mark.parametrize("scope_of", [_globally, _tenant, _user, _client])
@pytest.mark.parametrize("verb", ["revoke", "block"])
@pytest.mark.parametrize("era", ERAS)
async def test_whom_it_covers_is_out_with_the_next_request_and_nobody_else(
    era: FakeEra, verb: str, scope_of: ScopeOf
) -> None:
    async with (
        FakeBackend(era=era) as one,
        FakeBackend(era=era) as two,
        inner_gateway({"acme": {"one": one}, "globex": {"two": two}}) as inner,
    ):
        ada = Caller.of(inner)
        bob = Caller.of(inner, subject="bob", client_id="ide")
        neighbour = Caller.of(inner, "globex", subject="eve", client_id="other")
        for caller in (ada, bob, neighbour):
            assert (await caller.call(era)).status == 200
        scope = scope_of(inner)
        registry, view = inner.foundations.registry, inner.foundations.view
        if verb == "revoke":
            await registry.revoke(scope, actor="test", reason="")
        else:
            await registry.block(scope, until=None, actor="test", reason="")
        await view.refresh()
        out = await ada.call(era)
        beside = await bob.call(era)
        far = await neighbour.call(era)

        assert out.status == 401
        assert 'error="invalid_token"' in out.headers["www-authenticate"]
        narrow = scope.kind in {ScopeKind.USER, ScopeKind.CLIENT}
        assert beside.status == (200 if narrow else 401)
        assert far.status == (401 if scope.kind is ScopeKind.GLOBAL else 200)
        assert len(one.calls("tools/call")) == (3 if narrow else 2)
        if verb == "block":
            await registry.unblock(scope)
            await view.refresh()
            assert (await ada.call(era)).status == 200


async def test_a_revoked_session_is_not_found_while_its_token_goes_on() -> None:
    async with (
        FakeBackend(era="legacy") as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        ended, other = Caller.of(inner), Caller.of(inner)
        for caller in (ended, other):
            await caller.call("legacy")
        name_key = inner.foundations.seals.derive("session id")[0]
        key = name_of(name_key, ended.session or "")
        await inner.foundations.registry.revoke(
            RevocationScope(kind=ScopeKind.SESSION, tenant="acme", session_key=key),
            actor="test",
            reason="",
        )
        await inner.foundations.view.refresh()
        gone = await ended.legacy("ping")
        unknown = await ended.legacy("ping", None, **{"Mcp-Session-Id": "A" * 43})

        assert gone.status == unknown.status == 404
        assert gone.error == unknown.error
        assert (await other.legacy("ping")).status == 200


async def test_a_call_that_runs_when_its_token_is_revoked_is_the_last_one() -> None:
    may_end = asyncio.Event()

    async def slow(wire: Wire) -> None:
        await may_end.wait()
        await wire.result({"content": [{"type": "text", "text": "the end"}]})

    async with (
        FakeBackend(scripts={"tools/call": slow}) as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        caller = Caller.of(inner)
        async with caller.open_modern("tools/call", {"name": "echo"}) as sent:
            await one.arrived("tools/call")
            await inner.foundations.registry.revoke(_user(inner), actor="test", reason="")
            await inner.foundations.view.refresh()
            later = await caller.call("modern")
            may_end.set()
            await sent.answer()

        assert later.status == 401
        assert len(one.calls("tools/call")) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_view_older_than_its_lease_is_never_the_callers_fault(era: FakeEra) -> None:
    async with (
        FakeBackend(era=era) as one,
        inner_gateway({"acme": {"one": one}}, revocation={"lease": 2, "poll": 1}) as inner,
    ):
        caller = Caller.of(inner)
        view = inner.foundations.view
        await view.refresh()
        await caller.call(era)
        moved = view._clock  # noqa: SLF001 - a test does not wait for a lease
        view._clock = lambda: moved() + 10  # noqa: SLF001 - likewise
        stale = await caller.call(era)
        calls = len(one.calls("tools/call"))
        await view.refresh()
        fresh = await caller.call(era)

        assert stale.status == 503
        assert "www-authenticate" not in stale.headers
        assert int(stale.headers["retry-after"]) >= 1
        assert calls == 1
        assert fresh.status == 200
