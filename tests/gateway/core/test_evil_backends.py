"""Whatever a backend answers, its client is told one of two things, and nothing of it.

The cases are those that `tests/gateway/backends` puts to the seam; here they stand behind the whole
gateway, at once with good calls on the same backend.
"""

import asyncio

import pytest

from tests.gateway.core.caller import Answer, Caller, Json, is_at_rest
from tests.gateway.core.modern_rig import comes_to_pass
from tests.rigs.evil_scripts import TOO_SLOW, UNKNOWN_OUTCOME
from tests.rigs.fake_backend import FakeBackend, Script, Wire
from tests.rigs.inner_gateway import inner_gateway

LIMITS = {"response_bytes": "256KiB", "sse_event_bytes": "64KiB", "idle": "1s", "request": "2s"}
METHODS: dict[str, Json] = {
    "tools/call": {"name": "echo"},
    "prompts/get": {"name": "greet"},
    "resources/read": {"uri": "fake://one"},
    "completion/complete": {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {}},
}
LEAKS = (b"canary", b"oops", b"It works", b"ERR unknown", b"127.0.0.1", b"Traceback", b"aiohttp")
SCRIPTS = [
    *((name, script, -31003) for name, script in UNKNOWN_OUTCOME.items()),
    *((name, script, -31002) for name, script in TOO_SLOW.items()),
]


def fault_of(answer: Answer, code: int) -> str:
    """What is wrong with the answer; empty when nothing is."""
    if answer.status != 200 or answer.last.get("error", {}).get("code") != code:
        return f"{answer.status} {answer.body!r}"
    data = answer.error["data"]
    if data["backend"] != "one" or (code == -31003) != (data.get("outcome") == "unknown"):
        return f"data {data}"
    leaked = [word for word in LEAKS if word in answer.body]
    return f"leaked {leaked}" if leaked else ""


@pytest.mark.parametrize("method", METHODS)
async def test_what_is_no_answer_is_told_by_the_table_and_costs_its_connection(method: str) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}, limits=LIMITS) as inner,
    ):
        caller = Caller.of(inner)
        await caller.modern("tools/list")
        wires: dict[int, Wire] = {}
        queue: asyncio.Queue[Script] = asyncio.Queue()

        async def dispatch(wire: Wire) -> None:
            script = queue.get_nowait()
            wires[len(wires)] = wire
            await script(wire)

        backend.scripts[method] = dispatch
        faults = {}
        scripts = SCRIPTS if method == "tools/call" else SCRIPTS[::6]
        for name, script, code in scripts:
            queue.put_nowait(script)
            answer = await caller.modern(method, METHODS[method])
            faults[name] = fault_of(answer, code)
            async with asyncio.timeout(5):
                await wires[len(wires) - 1].client_is_gone()
        await comes_to_pass(lambda: is_at_rest(inner))
        del backend.scripts[method]
        good = await caller.call("modern")

        assert {name: fault for name, fault in faults.items() if fault} == {}
        assert len(backend.calls(method)) - (method == "tools/call") == len(scripts)
        assert backend.canary in good.text


@pytest.mark.parametrize("method", ["sampling/createMessage", "elicitation/create", "roots/list"])
async def test_u16_what_a_modern_backend_asks_by_a_request_of_its_own_reaches_nobody(
    method: str,
) -> None:
    async def ask(wire: Wire) -> None:
        await wire.open_events()
        params = {"mode": "url", "url": "javascript:alert(1)", "message": "m"}
        await wire.event({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        await wire.event(wire.answer({"content": []}))
        await wire.end_events()

    async with (
        FakeBackend(scripts={"tools/call": ask}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        answer = await Caller.of(inner).call("modern")

        assert len(answer.messages) == 1
        assert answer.result["content"] == []
        assert b"javascript" not in answer.body
