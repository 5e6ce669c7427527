"""Spans over a real socket into a real OTLP decoder."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from observability.spans import ServedCall, UpstreamCall
from observability.tracing import (
    CallTrace,
    TraceContext,
    Tracer,
    configure_tracing,
    parse_traceparent,
)
from tests.rigs.otlp_sink import CLIENT, ERROR, SERVER, UNSET, OtlpSink

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER_PARENT = "00-11111111111111111111111111111111-2222222222222222-01"
MS = 1_000_000

CALL = ServedCall(
    tenant="acme",
    endpoint="default",
    method="tools/call",
    target="files__read",
    rpc_id="7",
    request_id="req-1",
    session="0123456789abcdef",
    revision="2025-11-25",
    started_ns=10**18,
    ended_ns=10**18 + 5 * MS,
    http_status=200,
)


def upstream(context: TraceContext) -> UpstreamCall:
    return UpstreamCall(
        context=context,
        backend="files",
        method="tools/call",
        target="read",
        rpc_id="1",
        revision="2025-11-25",
        address="127.0.0.1",
        port=9000,
        started_ns=10**18 + MS,
        ended_ns=10**18 + 4 * MS,
    )


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


def tracer_to(sink: OtlpSink, *, ratio: float, dropped: dict[str, int] | None = None) -> Tracer:
    counts = {} if dropped is None else dropped

    def on_dropped(reason: str, how_many: int) -> None:
        counts[reason] = counts.get(reason, 0) + how_many

    return configure_tracing(endpoint=sink.endpoint, ratio=ratio, on_dropped=on_dropped)


def test_both_spans_of_a_call_arrive_with_the_tenant_and_the_ids_that_were_sent_on(
    sink: OtlpSink,
) -> None:
    tracer = tracer_to(sink, ratio=1)
    trace = tracer.start(header_context=parse_traceparent(PARENT, "vendor=1"))
    sent_on = trace.client_context()

    assert tracer.finish(trace, CALL, [upstream(sent_on)])
    assert tracer.shutdown()
    server, client = sink.wait_for(2)

    assert (server.kind, client.kind) == (SERVER, CLIENT)
    assert (server.name, client.name) == ("tools/call files__read", "tools/call read")
    assert server.trace_id == client.trace_id == PARENT[3:35]
    assert server.parent_span_id == PARENT[36:52]
    assert client.parent_span_id == server.span_id
    assert client.span_id == f"{sent_on.span_id:016x}"
    assert sent_on.traceparent == f"00-{client.trace_id}-{client.span_id}-01"
    assert server.trace_state == client.trace_state == sent_on.tracestate == "vendor=1"
    assert (server.status, client.status) == (UNSET, UNSET)
    assert (server.started_ns, server.ended_ns) == (CALL.started_ns, CALL.ended_ns)
    assert server.resource["service.name"] == "portcullis"
    assert server.attributes == {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "files__read",
        "gen_ai.operation.name": "execute_tool",
        "jsonrpc.request.id": "7",
        "mcp.session.id": "0123456789abcdef",
        "mcp.protocol.version": "2025-11-25",
        "network.transport": "tcp",
        "network.protocol.name": "http",
        "http.response.status_code": 200,
        "portcullis.tenant": "acme",
        "portcullis.endpoint": "default",
        "portcullis.request.id": "req-1",
    }
    assert client.attributes["portcullis.tenant"] == "acme"
    assert client.attributes["portcullis.backend"] == "files"
    assert client.attributes["server.port"] == 9000


def test_the_context_in_meta_is_the_parent_and_the_headers_one_a_link(sink: OtlpSink) -> None:
    tracer = tracer_to(sink, ratio=1)
    trace = tracer.start(header_context=parse_traceparent(PARENT))
    trace.adopt(parse_traceparent(OTHER_PARENT))

    tracer.finish(trace, CALL)
    tracer.shutdown()
    (server,) = sink.wait_for(1)

    assert server.trace_id == "1" * 32
    assert server.parent_span_id == "2" * 16
    assert server.links == [(PARENT[3:35], PARENT[36:52])]


def test_a_request_without_context_begins_a_trace(sink: OtlpSink) -> None:
    tracer = tracer_to(sink, ratio=1)
    trace = tracer.start()
    trace.adopt(None)

    tracer.finish(trace, CALL)
    tracer.shutdown()
    (server,) = sink.wait_for(1)

    assert server.parent_span_id == ""
    assert server.trace_id == trace.trace_id_hex


def test_a_clients_sampled_flag_is_not_obeyed(sink: OtlpSink) -> None:
    tracer = tracer_to(sink, ratio=0)
    trace = tracer.start(meta_context=parse_traceparent(PARENT))

    assert trace.client_context().traceparent.endswith("-00")
    assert not tracer.finish(trace, CALL)
    assert tracer.shutdown()
    assert sink.spans == []


@pytest.mark.parametrize(
    "served",
    [
        replace(CALL, rpc_code=-31001, error_type="-31001"),
        replace(CALL, error_type="tool_error"),
        replace(CALL, http_status=500, error_type="internal_error"),
    ],
)
def test_a_failed_call_is_recorded_though_it_was_not_sampled(
    sink: OtlpSink, served: ServedCall
) -> None:
    tracer = tracer_to(sink, ratio=0)
    trace = tracer.start()
    context = trace.client_context()

    assert tracer.finish(trace, served, [upstream(context)])
    tracer.shutdown()
    server, client = sink.wait_for(2)

    assert server.status == ERROR
    assert server.attributes["error.type"] == served.error_type
    assert client.span_id == f"{context.span_id:016x}"


def test_a_slow_call_is_recorded_though_it_was_not_sampled(sink: OtlpSink) -> None:
    tracer = tracer_to(sink, ratio=0)

    assert tracer.finish(tracer.start(), replace(CALL, ended_ns=CALL.started_ns + 2000 * MS))
    tracer.shutdown()
    (server,) = sink.wait_for(1)

    assert server.status == UNSET


def test_a_failed_exchange_behind_us_is_recorded_though_the_call_went_well(sink: OtlpSink) -> None:
    tracer = tracer_to(sink, ratio=0)
    trace = tracer.start()
    failed = replace(upstream(trace.client_context()), rpc_code=-32602, error_type="-32602")

    assert tracer.finish(trace, CALL, [failed])
    tracer.shutdown()
    server, client = sink.wait_for(2)

    assert (server.status, client.status) == (UNSET, ERROR)


@pytest.mark.parametrize("code", [-32700, -32600, -32601, -32602, -32002])
def test_a_callers_fault_leaves_the_server_spans_status_unset(sink: OtlpSink, code: int) -> None:
    tracer = tracer_to(sink, ratio=1)

    tracer.finish(tracer.start(), replace(CALL, rpc_code=code, error_type=str(code)))
    tracer.shutdown()
    (server,) = sink.wait_for(1)

    assert server.status == UNSET
    assert server.attributes["error.type"] == str(code)
    assert server.attributes["rpc.response.status_code"] == str(code)


def test_a_refused_token_is_no_error_of_ours(sink: OtlpSink) -> None:
    tracer = tracer_to(sink, ratio=0)
    refused = replace(CALL, http_status=401, error_type="invalid_token")

    assert not tracer.finish(tracer.start(), refused)
    tracer.shutdown()


def test_what_a_client_sends_is_redacted_and_cut_in_a_span(sink: OtlpSink) -> None:
    tracer = tracer_to(sink, ratio=1)
    served = replace(
        CALL,
        method="made/up",
        target="",
        rpc_id="Bearer hunter2hunter2",
        resource_uri="https://u:hunter2@host/doc?key=hunter2",
        request_id="x" * 10_000 + "\ud800",
        endpoint="\ud800",
    )

    tracer.finish(tracer.start(), served)
    tracer.shutdown()
    (server,) = sink.wait_for(1)

    assert server.name == "_OTHER"
    assert server.attributes["mcp.method.name"] == "_OTHER"
    assert server.attributes["mcp.resource.uri"] == "https://host/doc"
    assert len(server.attributes["portcullis.request.id"]) == 256
    assert not any(b"hunter2" in body for body in sink.raw)


def test_a_full_queue_drops_and_counts_and_does_not_wait() -> None:
    dropped: dict[str, int] = {}
    with OtlpSink(stall=threading.Event()) as sink:
        tracer = tracer_to(sink, ratio=1, dropped=dropped)
        for _ in range(3000):
            tracer.finish(tracer.start(), CALL)
        assert sink.stall is not None
        sink.stall.set()
        assert tracer.shutdown()
        arrived = len(sink.spans)

    assert 0 < dropped["queue_full"] <= 3000 - 2048
    assert arrived + dropped["queue_full"] == 3000


def test_a_dead_collector_delays_the_shutdown_no_longer_than_its_bound(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dropped: dict[str, int] = {}
    with OtlpSink(status=503) as sink, caplog.at_level(logging.CRITICAL):
        tracer = tracer_to(sink, ratio=1, dropped=dropped)
        tracer.finish(tracer.start(), CALL)

        assert not tracer.shutdown(timeout_s=0.2) or dropped == {"export_failed": 1}
        assert sink.spans == []

        tracer.finish(tracer.start(), CALL)

        assert dropped["shut_down"] == 1


def test_without_an_endpoint_nothing_is_kept() -> None:
    tracer = configure_tracing(endpoint=None, ratio=1, on_dropped=lambda _reason, _n: None)

    assert not tracer.finish(tracer.start(), CALL)
    assert tracer.shutdown()


def test_starting_a_trace_builds_nothing_of_the_sdk() -> None:
    tracer = configure_tracing(endpoint=None, ratio=0, on_dropped=lambda _reason, _n: None)

    trace = tracer.start()

    assert isinstance(trace, CallTrace)
    assert trace.trace_id > 0
    assert trace.server_span_id > 0
