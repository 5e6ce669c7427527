"""Arrays of messages: where they are served, and that each item stands for itself."""

import asyncio
import json
from typing import Any

import pytest

from tests.gateway.core.caller import Answer, Caller, Json
from tests.gateway.core.lines import logged
from tests.rigs.fake_backend import FakeBackend, Wire
from tests.rigs.inner_gateway import inner_gateway

BATCHING = "2025-03-26"


def _call(number: Any, name: str = "echo") -> Json:
    params = {"name": name, "arguments": {"n": number}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


async def _post(caller: Caller, items: Any, **headers: str) -> Answer:
    return await caller.post(json.dumps(items).encode(), caller.legacy_headers() | headers)


def _by_id(answers: list[Json]) -> dict[Any, Json]:
    return {answer["id"]: answer for answer in answers}


async def test_j08_each_item_is_answered_logged_and_refused_by_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        FakeBackend(era="legacy", revision=BATCHING) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(BATCHING)
        items = [
            _call(1),
            _call("1"),
            _call(3, "nobody"),
            {"jsonrpc": "2.0", "id": 4, "method": "ping"},
            {"jsonrpc": "2.0", "id": 5, "method": "initialize", "params": {}},
            {"jsonrpc": "2.0", "method": "notifications/nonsense"},
            {"jsonrpc": "1.0", "id": 6, "method": "ping"},
            {"jsonrpc": "2.0", "id": 77, "result": {}},
            "nonsense",
        ]
        answer = await _post(caller, items)

        found = _by_id(json.loads(answer.body))
        assert answer.status == 200
        assert set(found) == {1, "1", 3, 4, 5, 6, None}
        assert json.loads(found[1]["result"]["content"][0]["text"].partition("canary")[0]) == {
            "n": 1
        }
        assert '"n": "1"' in found["1"]["result"]["content"][0]["text"]
        assert found[3]["error"]["code"] == -32602
        assert found[4]["result"] == {}
        assert {found[key]["error"]["code"] for key in (5, 6, None)} == {-32600}
        lines = logged(capsys, "request_served")
        assert len([x for x in lines if x.get("method") == "tools/call"]) == 3
        assert len({line["request_id"] for line in lines}) == len(lines)
        assert len(backend.calls("tools/call")) == 2


async def test_what_wants_no_answer_gets_none() -> None:
    async with (
        FakeBackend(era="legacy", revision=BATCHING) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(BATCHING)
        told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        answer = await _post(caller, [told, {"jsonrpc": "2.0", "id": 1, "result": {}}])

        assert (answer.status, answer.body) == (202, b"")


@pytest.mark.parametrize("items", [[], [{"jsonrpc": "2.0", "id": 1, "method": "ping"}] * 51])
async def test_an_empty_or_too_long_one_is_no_request(items: list[Json]) -> None:
    async with (
        FakeBackend(era="legacy", revision=BATCHING) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(BATCHING)
        answer = await _post(caller, items)

        assert (answer.status, answer.error["code"]) == (400, -32600)


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-06-18", "2025-11-25", None])
async def test_no_other_revision_has_them(revision: str | None) -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        if revision is not None:
            await caller.initialize(revision)
        answer = await _post(caller, [_call(1)])
        modern = await _post(caller, [_call(1)], **{"MCP-Protocol-Version": "2026-07-28"})

        assert (answer.status, answer.error["code"]) == (400, -32600)
        assert (modern.status, modern.error["code"]) == (400, -32600)
        assert backend.calls("tools/call") == []


async def test_doubled_keys_or_no_json_refuse_the_whole() -> None:
    async with (
        FakeBackend(era="legacy", revision=BATCHING) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(BATCHING)
        doubled = b'[{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}]'
        answers = [
            await caller.post(body, caller.legacy_headers()) for body in (doubled, b'[{"a":]')
        ]

        assert [answer.error["code"] for answer in answers] == [-32600, -32700]
        assert {answer.status for answer in answers} == {400}


async def test_items_run_at_the_same_time_and_stream_once_one_of_them_does() -> None:
    together = asyncio.Barrier(3)

    async def tool(wire: Wire) -> None:
        number = wire.request.message["params"]["arguments"]["n"]
        async with asyncio.timeout(5):
            await together.wait()
        await wire.open_events()
        if number == 2:
            params = {"progressToken": 2, "progress": 1}
            await wire.event(
                {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
            )
        await wire.event(wire.answer({"content": [{"type": "text", "text": str(number)}]}))
        await wire.end_events()

    backend = FakeBackend(era="legacy", revision=BATCHING, scripts={"tools/call": tool})
    async with backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize(BATCHING)
        answer = await _post(caller, [_call(n) for n in (1, 2, 3)])

        assert answer.headers["content-type"] == "text/event-stream"
        results = {m["id"]: m["result"] for m in answer.messages if "id" in m}
        assert {n: r["content"][0]["text"] for n, r in results.items()} == {1: "1", 2: "2", 3: "3"}
        assert len(answer.messages) == 4


async def test_a_cancellation_beside_its_call_does_not_wait_for_it() -> None:
    async def tool(wire: Wire) -> None:
        await wire.open_events()
        await wire.client_is_gone()

    backend = FakeBackend(era="legacy", revision=BATCHING, scripts={"tools/call": tool})
    async with backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize(BATCHING)
        headers = caller.legacy_headers()
        async with caller.sent("POST", json.dumps([_call(1)]).encode(), headers) as sent:
            await backend.arrived("tools/call")
            cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
            await _post(caller, [{**cancel, "params": {"requestId": 1}}])
            answer = await sent.answer()

        (only,) = json.loads(answer.body)
        assert (only["id"], only["error"]["code"]) == (1, -32800)
