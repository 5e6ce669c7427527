"""One backend behind an endpoint: a client cannot tell the gateway from it, in its era."""

import pytest

from gateway.protocol.revisions import SERVED
from tests.gateway.core.caller import Caller
from tests.rigs.fake_backend import FakeBackend, FakeEra, Wire
from tests.rigs.inner_gateway import inner_gateway

ERAS: list[FakeEra] = ["modern", "legacy"]
SERVER_INFO = "io.modelcontextprotocol/serverInfo"


@pytest.mark.parametrize("era", ERAS)
async def test_names_instructions_and_identity_are_the_backends_own(era: FakeEra) -> None:
    async with (
        FakeBackend(era=era, canary="the-backend") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        listed = await caller.ask(era, "tools/list")
        prompts = await caller.ask(era, "prompts/list")

        assert listed.result["tools"] == backend.tools
        assert prompts.result["prompts"] == [{"name": "greet"}]
        if era == "modern":
            discovered = await caller.modern("server/discover")
            assert discovered.result["instructions"] == "the-backend"
            assert discovered.result["_meta"][SERVER_INFO]["name"] == "the-backend"
            assert discovered.result["supportedVersions"] == list(SERVED)
            assert listed.result["cacheScope"] == "private"


@pytest.mark.parametrize(("client", "era"), [("modern", "legacy"), ("legacy", "modern")])
async def test_what_two_eras_cannot_do_together_is_said_with_both_revisions(
    client: str, era: FakeEra
) -> None:
    async with (
        FakeBackend(era=era) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        if client == "modern":
            answers = [
                await caller.modern("server/discover"),
                await caller.modern("tools/list"),
                await caller.modern("tools/call", {"name": "echo"}),
                await caller.modern("resources/read", {"uri": "fake://one"}),
            ]
        else:
            answers = [await caller.initialize()]

        for answer in answers:
            assert answer.status == 200
            assert answer.error["code"] == -31008
            data = answer.error["data"]
            assert (data["reason"], data["backend"]) == ("era_impossible", "one")
            assert {data["clientRevision"], data["backendRevision"]} == {
                "2025-11-25",
                "2026-07-28",
            }


@pytest.mark.parametrize("era", ERAS)
async def test_a_backends_own_error_is_handed_on_as_it_is(era: FakeEra) -> None:
    async def refuse(wire: Wire) -> None:
        await wire.error(-12345, "not today", data={"until": "tomorrow"})

    async with (
        FakeBackend(era=era, scripts={"tools/call": refuse}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).call(era)

        assert answer.status == 200
        assert answer.error == {
            "code": -12345,
            "message": "not today",
            "data": {"until": "tomorrow"},
        }


async def test_a_modern_backend_gets_the_log_level_and_is_not_heard_without_one() -> None:
    async def talk(wire: Wire) -> None:
        await wire.open_events()
        for method in ("message", "tools/list_changed", "cancelled", "progress"):
            params = {"level": "info", "data": "words", "requestId": 1, "progressToken": "t"}
            note = {"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params}
            await wire.event(note)
        await wire.event(wire.answer({"content": []}))
        await wire.end_events()

    async with (
        FakeBackend(scripts={"tools/call": talk}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        level = {"io.modelcontextprotocol/logLevel": "info"}
        silent = await caller.modern("tools/call", {"name": "echo"})
        loud = await caller.modern("tools/call", {"name": "echo"}, meta=level)
        wrong = await caller.modern(
            "tools/call", {"name": "echo"}, meta={"io.modelcontextprotocol/logLevel": "loud"}
        )

        def said(messages: list[dict[str, object]]) -> list[object]:
            return [m["method"] for m in messages if "method" in m]

        assert said(silent.messages) == ["notifications/progress"]
        assert said(loud.messages) == ["notifications/message", "notifications/progress"]
        sent = backend.calls("tools/call")[1].message["params"]["_meta"]
        assert sent["io.modelcontextprotocol/logLevel"] == "info"
        assert (wrong.status, wrong.reason) == (400, "invalid_params")


async def test_a_backend_that_finds_the_headers_wrong_is_listed_anew_and_asked_once_more() -> None:
    """What a tool's headers are comes from its schema, and that may have changed."""
    calls = 0

    async def mismatch_once(wire: Wire) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            schema = {
                "type": "object",
                "properties": {"x": {"type": "string", "x-mcp-header": "X"}},
            }
            wire.backend.tools = [{"name": "echo", "inputSchema": schema}]
            await wire.error(-32020, "header mismatch", status=400)
            return
        await wire.result({"content": [{"type": "text", "text": "found"}]})

    async with (
        FakeBackend(scripts={"tools/call": mismatch_once}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).modern(
            "tools/call", {"name": "echo", "arguments": {"x": "1"}}, meta={}, **{"Mcp-Param-X": "1"}
        )

        assert answer.text == "found"
        assert backend.calls("tools/call")[1].header("Mcp-Param-X") == "1"
        assert len(backend.calls("tools/call")) == 2


@pytest.mark.parametrize("method", ["tasks/get", "initialize", "ping", "nonsense"])
async def test_what_the_modern_era_does_not_have_here_is_an_unknown_method(method: str) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).modern(method, {"notifications": {}})

        assert (answer.status, answer.error["code"]) == (404, -32601)
        assert answer.reason == "unknown_method"
