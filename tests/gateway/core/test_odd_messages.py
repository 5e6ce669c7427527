"""Messages that are just within, or just without, what JSON and JSON-RPC allow."""

import json

import pytest

from tests.gateway.core.caller import LEGACY, Caller
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.inner_gateway import inner_gateway

BIG = "9" * 300
PARAMS = [
    '{"name":"\\ud800"}',
    '{"name":"one__\\udfff"}',
    '{"name":"\\u0000"}',
    f'{{"name":{BIG}}}',
    '{"name":1e400}',
    '{"name":"one__echo","arguments":1}',
    '{"name":"one__echo","arguments":{"x":1e999}}',
    '{"uri":"\\ud83d"}',
    '{"uri":"' + "a" * 70_000 + '"}',
    '{"cursor":"\\ud800"}',
    '{"level":"\\ud800"}',
    '{"requestId":1e400}',
    '{"ref":{"type":"ref/resource","uri":"\\ud800"}}',
    '{"ref":{"type":"ref/prompt","name":{}}}',
    '{"protocolVersion":"\\ud800"}',
    '{"protocolVersion":"2025-11-25","capabilities":[],"clientInfo":1}',
    '{"protocolVersion":"2025-11-25","clientInfo":{"name":"' + "n" * 100_000 + '"}}',
    '{"protocolVersion":"2025-11-25","capabilities":{"x":"' + "n" * 100_000 + '"}}',
    '{"_meta":{"progressToken":1e400}}',
    '{"_meta":{"traceparent":"00-' + "0" * 32 + "-" + "0" * 16 + '-00","tracestate":"\\ud800"}}',
    '{"name":"one__echo","_meta":[]}',
]
METHODS = [
    "initialize",
    "tools/call",
    "tools/list",
    "prompts/get",
    "resources/read",
    "completion/complete",
    "logging/setLevel",
    "notifications/cancelled",
]


async def test_no_odd_value_makes_the_gateway_fail() -> None:
    async with (
        FakeBackend(era="legacy") as one,
        FakeBackend(era="legacy") as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize()
        for method in METHODS:
            for params in PARAMS:
                rpc_id = "" if method.startswith("notifications/") else '"id":"\\ud83d\\ude00",'
                body = f'{{"jsonrpc":"2.0",{rpc_id}"method":"{method}","params":{params}}}'
                headers = {} if method == "initialize" else caller.legacy_headers()
                answer = await caller.post(body.encode(), headers)
                assert answer.status < 500, (method, params[:80], answer.body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b"", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
    ],
)
async def test_what_is_not_one_message_is_refused(body: bytes, code: int) -> None:
    async with FakeBackend(era="legacy") as one, inner_gateway({"acme": {"one": one}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize()
        answer = await caller.post(body, caller.legacy_headers())

        assert (answer.status, answer.error["code"]) == (400, code)


async def test_an_unknown_name_of_any_length_is_not_echoed_whole() -> None:
    async with FakeBackend() as one, inner_gateway({"acme": {"one": one}}) as inner:
        answer = await Caller.of(inner).modern("tools/call", {"name": "n" * 10_000})

        assert (answer.status, answer.reason) == (400, "unknown_tool")
        assert len(answer.body) < 1000


async def test_a_response_that_nobody_waits_for_changes_nothing() -> None:
    async with FakeBackend(era="legacy") as one, inner_gateway({"acme": {"one": one}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize()
        response = {"jsonrpc": "2.0", "id": 7, "result": {"roots": []}}
        before = len(one.requests)
        answer = await caller.post(json.dumps(response).encode(), caller.legacy_headers())

        assert (answer.status, answer.body) == (202, b"")
        assert len(one.requests) == before
        assert caller.revision == LEGACY
