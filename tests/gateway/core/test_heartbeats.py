"""A call that says nothing for long keeps its stream, and the gateway keeps nothing of it."""

import asyncio

import pytest

from tests.gateway.core.caller import Caller, is_at_rest
from tests.rigs.fake_backend import FakeBackend, FakeEra, Wire
from tests.rigs.inner_gateway import InnerGateway, inner_gateway

ERAS: list[FakeEra] = ["modern", "legacy"]


class Slow:
    """A tool that ends when it may."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def run(self, wire: Wire) -> None:
        await self.may_end.wait()
        await wire.result({"content": [{"type": "text", "text": "the end"}]})


async def _beat_later(inner: InnerGateway) -> None:
    """Beat as the loop does when all were silent for a minute."""
    heartbeats = inner.gateway._heartbeats  # noqa: SLF001 - a test does not wait for a minute
    clock = heartbeats.clock
    heartbeats.clock = lambda: clock() + 60
    await heartbeats.beat()


@pytest.mark.parametrize("era", ERAS)
async def test_a_silent_call_becomes_a_stream_with_comments_and_then_its_result(
    era: FakeEra,
) -> None:
    slow = Slow()
    async with (
        FakeBackend(era=era, scripts={"tools/call": slow.run}) as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.ask(era, "tools/list")
        open_one = caller.open_modern if era == "modern" else caller.open_legacy
        async with open_one("tools/call", {"name": "echo"}) as sent:
            await one.arrived("tools/call")
            await _beat_later(inner)
            assert await sent.head() == 200
            slow.may_end.set()
            answer = await sent.answer()

        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.body.startswith(b":")
        assert answer.text == "the end"
        await _beat_later(inner)
        assert len(inner.gateway._heartbeats._waiting) == 0  # noqa: SLF001 - no other view


async def test_a_client_that_takes_json_alone_is_left_in_peace() -> None:
    slow = Slow()
    async with (
        FakeBackend(scripts={"tools/call": slow.run}) as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        caller = Caller.of(inner)
        params = {"name": "echo"}
        async with caller.open_modern("tools/call", params, Accept="application/json") as sent:
            await one.arrived("tools/call")
            await _beat_later(inner)
            slow.may_end.set()
            answer = await sent.answer()

        assert answer.headers["content-type"] == "application/json"
        assert answer.text == "the end"


async def test_the_loops_run_beside_calls_that_come_and_go() -> None:
    async with (
        FakeBackend(era="legacy") as old,
        FakeBackend() as new,
        inner_gateway({"acme": {"old": old, "new": new}}) as inner,
    ):
        inner.gateway.start()
        ada, bob = Caller.of(inner), Caller.of(inner, subject="bob")
        answers = await asyncio.gather(
            *(ada.call("modern", "new__echo") for _ in range(20)),
            *(bob.call("modern", "new__echo") for _ in range(20)),
        )
        await ada.call("legacy", "old__echo")
        await inner.foundations.view.refresh()
        await ada.delete()

        assert {answer.status for answer in answers} == {200}
        assert is_at_rest(inner)
