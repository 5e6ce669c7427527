"""P01, P02: how a node leaves, and that nobody who was let in is dropped on the way."""

import asyncio
import json
import os
import signal
import time

import pytest

from tests.gateway.http.front import Front, running_front
from tests.gateway.http.wire import Answer, Wire, connected, head
from tests.rigs.fake_backend import Wire as BackendWire

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Held:
    """A backend that answers when it is told to."""

    def __init__(self, front: Front) -> None:
        self.arrived = asyncio.Event()
        self.release = asyncio.Event()
        front.backend.scripts["tools/call"] = self

    async def __call__(self, wire: BackendWire) -> None:
        self.arrived.set()
        await self.release.wait()
        await wire.result({"content": []})


def _signal(front: Front, number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(front.gateway.child.pid, number)


async def _ready(port: int) -> int:
    async with connected(port) as wire:
        await wire.send(head("GET", "/readyz", [("Host", "x")]))
        return (await wire.answer()).status


async def _unready(port: int) -> None:
    """Wait until probes are told to stay away."""
    async with asyncio.timeout(10):
        while await _ready(port) == 200:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.01)


async def _closed(front: Front) -> None:
    """Wait until no connection is accepted any more."""
    async with asyncio.timeout(10):
        while await _accepts(front):  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.01)


async def _gone(front: Front, within_s: float = 10) -> int:
    """Wait for the process to end; its exit code."""
    async with asyncio.timeout(within_s):
        return await asyncio.to_thread(front.gateway.child.wait, within_s)


async def test_p01_readiness_ends_at_once_and_running_calls_are_answered() -> None:
    async with running_front(limits={"drain_delay": 1, "drain": 10}) as front:
        assert await front.is_well()
        held = Held(front)
        async with connected(front.port) as wire:
            await wire.send(front.call())
            await held.arrived.wait()
            _signal(front)
            await _unready(front.admin_port)
            assert await _ready(front.port) == 503
            held.release.set()
            answer = await wire.answer()
            assert await wire.is_closed()

        assert answer.status == 200
        assert answer.says_close
        assert await _gone(front) == 0


async def test_p01_calls_during_the_delay_are_served_and_leave_their_connections() -> None:
    async with running_front(limits={"drain_delay": 2, "drain": 10}) as front:
        async with connected(front.port) as idle:
            await idle.send(front.call())
            first = await idle.answer()
            _signal(front)
            await _unready(front.admin_port)
            await idle.send(front.call())
            second = await idle.answer()
            third = await front.exchange(front.call())

        assert [first.status, second.status, third.status] == [200, 200, 200]
        assert not first.says_close
        assert second.says_close
        assert third.says_close
        assert await _gone(front) == 0


async def test_p01_no_call_is_dropped_under_load_behind_a_balancer() -> None:
    async with running_front(limits={"drain_delay": 1, "drain": 10}) as front:
        assert await front.is_well()
        answers: list[Answer] = []
        is_out = asyncio.Event()

        async def client() -> None:
            while not is_out.is_set():
                async with connected(front.port) as wire:
                    answers.extend(await _calls_until_told_to_close(front, wire))

        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(client())
            await asyncio.sleep(0.5)
            _signal(front)
            # What a balancer does: it probes, and sends no new connection to a node that leaves.
            await _unready(front.port)
            is_out.set()

        assert len(answers) > 50
        assert {answer.status for answer in answers} == {200}
        assert await _gone(front) == 0


async def _calls_until_told_to_close(front: Front, wire: Wire) -> list[Answer]:
    answers: list[Answer] = []
    while not (answers and answers[-1].says_close):
        await wire.send(front.call())
        answers.append(await wire.answer())
    return answers


async def test_p01_a_request_that_was_begun_before_is_told_to_go_elsewhere() -> None:
    async with running_front(limits={"drain_delay": 0.001, "drain": 10}) as front:
        assert await front.is_well()
        request = front.call()
        async with connected(front.port) as wire:
            await wire.send(request[:50])
            _signal(front)
            await _closed(front)
            await wire.send(request[50:])
            answer = await wire.answer()
            assert await wire.is_closed()

        assert answer.status == 503
        assert answer.says_close
        assert json.loads(answer.body)["error"]["data"]["reason"] == "draining"
        assert front.backend.calls("tools/call")[1:] == []
        assert await _gone(front) == 0


async def test_p01_a_call_that_outlives_the_grace_is_told_that_nobody_knows_its_outcome() -> None:
    async with running_front(limits={"drain_delay": 0.001, "drain": 1}) as front:
        held = Held(front)
        async with connected(front.port) as wire:
            await wire.send(front.call())
            await held.arrived.wait()
            _signal(front)
            answer = await wire.answer()
            assert await wire.is_closed()

        error = json.loads(answer.body)["error"]
        assert (answer.status, error["code"]) == (200, -31003)
        assert error["data"]["outcome"] == "unknown"
        assert await _gone(front) == 0


async def test_p01_a_stream_ends_with_an_event_and_in_good_order() -> None:
    limits = {"drain_delay": 0.001, "drain": 2, "sse_heartbeat": 1}
    async with running_front(limits=limits) as front:
        held = Held(front)
        async with connected(front.port) as wire:
            await wire.send(front.call())
            await held.arrived.wait()
            assert b"text/event-stream" in await wire.head()
            _signal(front)
            rest = await wire.rest()

        assert b'"code":-31003' in rest
        assert rest.endswith(b"0\r\n\r\n")
        assert await _gone(front) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT], ids="P02-{}".format)
async def test_a_second_signal_does_not_wait(second: signal.Signals) -> None:
    async with running_front(limits={"drain_delay": 20, "drain": 25}) as front:
        held = Held(front)
        async with connected(front.port) as wire:
            await wire.send(front.call())
            await held.arrived.wait()
            began = time.monotonic()
            _signal(front, signal.SIGINT)
            await _unready(front.admin_port)
            _signal(front, second)
            answer = await wire.answer()

        assert json.loads(answer.body)["error"]["code"] == -31003
        assert await _gone(front) == 0
        assert time.monotonic() - began < 8


async def test_p02_a_second_signal_ends_the_grace_too() -> None:
    async with running_front(limits={"drain_delay": 0.001, "drain": 25}) as front:
        held = Held(front)
        async with connected(front.port) as wire:
            await wire.send(front.call())
            await held.arrived.wait()
            _signal(front)
            await _closed(front)
            _signal(front)
            assert (await wire.answer()).status == 200

        assert await _gone(front) == 0


async def test_p02_silent_and_idle_connections_hold_nothing_up() -> None:
    async with running_front(limits={"drain_delay": 0.001, "drain": 25}) as front:
        async with connected(front.port) as silent, connected(front.port) as idle:
            await idle.send(front.call())
            assert (await idle.answer()).status == 200
            _signal(front)
            assert await idle.is_closed()
            assert await silent.is_closed()

        assert await _gone(front, 8) == 0


async def _accepts(front: Front) -> bool:
    try:
        async with connected(front.port):
            return True
    except ConnectionError:
        return False
