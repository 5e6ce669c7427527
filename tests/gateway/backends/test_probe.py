"""Which era a backend speaks, and when that is found out."""

import asyncio
from typing import Any

import pytest

from gateway.backends.limits import BackendLimits
from gateway.errors import BackendUnavailable, OutcomeUnknown
from gateway.protocol.revisions import Era
from tenants.model import BackendProtocol
from tests.gateway.backends.conftest import MakePeer, SteppedClock, call
from tests.rigs.fake_backend import FakeBackend, Script, Wire


def refusing(code: int, *, status: int = 400, data: Any = None) -> Script:
    async def script(wire: Wire) -> None:
        await wire.error(code, status=status, data=data)

    return script


def answering(status: int, body: bytes = b"", content_type: str = "text/plain") -> Script:
    async def script(wire: Wire) -> None:
        await wire.reply(body, status=status, content_type=content_type)

    return script


async def discover_of_legacy_versions(wire: Wire) -> None:
    await wire.result({"supportedVersions": ["2025-11-25"], "capabilities": {}})


async def describing(wire: Wire) -> None:
    await wire.result({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})


async def something_else(wire: Wire) -> None:
    await wire.result({"hello": "world"})


async def hang(wire: Wire) -> None:
    await wire.client_is_gone()


MODERN: dict[str, Script] = {
    "header mismatch": refusing(-32020),
    "missing capability": refusing(-32021),
    "unsupported, but ours": refusing(-32022, data={"supported": ["2026-07-28", "2025-11-25"]}),
}
LEGACY: dict[str, Script] = {
    "400 and nothing": answering(400),
    "404": answering(404, b"not found"),
    "405": answering(405),
    "400 with another error": refusing(-32000),
    "200 with method not found": refusing(-32601, status=200),
    "200 and empty": answering(200),
    "202": answering(202),
    "a page": answering(200, b"<html>", "text/html"),
    "only legacy versions": discover_of_legacy_versions,
    "unsupported, none of ours": refusing(-32022, data={"supported": ["2025-11-25"]}),
    "something else": something_else,
}
OUTAGE: dict[str, Script] = {
    "500": answering(500),
    "503": answering(503),
    "502 with an error": refusing(-32603, status=502),
    "401": answering(401),
    "403": answering(403),
}


async def test_a_modern_backend_describes_itself(fake: FakeBackend, make_peer: MakePeer) -> None:
    fake.canary = "modern-one"
    description = await make_peer(fake).description()

    assert (description.era, description.revision) == (Era.MODERN, "2026-07-28")
    assert b'"tools"' in description.capabilities
    assert b"modern-one" in (description.server_info or b"")
    assert description.instructions == "modern-one"
    assert [request.rpc for request in fake.requests] == ["server/discover"]


@pytest.mark.parametrize("script", MODERN.values(), ids=MODERN.keys())
async def test_a_modern_error_is_a_modern_backend(make_peer: MakePeer, script: Script) -> None:
    async with FakeBackend(era="both", scripts={"server/discover": script}) as backend:
        description = await make_peer(backend).description()

    assert description.era is Era.MODERN
    assert backend.calls("initialize") == []


async def test_one_that_wants_another_version_is_asked_once_more_in_that_one(
    make_peer: MakePeer,
) -> None:
    scripts = [MODERN["unsupported, but ours"], describing]

    async def first_refused(wire: Wire) -> None:
        await scripts.pop(0)(wire)

    async with FakeBackend(era="both", scripts={"server/discover": first_refused}) as backend:
        description = await make_peer(backend).description()

    assert (description.era, description.capabilities) == (Era.MODERN, b'{"tools": {}}')
    assert [request.rpc for request in backend.requests] == ["server/discover"] * 2


@pytest.mark.parametrize("script", LEGACY.values(), ids=LEGACY.keys())
async def test_any_other_answer_is_a_legacy_backend(make_peer: MakePeer, script: Script) -> None:
    async with FakeBackend(era="both", scripts={"server/discover": script}) as backend:
        description = await make_peer(backend).description()

    assert (description.era, description.revision) == (Era.LEGACY, "2025-11-25")
    rpcs = [request.rpc for request in backend.requests]
    assert rpcs == ["server/discover", "initialize", "notifications/initialized"]


@pytest.mark.parametrize("script", OUTAGE.values(), ids=OUTAGE.keys())
async def test_an_outage_is_no_verdict(make_peer: MakePeer, script: Script) -> None:
    async with FakeBackend(era="both", scripts={"server/discover": script}) as backend:
        with pytest.raises(BackendUnavailable):
            await make_peer(backend).description()

    assert backend.calls("initialize") == []


async def test_a_timeout_is_no_verdict(make_peer: MakePeer) -> None:
    limits = BackendLimits(handshake_s=0.2)
    async with FakeBackend(era="both", scripts={"server/discover": hang}) as backend:
        with pytest.raises(BackendUnavailable):
            await make_peer(backend, limits=limits).description()

    assert backend.calls("initialize") == []


@pytest.mark.parametrize(
    ("protocol", "first"),
    [(BackendProtocol.LEGACY, "initialize"), (BackendProtocol.MODERN, "server/discover")],
)
async def test_a_configured_era_is_not_probed(
    make_peer: MakePeer, protocol: BackendProtocol, first: str
) -> None:
    async with FakeBackend(era="both") as backend:
        description = await make_peer(backend, protocol=protocol).description()

    assert description.era.value == protocol.value
    assert backend.requests[0].rpc == first


async def test_a_legacy_backend_that_is_configured_as_modern_is_unavailable(
    make_peer: MakePeer,
) -> None:
    async with FakeBackend(era="legacy") as backend:
        with pytest.raises(BackendUnavailable):
            await make_peer(backend, protocol=BackendProtocol.MODERN).description()


@pytest.mark.parametrize("revision", ["2026-07-28", "1999-01-01", ""])
async def test_initialize_must_agree_on_a_legacy_revision(
    make_peer: MakePeer, revision: str
) -> None:
    async with FakeBackend(era="legacy", revision=revision) as backend:
        with pytest.raises(BackendUnavailable):
            await make_peer(backend).description()


async def test_the_verdict_is_kept_and_many_ask_once(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    peer = make_peer(fake)
    found = await asyncio.gather(*(peer.description() for _ in range(20)))

    assert len({id(description) for description in found}) == 1
    assert peer.known_description is found[0]
    assert len(fake.requests) == 1


async def test_a_failed_probe_is_not_repeated_before_its_pause_is_over(
    make_peer: MakePeer,
) -> None:
    clock = SteppedClock()
    async with FakeBackend(scripts={"server/discover": answering(503)}) as backend:
        peer = make_peer(backend, clock=clock)
        probes = []
        for step in (0, 0.9, 1, 2.9, 3, 6.9, 7):
            clock.now = step
            with pytest.raises(BackendUnavailable):
                await peer.description()
            probes.append(len(backend.requests))

    assert probes == [1, 1, 2, 2, 3, 3, 4]


async def test_an_answer_that_is_none_leads_to_another_probe(make_peer: MakePeer) -> None:
    async with FakeBackend(era="both") as backend:
        peer = make_peer(backend)
        assert (await peer.description()).era is Era.MODERN
        backend.era = "legacy"
        backend.scripts["tools/call"] = answering(405)
        with pytest.raises(OutcomeUnknown):
            await peer.request(call())

        assert (await peer.description()).era is Era.LEGACY


async def test_a_backend_that_comes_back_is_probed_again(make_peer: MakePeer) -> None:
    clock = SteppedClock()
    async with FakeBackend(era="both") as backend:
        peer = make_peer(backend, clock=clock)
        await peer.description()
        await backend.stop()
        with pytest.raises(BackendUnavailable):
            await peer.request(call())
        with pytest.raises(BackendUnavailable):
            await peer.description()
        backend.era = "legacy"
        await backend.listen()
        clock.now = 1

        assert (await peer.description()).era is Era.LEGACY


async def test_the_gateways_own_session_is_ended_with_the_peer(make_peer: MakePeer) -> None:
    async with FakeBackend(era="legacy") as backend:
        peer = make_peer(backend)
        await peer.description()
        assert len(backend.sessions) == 1
        await peer.close()

        assert backend.sessions == set()
        assert backend.requests[-1].method == "DELETE"


@pytest.mark.parametrize("session_id", ["a b", "caf\u00e9", "x" * 1025])
async def test_a_session_id_that_is_none_is_refused(make_peer: MakePeer, session_id: str) -> None:
    async def initialize(wire: Wire) -> None:
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}}
        await wire.result(result, {"Mcp-Session-Id": session_id})

    async with FakeBackend(era="legacy", scripts={"initialize": initialize}) as backend:
        with pytest.raises(BackendUnavailable):
            await make_peer(backend).description()
