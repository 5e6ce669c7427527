"""J19, J31, S08: who may end a call, and what ends with a connection."""

import asyncio
import json

import pytest

from tests.rigs.doors import Door
from tests.rigs.fake_backend import FakeBackend, Wire
from tests.rigs.walled_city import (
    City,
    Json,
    legacy_call,
    modern_call,
    modern_headers,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

CANCELLED_WITHIN_S = 1.0


class Slow:
    """A tool that says that it runs, and ends when it is told to."""

    def __init__(self, backend: FakeBackend) -> None:
        self.may_end = asyncio.Event()
        self.wires: list[Wire] = []
        self.backend = backend
        backend.scripts["tools/call"] = self.run

    async def run(self, wire: Wire) -> None:
        self.wires.append(wire)
        await wire.open_events()
        progress = {"progressToken": "p", "progress": 1, "message": "it runs"}
        notification = {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": progress,
        }
        await wire.event(notification)
        await self.may_end.wait()
        result = {"content": [{"type": "text", "text": "the end"}], "resultType": "complete"}
        await wire.event(wire.answer(result))
        await wire.end_events()

    def cancellations(self) -> list[Json]:
        found = self.backend.calls("notifications/cancelled")
        return [request.message["params"] for request in found]


async def test_j31_a_modern_client_that_leaves_cancels_its_call_at_the_backend(
    city: City, acme: Door
) -> None:
    await acme.modern(modern_call())
    slow = Slow(city.backends["acme-modern"])
    async with acme.waiting(modern_call(request_id=7)) as connection:
        await connection.until(b"it runs")
        connection.leave()
        async with asyncio.timeout(CANCELLED_WITHIN_S):
            await slow.wires[0].client_is_gone()
    slow.may_end.set()
    line = await city.logged(lambda line: line.get("outcome") == "cancelled")

    assert line["reason"] == "client_gone"
    assert len(slow.wires) == 1


async def test_j31_a_modern_client_that_leaves_before_a_word_came_cancels_as_well(
    city: City, acme: Door
) -> None:
    await acme.modern(modern_call())
    backend = city.backends["acme-modern"]
    arrived: asyncio.Queue[Wire] = asyncio.Queue()

    async def say_nothing(wire: Wire) -> None:
        await arrived.put(wire)
        await wire.client_is_gone()

    backend.scripts["tools/call"] = say_nothing
    async with acme.waiting(modern_call()) as connection, asyncio.timeout(5):
        wire = await arrived.get()
        connection.leave()
        async with asyncio.timeout(CANCELLED_WITHIN_S):
            await wire.client_is_gone()


async def test_j31_a_legacy_client_that_leaves_cancels_nothing(city: City, old_acme: Door) -> None:
    session = await old_acme.session()
    await old_acme.legacy(legacy_call(), session)
    slow = Slow(city.backends["acme-legacy"])
    before = len(slow.cancellations())
    async with old_acme.waiting(legacy_call(request_id=7), session) as connection:
        await connection.until(b"it runs")
        connection.leave()
    # Whatever the gateway makes of it, it has made of it once it answers the next request.
    assert (await old_acme.legacy({**legacy_call(), "method": "ping"}, session)).status == 200

    assert not slow.wires[0].is_client_gone
    assert len(slow.cancellations()) == before
    slow.may_end.set()
    line = await city.logged(lambda line: _is_call_of(line, slow))
    assert line["outcome"] == "ok"


def _is_call_of(line: Json, slow: Slow) -> bool:
    params = slow.wires[0].request.message["params"]
    trace = params["_meta"]["traceparent"].split("-")[1]
    return bool(line.get("event") == "request_served" and line.get("trace_id") == trace)


def _cancel(request_id: object) -> Json:
    return {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": request_id},
    }


async def test_j19_a_legacy_client_cancels_its_own_call(city: City, old_acme: Door) -> None:
    session = await old_acme.session()
    await old_acme.legacy(legacy_call(), session)
    slow = Slow(city.backends["acme-legacy"])
    before = len(slow.cancellations())
    async with old_acme.waiting(legacy_call(request_id="mine"), session) as connection:
        await connection.until(b"it runs")
        assert (await old_acme.legacy(_cancel("mine"), session)).status == 202
        async with asyncio.timeout(5):
            await city.backends["acme-legacy"].arrived("notifications/cancelled", times=before + 1)
        await connection.answer()
    slow.may_end.set()

    assert slow.cancellations()[-1]["requestId"] == slow.wires[0].id
    assert slow.wires[0].id != "mine"


async def test_j19_nobody_cancels_the_call_of_another(
    city: City, acme: Door, old_acme: Door, old_globex: Door
) -> None:
    """Another session of the same user, another user, another tenant, the modern era."""
    session, second = await old_acme.session(), await old_acme.session()
    eve = old_acme.good("eve")
    of_eve, of_globex = await old_acme.session(token=eve), await old_globex.session()
    slow = Slow(city.backends["acme-legacy"])
    before = len(slow.cancellations())
    async with old_acme.waiting(legacy_call(request_id=7), session) as connection:
        await connection.until(b"it runs")
        told = [
            await old_acme.legacy(_cancel(7), second),
            await old_acme.legacy(_cancel("7"), session),
            await old_acme.legacy(_cancel(7), of_eve, token=eve),
            await old_acme.legacy(_cancel(7), session, token=eve),
            await old_globex.legacy(_cancel(7), of_globex),
            await acme.modern(_cancel(7), headers=modern_headers("notifications/cancelled")),
            await old_acme.legacy(_cancel(slow.wires[0].id), second),
        ]
        slow.may_end.set()
        answer = await connection.answer()

    assert [answer.status for answer in told] == [202, 202, 202, 404, 202, 202, 202]
    assert answer.result["content"][0]["text"] == "the end"
    assert len(slow.cancellations()) == before


async def test_j31_a_late_answer_after_a_cancellation_goes_to_nobody(
    city: City, acme: Door
) -> None:
    """The next call on the same road gets its own answer, not the one that came too late."""
    await acme.modern(modern_call())
    slow = Slow(city.backends["acme-modern"])
    async with acme.waiting(modern_call(request_id=7)) as connection:
        await connection.until(b"it runs")
        connection.leave()
        async with asyncio.timeout(CANCELLED_WITHIN_S):
            await slow.wires[0].client_is_gone()
    slow.may_end.set()
    del city.backends["acme-modern"].scripts["tools/call"]
    for number in range(5):
        answer = await acme.modern(modern_call(request_id=7, mark=number))
        assert answer.result["content"][0]["text"].startswith(json.dumps({"mark": number}))
