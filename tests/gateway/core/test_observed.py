"""What every way out of the gateway leaves in the log, and what never becomes a label."""

import asyncio

import pytest

from tests.gateway.core.caller import Caller, is_at_rest
from tests.gateway.core.lines import logged, served
from tests.rigs.fake_backend import FakeBackend, FakeEra, Wire
from tests.rigs.inner_gateway import inner_gateway

ERAS: list[FakeEra] = ["modern", "legacy"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_failure_behind_the_gateway_has_its_backend_reason_and_outcome(
    era: FakeEra, capsys: pytest.CaptureFixture[str]
) -> None:
    async def cut(wire: Wire) -> None:
        wire.close()

    async with (
        FakeBackend(era=era, scripts={"tools/call": cut}) as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        await Caller.of(inner).call(era)

        (line,) = served(capsys, "tools/call")
        assert (line["outcome"], line["reason"]) == ("failed", "outcome_unknown")
        assert (line["backend"], line["tool"]) == ("one", "echo")
        assert (line["era"], line["rpc_code"]) == (era, -31003)
        assert line["revision"] == ("2026-07-28" if era == "modern" else "2025-11-25")
        assert ("session" in line) == (era == "legacy")


@pytest.mark.parametrize("era", ERAS)
async def test_a_tool_that_nobody_has_becomes_no_label(
    era: FakeEra, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        FakeBackend(era=era) as one,
        FakeBackend(era=era) as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        for name in ("nobody-knows", "one__nobody-knows", "nobody__echo"):
            answer = await caller.call(era, name)
            assert answer.reason == "unknown_tool"

        assert b"nobody" not in inner.foundations.instruments.render()
        for line in served(capsys, "tools/call"):
            assert "tool" not in line
            assert (line["outcome"], line["reason"]) == ("refused", "unknown_tool")


async def test_a_modern_client_that_leaves_leaves_one_line_with_499(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def hang(wire: Wire) -> None:
        await wire.client_is_gone()

    async with (
        FakeBackend(scripts={"tools/call": hang}) as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        caller = Caller.of(inner)
        async with caller.open_modern("tools/call", {"name": "echo"}) as sent:
            await one.arrived("tools/call")
            sent.leave()
        async with asyncio.timeout(1):
            while not is_at_rest(inner):
                await caller.modern("tools/list")

        (line,) = served(capsys, "tools/call")
        assert (line["http_status"], line["outcome"]) == (499, "cancelled")
        assert (line["reason"], line["backend"]) == ("client_gone", "one")


@pytest.mark.parametrize("era", ERAS)
async def test_a_failure_after_the_stream_began_is_its_last_message(
    era: FakeEra, capsys: pytest.CaptureFixture[str]
) -> None:
    async def cut(wire: Wire) -> None:
        await wire.open_events()
        params = {"progressToken": 1, "progress": 1}
        note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
        await wire.event(note)
        wire.close()

    async with (
        FakeBackend(era=era, scripts={"tools/call": cut}) as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        answer = await Caller.of(inner).call(era)

        assert answer.status == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert [m.get("method") for m in answer.messages] == ["notifications/progress", None]
        assert answer.error["code"] == -31003
        (line,) = served(capsys, "tools/call")
        assert (line["http_status"], line["reason"]) == (200, "outcome_unknown")


@pytest.mark.parametrize("era", ERAS)
async def test_a_tools_own_failure_is_told_from_the_gateways(
    era: FakeEra, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(wire: Wire) -> None:
        await wire.result({"content": [], "isError": True})

    async with (
        FakeBackend(era=era, scripts={"tools/call": fail}) as one,
        inner_gateway({"acme": {"one": one}}) as inner,
    ):
        answer = await Caller.of(inner).call(era)

        assert answer.result["isError"]
        (line,) = served(capsys, "tools/call")
        assert line["outcome"] == "tool_error"
        assert "reason" not in line


async def test_a_refused_token_leaves_a_line_with_the_cause_that_the_client_never_gets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with FakeBackend() as one, inner_gateway({"acme": {"one": one}}) as inner:
        caller = Caller.of(inner, "acme", "one")
        caller.url = Caller.of(inner).url
        answer = await caller.call("modern")

        assert answer.status == 401
        (line,) = [x for x in logged(capsys, "request_served") if x["http_status"] == 401]
        assert (line["tenant"], line["reason"]) == ("acme", "invalid_token")
        assert "principal" not in line
