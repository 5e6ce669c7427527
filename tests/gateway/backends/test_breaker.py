"""U19: when a backend that cannot be reached is tried again."""

import asyncio

import pytest

from gateway.backends.breaker import Breaker, Cooldown
from gateway.errors import BackendUnavailable
from tests.gateway.backends.conftest import MakePeer, SteppedClock, call
from tests.rigs.fake_backend import FakeBackend, Wire


def broken(clock: SteppedClock) -> Breaker:
    breaker = Breaker("fake", clock=clock)
    for _ in range(3):
        breaker.admit()
        breaker.failed()
    return breaker


def is_admitted(breaker: Breaker) -> bool:
    try:
        breaker.admit()
    except BackendUnavailable:
        return False
    return True


def test_u19_it_opens_after_three_failures_in_a_row() -> None:
    breaker = Breaker("fake", clock=SteppedClock())
    for is_failure in (True, True, False, True, True):
        assert is_admitted(breaker)
        if is_failure:
            breaker.failed()
        else:
            breaker.connected()
    assert not breaker.is_open
    breaker.failed()

    assert breaker.is_open
    assert not is_admitted(breaker)


def test_u19_after_the_pause_one_call_tries_and_the_others_fail() -> None:
    clock = SteppedClock()
    breaker = broken(clock)
    clock.now = 1

    assert [is_admitted(breaker) for _ in range(3)] == [True, False, False]


def test_u19_a_trial_that_connects_closes_it() -> None:
    clock = SteppedClock()
    breaker = broken(clock)
    clock.now = 1
    breaker.admit()
    breaker.connected()

    assert not breaker.is_open
    assert is_admitted(breaker)


def test_u19_a_trial_that_fails_doubles_the_pause() -> None:
    clock = SteppedClock()
    breaker = broken(clock)
    clock.now = 1
    breaker.admit()
    breaker.failed()
    clock.now = 2.9
    assert not is_admitted(breaker)
    clock.now = 3

    assert is_admitted(breaker)


def test_u19_a_trial_that_is_given_up_leaves_room_for_another() -> None:
    clock = SteppedClock()
    breaker = broken(clock)
    clock.now = 1
    breaker.admit()
    breaker.abandoned()

    assert is_admitted(breaker)


def test_a_pause_grows_up_to_half_a_minute_and_begins_anew() -> None:
    clock = SteppedClock()
    cooldown = Cooldown(clock)
    pauses = []
    for _ in range(7):
        cooldown.extend()
        began = clock.now
        while not cooldown.is_over:
            clock.now += 0.5
        pauses.append(clock.now - began)
    cooldown.end()
    cooldown.extend()
    clock.now += 1

    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert cooldown.is_over


async def test_u19_a_backend_that_is_gone_fails_fast_and_is_found_again(
    make_peer: MakePeer,
) -> None:
    clock = SteppedClock()
    async with FakeBackend() as backend:
        peer = make_peer(backend, clock=clock)
        await backend.stop()
        for _ in range(4):
            with pytest.raises(BackendUnavailable):
                await peer.request(call())
        assert peer.is_broken
        await backend.listen()
        with pytest.raises(BackendUnavailable):
            await peer.request(call())
        assert backend.requests == []
        clock.now = 1
        await (await peer.request(call())).result()

        assert not peer.is_broken


async def test_u19_slow_answers_do_not_open_it_and_a_trial_ends_with_its_first_byte(
    make_peer: MakePeer,
) -> None:
    release = asyncio.Event()

    async def slow(wire: Wire) -> None:
        await release.wait()
        await wire.result({})

    clock = SteppedClock()
    async with FakeBackend(scripts={"tools/call": slow}) as backend:
        peer = make_peer(backend, clock=clock)
        await backend.stop()
        for _ in range(3):
            with pytest.raises(BackendUnavailable):
                await peer.request(call())
        await backend.listen()
        clock.now = 1
        async with asyncio.timeout(3), asyncio.TaskGroup() as group:
            group.create_task(peer.request(call()))
            await backend.arrived("tools/call")
            group.create_task(peer.request(call()))
            await backend.arrived("tools/call", times=2)
            release.set()

    assert not peer.is_broken
