import json

from gateway.protocol.raw_json import read_object
from gateway.protocol.upstream_meta import legacy_meta, modern_meta, with_meta

CLIENT_META = {
    "io.modelcontextprotocol/protocolVersion": b'"2026-07-28"',
    "io.modelcontextprotocol/clientCapabilities": b'{"sampling":{}}',
    "io.modelcontextprotocol/clientInfo": b'{"name":"secret-client"}',
    "io.modelcontextprotocol/logLevel": b'"info"',
    "progressToken": b"7",
    "traceparent": b'"00-client"',
    "tracestate": b'"client=1"',
    "baggage": b'"user=alice"',
    "vendor.example/x": b"[1.0, 1e2]",
}


def test_a_modern_backend_sees_the_gateway_and_what_nobody_knows_verbatim() -> None:
    meta = modern_meta(
        CLIENT_META,
        revision="2026-07-28",
        capabilities=b"{}",
        identity=b'{"name":"portcullis"}',
        traceparent="00-gateway",
        tracestate="gateway=1",
    )

    assert read_object(meta) == {
        "io.modelcontextprotocol/protocolVersion": b'"2026-07-28"',
        "io.modelcontextprotocol/clientCapabilities": b"{}",
        "io.modelcontextprotocol/clientInfo": b'{"name":"portcullis"}',
        "io.modelcontextprotocol/logLevel": b'"info"',
        "progressToken": b"7",
        "vendor.example/x": b"[1.0, 1e2]",
        "traceparent": b'"00-gateway"',
        "tracestate": b'"gateway=1"',
    }


def test_j30_the_clients_trace_and_baggage_end_here_also_without_tracing() -> None:
    meta = modern_meta(CLIENT_META, revision="2026-07-28", capabilities=b"{}", identity=b"{}")

    assert not {"traceparent", "tracestate", "baggage"} & set(json.loads(meta))


def test_a_call_of_the_gateways_own_has_an_envelope_too() -> None:
    meta = modern_meta({}, revision="2026-07-28", capabilities=b"{}", identity=b"{}")

    assert set(json.loads(meta)) == {
        "io.modelcontextprotocol/protocolVersion",
        "io.modelcontextprotocol/clientCapabilities",
        "io.modelcontextprotocol/clientInfo",
    }


def test_a_legacy_backend_gets_what_the_client_said_and_the_gateways_trace() -> None:
    client_meta = {"progressToken": b"7", "x": b"[1.0]", "traceparent": b'"00-c"', "baggage": b"1"}

    assert legacy_meta(client_meta) == b'{"progressToken":7,"x":[1.0]}'
    assert (
        legacy_meta(client_meta, traceparent="00-g")
        == b'{"progressToken":7,"x":[1.0],"traceparent":"00-g"}'
    )


def test_nothing_to_say_is_no_meta() -> None:
    assert legacy_meta({"baggage": b"1"}) is None
    assert with_meta({"name": b'"x"', "_meta": b"{}"}, None) == {"name": b'"x"'}
    assert with_meta(None, b"{}") == {"_meta": b"{}"}
