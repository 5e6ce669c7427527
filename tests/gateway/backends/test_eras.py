"""A backend as clients of each era meet it, against scripted backends on real sockets."""

import pytest

from gateway.backends.peer import BackendPeer
from gateway.errors import BackendUnavailable, EraImpossible
from gateway.protocol.revisions import Era
from tenants.model import BackendProtocol
from tests.gateway.backends.conftest import MakePeer
from tests.rigs.fake_backend import LATEST_LEGACY, MODERN, FakeBackend


async def _revision(peer: BackendPeer, era: Era) -> str:
    return (await (await peer.in_era(era)).description()).revision


async def test_a_backend_of_both_eras_is_met_in_the_era_of_the_client(make_peer: MakePeer) -> None:
    async with FakeBackend(era="both") as backend:
        peer = make_peer(backend)

        assert await _revision(peer, Era.LEGACY) == LATEST_LEGACY
        assert await _revision(peer, Era.MODERN) == MODERN


async def test_each_era_is_asked_for_its_own_catalogue(make_peer: MakePeer) -> None:
    async with FakeBackend(era="both") as backend:
        peer = make_peer(backend)
        for era in Era:
            await (await peer.in_era(era)).catalogue(0)

        revisions = [each.header("MCP-Protocol-Version") for each in backend.calls("tools/list")]

    assert sorted(filter(None, revisions)) == [LATEST_LEGACY, MODERN]


async def test_a_modern_backend_says_once_that_it_is_not_for_legacy_clients(
    make_peer: MakePeer,
) -> None:
    async with FakeBackend(era="modern") as backend:
        peer = make_peer(backend)
        for _ in range(3):
            with pytest.raises(EraImpossible, match="backend speaks 2026-07-28"):
                await peer.in_era(Era.LEGACY)

    assert len(backend.calls("initialize")) == 1


async def test_a_legacy_backend_is_not_for_modern_clients(make_peer: MakePeer) -> None:
    async with FakeBackend(era="legacy") as backend:
        peer = make_peer(backend)

        assert await _revision(peer, Era.LEGACY) == LATEST_LEGACY
        with pytest.raises(EraImpossible, match="backend speaks 2025-11-25"):
            await peer.in_era(Era.MODERN)


async def test_a_backend_registered_as_modern_is_not_tried_in_the_legacy_era(
    make_peer: MakePeer,
) -> None:
    async with FakeBackend(era="both") as backend:
        with pytest.raises(EraImpossible):
            await make_peer(backend, protocol=BackendProtocol.MODERN).in_era(Era.LEGACY)

    assert backend.calls("initialize") == []


async def test_a_backend_that_is_gone_is_unavailable_and_not_of_another_era(
    make_peer: MakePeer,
) -> None:
    async with FakeBackend(era="both") as backend:
        peer = make_peer(backend)
        await peer.description()

    with pytest.raises(BackendUnavailable):
        await peer.in_era(Era.LEGACY)
