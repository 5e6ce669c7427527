"""Whatever an authenticated caller posts, the gateway never fails: no 5xx, no lost slot."""

import asyncio
import http.client
import json
import string
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.protocol.methods import CLIENT_NOTIFICATIONS, CLIENT_REQUESTS
from tests.gateway.core.caller import BOTH_FORMS, LEGACY, MODERN, Caller, envelope, is_at_rest
from tests.gateway.core.lines import logged
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.inner_gateway import inner_gateway

EXAMPLES = settings(
    max_examples=250,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
METHODS = sorted(
    {
        method
        for table in (CLIENT_REQUESTS, CLIENT_NOTIFICATIONS)
        for found in table.values()
        for method in found
    }
)
TEXT = st.text(max_size=30) | st.sampled_from(
    ["echo", "one__echo", "two__greet", "fake://one", "fake://{x}", "__", "ref/prompt", "debug"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["name", "uri", "arguments", "cursor", "ref", "argument", "context", "level", "requestId",
     "protocolVersion", "capabilities", "clientInfo", "_meta", "notifications", "progressToken"]
)  # fmt: skip
REFS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["ref/prompt", "ref/resource"]) | VALUES,
        "name": VALUES,
        "uri": VALUES,
    },
)
META = st.just(envelope()) | st.dictionaries(
    st.sampled_from([*envelope(), "progressToken", "traceparent", "tracestate", "baggage"]), VALUES
)
PARAMS = st.dictionaries(NAMES, VALUES, max_size=5) | st.fixed_dictionaries(
    {}, optional={"name": VALUES, "uri": VALUES, "ref": REFS, "_meta": META, "cursor": VALUES}
)
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={
        "id": st.integers() | TEXT | VALUES,
        "method": st.sampled_from(METHODS) | TEXT,
        "params": PARAMS | VALUES,
        "result": VALUES,
        "error": VALUES,
    },
)
BODIES = (
    st.binary(max_size=200)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | MESSAGES.map(lambda value: json.dumps(value).encode())
    | MESSAGES.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
)
HEADER_TEXT = st.text(string.ascii_letters + string.digits + "_-:/ =?", max_size=20)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "MCP-Protocol-Version": st.sampled_from([LEGACY, MODERN, "2025-03-26", "", "x"]),
        "Mcp-Method": st.sampled_from(METHODS) | HEADER_TEXT,
        "Mcp-Name": st.sampled_from(["echo", "one__echo", "fake://one"]) | HEADER_TEXT,
        "Mcp-Session-Id": st.just("the session's") | HEADER_TEXT,
        "Accept": st.sampled_from(["application/json", "text/event-stream", "*/*", BOTH_FORMS]),
        "traceparent": HEADER_TEXT,
    },
)


def _post(caller: Caller, body: bytes, headers: dict[str, str]) -> int:
    target = urlsplit(caller.url)
    if headers.get("Mcp-Session-Id") == "the session's":
        headers = {**headers, "Mcp-Session-Id": caller.session or ""}
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
    try:
        good = {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"}
        connection.request("POST", target.path, body, good | headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@pytest.mark.parametrize("endpoint", ["", "one", "two"])
async def test_no_body_and_no_header_makes_the_gateway_fail(
    endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        FakeBackend(era="legacy") as one,
        FakeBackend(era="modern") as two,
        # A subscription is a good answer, and lasts.
        inner_gateway({"acme": {"one": one, "two": two}}, limits={"stream": 0.01}) as inner,
    ):
        caller = Caller.of(inner, "acme", endpoint)
        await caller.initialize()

        @EXAMPLES
        @given(body=BODIES, headers=HEADERS)
        def anything(body: bytes, headers: dict[str, str]) -> None:
            assert _post(caller, body, headers) < 500

        @EXAMPLES
        @given(method=st.sampled_from(METHODS), params=PARAMS, is_modern=st.booleans())
        def almost_good(method: str, params: dict[str, Any], *, is_modern: bool) -> None:
            body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
            headers = {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": "the session's"}
            if not method.startswith("notifications/"):
                body["id"] = 1
            if is_modern:
                body["params"] = {**params, "_meta": envelope()}
                name = params.get("name", params.get("uri"))
                headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
                if isinstance(name, str) and name.isascii() and name.isprintable():
                    headers["Mcp-Name"] = name
            assert _post(caller, json.dumps(body).encode(), headers) < 500

        await asyncio.to_thread(anything)
        await asyncio.to_thread(almost_good)

        assert logged(capsys, "internal_error_raised") == []
        assert is_at_rest(inner)
