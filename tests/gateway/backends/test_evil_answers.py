"""Whatever a backend answers: one outcome, in bounded time, its connection used no more."""

import asyncio

import pytest

from gateway.errors import BackendTimeout, OutcomeUnknown
from tests.gateway.backends.conftest import MakePeer, call
from tests.rigs.evil_scripts import EVIL_LIMITS, EVIL_TIMEOUT_S, TOO_SLOW, UNKNOWN_OUTCOME
from tests.rigs.fake_backend import FakeBackend, Script


@pytest.mark.parametrize("script", UNKNOWN_OUTCOME.values(), ids=UNKNOWN_OUTCOME.keys())
async def test_what_is_no_answer_is_an_unknown_outcome(
    fake: FakeBackend, make_peer: MakePeer, script: Script
) -> None:
    peer = make_peer(fake, limits=EVIL_LIMITS, timeout_s=5)
    fake.scripts["tools/call"] = script

    async with asyncio.timeout(4):
        with pytest.raises(OutcomeUnknown):
            await (await peer.request(call())).result()
        await fake.all_gone()

    assert len(fake.requests) == 1
    assert peer.in_flight == 0
    await assert_good_call_on_a_new_connection(fake, make_peer)


@pytest.mark.parametrize("script", TOO_SLOW.values(), ids=TOO_SLOW.keys())
async def test_what_is_too_slow_is_cut(
    fake: FakeBackend, make_peer: MakePeer, script: Script
) -> None:
    peer = make_peer(fake, limits=EVIL_LIMITS, timeout_s=EVIL_TIMEOUT_S)
    fake.scripts["tools/call"] = script

    async with asyncio.timeout(4):
        with pytest.raises(BackendTimeout):
            await (await peer.request(call())).result()
        await fake.all_gone()

    assert len(fake.requests) == 1
    assert peer.in_flight == 0


async def test_a_wrong_answer_costs_the_connection_and_nothing_else(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    peer = make_peer(fake)
    fake.scripts["tools/call"] = UNKNOWN_OUTCOME["U15-wrong-id"]
    with pytest.raises(OutcomeUnknown):
        await (await peer.request(call())).result()
    del fake.scripts["tools/call"]

    result = await (await peer.request(call())).result()

    assert fake.canary.encode() in result
    assert [request.connection for request in fake.requests] == [0, 1]


async def assert_good_call_on_a_new_connection(fake: FakeBackend, make_peer: MakePeer) -> None:
    del fake.scripts["tools/call"]
    before = fake.connections

    result = await (await make_peer(fake).request(call())).result()

    assert fake.canary.encode() in result
    assert fake.connections == before + 1
