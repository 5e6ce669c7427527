"""A server that is bad on purpose: many faults at once, each of them seen in the field."""

import json
from typing import Any

from tests.rigs.fake_backend import FakeBackend, Json, Recorded, Script, Wire

TAGS = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
OBJECT: Json = {"type": "object"}


def tool(name: str, schema: Any = OBJECT, **more: Any) -> Json:
    return {"name": name, "description": "does a thing", "inputSchema": schema} | more


TOOLS: list[Json] = [
    tool("good"),
    tool("files.read"),
    tool("x" * 70),
    tool("summarise_the_quarterly_report_of_a_customer"),
    tool("twice"),
    tool("twice"),
    {"name": "no_schema"},
    tool("a_list", {"type": "array"}),
    tool("no_such_type", {"type": "object", "properties": {"a": {"type": "text"}}}),
    tool("network", {"type": "object", "$ref": "https://schemas.example.com/a.json"}),
    tool("header", {"type": "object", "x-mcp-header": "Region"}),
    tool("hidden", description=f"Adds two numbers.{TAGS}"),
    tool("wordy", description="word " * 500),
    tool("huge", {"type": "object", "description": "long " * 4000}),
    tool("odd_result", outputSchema={"type": 7}),
    {"description": "has no name", "inputSchema": OBJECT},
]


async def tools_for_ever(wire: Wire) -> None:
    await wire.result({"tools": TOOLS if first_page(wire) else [], "nextCursor": "again"})


def first_page(wire: Wire) -> bool:
    return "cursor" not in wire.request.message.get("params", {})


async def prompts_with_an_empty_cursor(wire: Wire) -> None:
    await wire.result({"prompts": [{"name": "greet", "arguments": []}], "nextCursor": ""})


async def resources_that_are_none(wire: Wire) -> None:
    await wire.result({"resources": [{"uri": "readme"}, {"uri": "\u001b[2Jgone"}]})


async def a_handshake_that_agrees_on_everything(wire: Wire) -> None:
    asked = wire.request.message["params"].get("protocolVersion", "2025-11-25")
    result: Json = {"protocolVersion": asked}
    number = len(wire.backend.calls("initialize"))
    wire.backend.sessions.add(str(number))
    await wire.result(result | {"capabilities": {"tools": {}}}, {"Mcp-Session-Id": str(number)})


async def a_stream_that_breaks_off(wire: Wire) -> None:
    await wire.open_events()
    await wire.chunk(b"event: pong\ndata: {}\n\ndata: " + wire.answer({}) + b"\n")
    await wire.end_events()


async def another_id(wire: Wire) -> None:
    await wire.reply(wire.answer({"tools": []}, request_id="another"))


async def an_outage(wire: Wire) -> None:
    await wire.reply(b"<h1>Internal Server Error</h1>", status=500, content_type="text/html")


async def a_page(wire: Wire) -> None:
    await wire.reply(b"<h1>Welcome</h1>", content_type="text/html")


async def served(wire: Wire) -> None:
    await wire.reply(json.dumps({"jsonrpc": "2.0", "id": wire.id, "result": {}}).encode())


class CheckedBackend(FakeBackend):
    """A scripted backend that survives what is no single message."""

    async def answer(self, wire: Wire) -> None:
        message = read(wire.request)
        if isinstance(message, dict):
            await super().answer(wire)
        else:
            # What is no JSON is taken for a notification, and a batch for nothing.
            await wire.reply(b"", status=202 if message is None else 400)

    def calls(self, rpc: str) -> list[Recorded]:
        messages = [(read(request), request) for request in self.requests]
        return [r for m, r in messages if isinstance(m, dict) and m.get("method") == rpc]


def read(request: Recorded) -> Any:
    """What was asked, None where it is no JSON."""
    try:
        return json.loads(request.body or b"{}")
    except ValueError:
        return None


def bad_server() -> FakeBackend:
    """Every fault that fits into one server."""
    scripts: dict[str, Script] = {
        "GET": a_page,
        "initialize": a_handshake_that_agrees_on_everything,
        "notifications/initialized": a_page,
        "ping": a_stream_that_breaks_off,
        "prompts/list": prompts_with_an_empty_cursor,
        "resources/list": resources_that_are_none,
        "resources/templates/list": a_page,
        "portcullis-check/no-such-method": an_outage,
        "prompts/get": served,
        "response": a_page,
        "tools/list": tools_for_ever,
    }
    return CheckedBackend(era="both", canary="bad", scripts=scripts)
