"""H07 and the budgets of connections: whoever is slow costs only itself."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.http.front import CALL, Front, running_front
from tests.gateway.http.wire import Wire, connected
from tests.rigs.fake_backend import Wire as BackendWire

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLACK_S = 4.0
"""A limit of one second is seen by a sweep each second, on a machine that is busy."""

OTHERS = "127.0.0.2"
"""Another source on the same machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def roomy() -> AsyncIterator[Front]:
    """A gateway with room for many from one source, and with little patience."""
    limits = {"headers": 2, "connections_per_source": 5000, "connections": 600}
    async with running_front(limits=limits) as running:
        yield running


async def test_h07_whoever_sends_nothing_is_let_go(impatient: Front) -> None:
    async with impatient.unharmed(), connected(impatient.port) as wire:
        began = time.monotonic()
        assert await wire.is_closed()

    assert 0.9 < time.monotonic() - began < 1 + SLACK_S


async def test_h07_one_byte_of_headers_at_a_time_buys_no_time(impatient: Front) -> None:
    async with impatient.unharmed(), connected(impatient.port) as wire:
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            dripping = tasks.create_task(_drip(wire, impatient.call()))
            assert await wire.is_closed()
            dripping.cancel()

    assert time.monotonic() - began < 1 + SLACK_S


async def test_h07_headers_of_a_later_request_have_no_more_time(impatient: Front) -> None:
    async with connected(impatient.port) as wire:
        await wire.send(impatient.call())
        assert (await wire.answer()).status == 200
        began = time.monotonic()
        await wire.send(b"POST /t/acme/mcp HTTP/1.1\r\nHost:")
        assert await wire.is_closed()

    assert time.monotonic() - began < 1 + SLACK_S


async def test_headers_begun_behind_a_running_call_do_not_cut_it(impatient: Front) -> None:
    release = asyncio.Event()

    async def slow(wire: BackendWire) -> None:
        await release.wait()
        await wire.result({"content": []})

    impatient.backend.scripts["tools/call"] = slow
    try:
        async with connected(impatient.port) as wire:
            await wire.send(impatient.call())
            await asyncio.sleep(0.1)
            await wire.send(b"POST /t/acme/mcp HTTP/1.1\r\nHost:")
            await asyncio.sleep(2.5)  # more than the deadline and a sweep
            release.set()

            assert (await wire.answer()).status == 200
            assert await wire.is_closed()
    finally:
        del impatient.backend.scripts["tools/call"]


async def test_h07_an_idle_connection_is_kept(impatient: Front) -> None:
    async with connected(impatient.port) as wire:
        for _ in range(2):
            await wire.send(impatient.call())
            assert (await wire.answer()).status == 200
            assert not await wire.is_closed(2.5)


async def test_h07_a_body_that_came_later_begins_no_headers(impatient: Front) -> None:
    opening, _, body = impatient.call().partition(b"\r\n\r\n")

    async with connected(impatient.port) as wire:
        await wire.send(opening + b"\r\n\r\n")
        await asyncio.sleep(0.1)
        await wire.send(body)
        assert (await wire.answer()).status == 200

        assert not await wire.is_closed(2.5)


async def test_h07_a_body_below_the_least_speed_is_refused(impatient: Front) -> None:
    body = json.dumps(CALL).encode() + b" " * 4000
    request = impatient.framed(("Content-Length", str(len(body))))

    async with impatient.unharmed(), connected(impatient.port) as wire:
        began = time.monotonic()
        await wire.send(request)
        async with asyncio.TaskGroup() as tasks:
            dripping = tasks.create_task(_drip(wire, body, every_s=0.5))
            answer = await wire.answer()
            dripping.cancel()

    assert answer.status == 408
    assert answer.says_close
    assert 4 < time.monotonic() - began < 5 + SLACK_S


@pytest.mark.parametrize("is_stream", [False, True], ids=["H07-json", "H07-sse"])
async def test_whoever_does_not_read_an_answer_is_cut(impatient: Front, *, is_stream: bool) -> None:
    answered = asyncio.Event()

    async def large(wire: BackendWire) -> None:
        await _answer_large(wire, is_stream=is_stream)
        answered.set()

    impatient.backend.scripts["tools/call"] = large
    try:
        async with connected(impatient.port, read_buffer=1024) as wire:
            wire.pause()
            await wire.send(impatient.call())
            await answered.wait()
            await asyncio.sleep(3 + SLACK_S)
            wire.resume()
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await wire.answer()
    finally:
        del impatient.backend.scripts["tools/call"]

    assert await impatient.is_well()


async def test_h07_a_slow_reader_that_reads_is_served(impatient: Front) -> None:
    async def large(wire: BackendWire) -> None:
        await _answer_large(wire, is_stream=False)

    impatient.backend.scripts["tools/call"] = large
    try:
        async with connected(impatient.port, read_buffer=64 * 1024) as wire:
            await wire.send(impatient.call())
            await wire.head()
            for _ in range(10):
                await wire.take(400_000)
                await asyncio.sleep(0.2)
            read = len(await wire.take(4_000_000))
    finally:
        del impatient.backend.scripts["tools/call"]

    assert read == 4_000_000


async def test_one_source_has_so_many_connections_and_others_are_unharmed(
    impatient: Front,
) -> None:
    async with asyncio.timeout(20):
        held = [connected(impatient.port, source=OTHERS) for _ in range(30)]
        opened = [await each.__aenter__() for each in held]
        closed = [await wire.is_closed(0.3) for wire in opened]

        assert sum(closed) >= 10
        assert await impatient.is_well()

        for each in held:
            await each.__aexit__(None, None, None)


async def test_a_source_that_proved_itself_is_not_counted(impatient: Front) -> None:
    held = [connected(impatient.port, source="127.0.0.3") for _ in range(30)]
    for each in held:
        wire = await each.__aenter__()
        await wire.send(impatient.call())
        assert (await wire.answer()).status == 200

    for each in held:
        await each.__aexit__(None, None, None)


async def test_h07_a_table_full_of_silence_makes_room_for_a_good_client(roomy: Front) -> None:
    held = [connected(roomy.port, source=OTHERS) for _ in range(1200)]
    for each in held:
        await each.__aenter__()

    began = time.monotonic()
    well = [await roomy.is_well() for _ in range(20)]
    took = time.monotonic() - began
    for each in held:
        await each.__aexit__(None, None, None)

    assert all(well)
    assert took < 5


async def test_a_stream_that_waits_gets_comments() -> None:
    async with running_front(limits={"sse_heartbeat": 1}) as chatty:
        release = asyncio.Event()

        async def slow(wire: BackendWire) -> None:
            await release.wait()
            await wire.result({"content": []})

        chatty.backend.scripts["tools/call"] = slow
        async with connected(chatty.port) as wire:
            await wire.send(chatty.call())
            headers = await wire.head()
            comment = await wire.read_until(b"\n\n")
            release.set()
            event = await wire.read_until(b'"content":[]')

    assert b"text/event-stream" in headers
    assert b"\r\n:" in comment
    assert b"data: " in event


async def _drip(wire: Wire, data: bytes, *, every_s: float = 0.2) -> None:
    try:
        for value in data:
            await wire.send(bytes((value,)))
            await asyncio.sleep(every_s)
    except ConnectionError:
        return


async def _answer_large(wire: BackendWire, *, is_stream: bool) -> None:
    content = [{"type": "text", "text": "x" * 900_000}]
    if not is_stream:
        await wire.result({"content": content * 9})
        return
    await wire.open_events()
    for step in range(20):
        await wire.event(
            {
                "jsonrpc": "2.0",
                "method": "notifications/progress",
                "params": {"progressToken": 1, "progress": step, "message": "x" * 900_000},
            }
        )
    await wire.event(wire.answer({"content": []}))
    await wire.end_events()
