"""What one call leaves behind: its log line, both spans in a real OTLP sink, its metrics."""

import asyncio
import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.mcp_client import McpClient, RpcRefused
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.inner_gateway import InnerGateway, inner_gateway
from tests.rigs.otlp_sink import OtlpSink, ReceivedSpan

TOOL = "echo"
SERVER, CLIENT = 2, 3
CANARY = "canary-in-the-arguments"


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as opened:
        yield opened


async def _call(inner: InnerGateway, tenant: str = "acme") -> McpClient:
    client = inner.client(tenant)
    await asyncio.to_thread(client.call_tool, TOOL, {"text": CANARY})
    return client


def _tracing(sink: OtlpSink) -> dict[str, object]:
    return {"telemetry": {"log_format": "json", "otlp_endpoint": sink.endpoint, "trace_ratio": 1.0}}


async def _spans(sink: OtlpSink) -> dict[int, ReceivedSpan]:
    found = await asyncio.to_thread(
        sink.wait_for, 2, timeout_s=15, where=lambda span: span.name == f"tools/call {TOOL}"
    )
    return {span.kind: span for span in found}


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_one_call_leaves_a_server_and_a_client_span_with_the_tenant(
    era: str, sink: OtlpSink
) -> None:
    async with (
        FakeBackend(era="legacy" if era == "legacy" else "modern") as backend,
        inner_gateway({"acme": {"one": backend}}, **_tracing(sink)) as inner,
    ):
        await _call(inner)
        spans = await _spans(sink)
        received = backend.calls("tools/call")[0]

    server, client = spans[SERVER], spans[CLIENT]
    assert client.parent_span_id == server.span_id
    assert client.trace_id == server.trace_id
    assert {s.attributes["portcullis.tenant"] for s in spans.values()} == {"acme"}
    assert client.attributes["portcullis.backend"] == "one"
    assert server.attributes["gen_ai.operation.name"] == "execute_tool"
    # The backend was told to continue this very span, in the header and in the message.
    traceparent = f"00-{client.trace_id}-{client.span_id}-01"
    assert received.header("traceparent") == traceparent
    assert received.message["params"]["_meta"]["traceparent"] == traceparent
    assert not any(CANARY.encode() in raw for raw in sink.raw)


async def test_the_trace_of_the_client_is_joined_by_its_meta_and_linked_by_its_header(
    sink: OtlpSink,
) -> None:
    of_meta, of_header = "1" * 32, "2" * 32
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}, **_tracing(sink)) as inner,
    ):
        client = inner.client("acme")
        await asyncio.to_thread(
            _call_in_traces, client, f"00-{of_meta}-{'3' * 16}-00", f"00-{of_header}-{'4' * 16}-01"
        )
        spans = await _spans(sink)

    assert spans[SERVER].trace_id == of_meta
    assert spans[SERVER].parent_span_id == "3" * 16
    assert spans[SERVER].links == [(of_header, "4" * 16)]


def _call_in_traces(client: McpClient, in_meta: str, in_header: str) -> None:
    target = urlsplit(client.url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
    prefix = "io.modelcontextprotocol/"
    meta = {
        f"{prefix}protocolVersion": "2026-07-28",
        f"{prefix}clientCapabilities": {},
        "traceparent": in_meta,
        "baggage": "user=ada",
    }
    params = {"name": TOOL, "arguments": {}, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "Authorization": f"Bearer {client.token}",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": TOOL,
        "traceparent": in_header,
    }
    connection.request("POST", target.path, json.dumps(body), headers)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    connection.close()


async def test_one_call_is_one_line_with_tenant_tool_backend_outcome_and_durations(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        await _call(inner)

    captured = capsys.readouterr().err
    lines = [json.loads(line) for line in captured.splitlines()]
    (line,) = [line for line in lines if line.get("method") == "tools/call"]
    assert line["event"] == "request_served"
    assert (line["tenant"], line["tool"], line["backend"]) == ("acme", TOOL, "one")
    assert (line["outcome"], line["http_status"], line["era"]) == ("ok", 200, "modern")
    assert len(line["principal"]) == 16
    assert 0 < line["backend_s"] < line["duration_s"]
    assert line["trace_id"]
    assert CANARY not in captured
    assert "someone" not in captured
    assert "eyJ" not in captured


async def test_one_call_is_counted_with_its_tenant_on_both_sides() -> None:
    async with (
        FakeBackend() as ours,
        FakeBackend() as theirs,
        inner_gateway({"acme": {"one": ours}, "globex": {"two": theirs}}) as inner,
    ):
        await _call(inner, "acme")
        await _call(inner, "globex")
        await _call(inner, "globex")
        text = inner.foundations.instruments.render().decode()

    assert _count(text, "mcp_server_operation_duration_seconds", tenant="acme") == 1
    assert _count(text, "mcp_server_operation_duration_seconds", tenant="globex") == 2
    assert (
        _count(text, "mcp_client_operation_duration_seconds", tenant="globex", backend="two") == 2
    )
    assert _count(text, "portcullis_gateway_overhead_seconds", tenant="acme") == 1


async def test_a_refused_call_names_its_reason_in_the_metrics() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        client = inner.client("acme")
        with pytest.raises(RpcRefused):
            await asyncio.to_thread(client.call_tool, "no-such-tool", {})
        text = inner.foundations.instruments.render().decode()

    name = "portcullis_requests_refused"
    assert _count(text, name, tenant="acme", reason="unknown_tool", suffix="_total") == 1


def _count(text: str, name: str, *, suffix: str = "_count", **labels: str) -> float:
    wanted = (
        labels
        if suffix != "_count" or "mcp" not in name
        else labels | {"mcp_method_name": "tools/call"}
    )
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name + suffix and wanted.items() <= sample.labels.items()
    )
