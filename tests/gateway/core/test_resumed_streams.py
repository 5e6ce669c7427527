"""A backend that closes its streams on purpose (2025-11-25, SSE polling) is asked to go on."""

import asyncio
import time

import pytest

from tests.gateway.core.caller import Caller
from tests.rigs.fake_backend import FakeBackend, Json, Wire
from tests.rigs.inner_gateway import inner_gateway

RETRY_MS = 80


class Polling:
    """Ends each stream after one event, until it has done so often enough."""

    def __init__(self, pauses: int, *, cut: bool = False) -> None:
        self.pauses = pauses
        self.cut = cut
        self.asked: list[tuple[float, str | None]] = []
        self.call: Wire | None = None

    def backend(self) -> FakeBackend:
        return FakeBackend(era="legacy", scripts={"tools/call": self.run, "GET": self.go_on})

    async def run(self, wire: Wire) -> None:
        self.call = wire
        await self._pause(wire, 0)

    async def go_on(self, wire: Wire) -> None:
        seen = wire.request.header("Last-Event-ID")
        if seen is None or self.call is None:
            await wire.reply(b"", status=405)
            return
        self.asked.append((time.monotonic(), seen))
        if len(self.asked) < self.pauses:
            await self._pause(wire, len(self.asked))
            return
        await wire.open_events()
        done = self.call.answer({"content": [{"type": "text", "text": "at last"}]})
        await wire.chunk(b"id: last\ndata: " + done + b"\n\n")
        await wire.end_events()

    async def _pause(self, wire: Wire, number: int) -> None:
        await wire.open_events()
        await wire.chunk(b"id: e%d\nretry: %d\ndata:\n\n" % (number, RETRY_MS))
        if self.cut:
            wire.reset()
        else:
            await wire.end_events()


@pytest.mark.parametrize("cut", [False, True])
async def test_the_answer_comes_after_as_many_pauses_as_the_backend_makes(cut: bool) -> None:  # noqa: FBT001 - a parameter
    polling = Polling(3, cut=cut)
    async with polling.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize()
        began = time.monotonic()
        answer = await caller.legacy("tools/call", {"name": "echo"})

        assert answer.text == "at last"
        assert [seen for _, seen in polling.asked] == ["e0", "e1", "e2"]
        assert polling.asked[0][0] - began >= RETRY_MS / 1000
        assert len(backend.calls("tools/call")) == 1


async def test_a_call_can_be_cancelled_in_a_pause() -> None:
    paused = asyncio.Event()

    async def long_pause(wire: Wire) -> None:
        await wire.open_events()
        await wire.chunk(b"id: e0\nretry: 30000\ndata:\n\n")
        await wire.end_events()
        paused.set()

    async with (
        FakeBackend(era="legacy", scripts={"tools/call": long_pause}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        async with caller.open_legacy("tools/call", {"name": "echo"}) as sent:
            async with asyncio.timeout(5):
                await paused.wait()
            params: Json = {"requestId": caller.last_id}
            await caller.notify("notifications/cancelled", params)
            answer = await sent.answer()

        assert answer.error["code"] == -32800


async def test_a_backend_that_does_not_go_on_leaves_the_outcome_unknown() -> None:
    async def once(wire: Wire) -> None:
        await wire.open_events()
        await wire.chunk(b"id: e0\nretry: 10\ndata:\n\n")
        await wire.end_events()

    async with (
        FakeBackend(era="legacy", scripts={"tools/call": once}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        answer = await caller.legacy("tools/call", {"name": "echo"})

        assert answer.error["code"] == -31003
        assert len([r for r in backend.requests if r.method == "GET"]) == 1
