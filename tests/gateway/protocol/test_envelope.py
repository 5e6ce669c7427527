import base64
import json

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.errors import (
    GatewayError,
    HeaderMismatch,
    InvalidParams,
    UnknownMethod,
    UnsupportedProtocolVersion,
)
from gateway.protocol.envelope import (
    CAPABILITIES_KEY,
    CLIENT_INFO_KEY,
    LOG_LEVEL_KEY,
    REVISION_KEY,
    check_modern_notification,
    climb,
    is_modern,
    read_envelope,
    read_request_meta,
)
from gateway.protocol.messages import Message, Notification, Request, Response
from gateway.protocol.revisions import LEGACY, SERVED

MODERN = "2026-07-28"
META = {REVISION_KEY: MODERN, CAPABILITIES_KEY: {}}
HEADERS = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "echo"}


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def call(meta: object = META, method: str = "tools/call", **params: object) -> Request:
    members = {"name": "echo", "_meta": meta} | params
    return Request(b"1", method, {name: raw(value) for name, value in members.items()})


def headers(**changes: str | None) -> CIMultiDictProxy[str]:
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    given = CIMultiDict(HEADERS)
    for name, value in named.items():
        given.pop(name, None)
        if value is not None:
            given[name] = value
    return CIMultiDictProxy(given)


def refusal_of(request: Request, given: CIMultiDictProxy[str]) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        climb(request, given)
    return caught.value


def test_a_modern_request_climbs_the_ladder() -> None:
    meta = META | {
        CLIENT_INFO_KEY: {"name": "a"},
        LOG_LEVEL_KEY: "info",
        "progressToken": 7,
        "traceparent": "00-x",
        "tracestate": "a=b",
        "vendor/x": [1.0],
    }

    envelope = climb(call(meta), headers())

    assert envelope.revision == MODERN
    assert envelope.client_capabilities == b"{}"
    assert envelope.client_info == b'{"name": "a"}'
    assert envelope.log_level == "info"
    assert envelope.progress_token == b"7"
    assert (envelope.traceparent, envelope.tracestate) == ("00-x", "a=b")
    assert envelope.meta["vendor/x"] == b"[1.0]"


def test_what_is_optional_may_be_absent() -> None:
    envelope = climb(call(), headers())

    assert envelope.client_info is None
    assert envelope.log_level is None
    assert envelope.progress_token is None
    assert envelope.traceparent is None


@pytest.mark.parametrize(
    "meta",
    [
        {},
        None,
        [],
        "x",
        {REVISION_KEY: MODERN},
        {CAPABILITIES_KEY: {}},
        META | {REVISION_KEY: 5},
        META | {REVISION_KEY: None},
        META | {CAPABILITIES_KEY: []},
        META | {CAPABILITIES_KEY: None},
        META | {CLIENT_INFO_KEY: "x"},
        META | {LOG_LEVEL_KEY: "loud"},
        META | {LOG_LEVEL_KEY: None},
        META | {"progressToken": 1.5},
        META | {"progressToken": {}},
        META | {"progressToken": None},
    ],
    ids=str,
)
def test_a_bad_envelope_is_invalid_params_whatever_the_headers_say(meta: object) -> None:
    assert isinstance(refusal_of(call(meta), headers(Mcp_Method=None)), InvalidParams)


def test_a_request_without_params_has_no_envelope() -> None:
    with pytest.raises(InvalidParams):
        read_envelope(Request(b"1", "tools/list"))


@pytest.mark.parametrize(
    "changes",
    [
        {"MCP_Protocol_Version": None},
        {"MCP_Protocol_Version": "2025-11-25"},
        {"MCP_Protocol_Version": "2027-01-01"},
        {"MCP_Protocol_Version": ""},
    ],
    ids=str,
)
def test_j14_a_version_header_that_is_missing_or_other_is_a_mismatch(
    changes: dict[str, str | None],
) -> None:
    assert isinstance(refusal_of(call(), headers(**changes)), HeaderMismatch)


@pytest.mark.parametrize("version", ["2027-01-01", "2025-11-25", "zzz", ""])
def test_j14_a_version_that_is_not_served_names_those_that_are(version: str) -> None:
    refusal = refusal_of(
        call(META | {REVISION_KEY: version}), headers(MCP_Protocol_Version=version)
    )

    assert isinstance(refusal, UnsupportedProtocolVersion)
    assert (refusal.requested, refusal.supported) == (version, SERVED)


@pytest.mark.parametrize(
    "changes",
    [
        {"Mcp_Method": None},
        {"Mcp_Method": "tools/list"},
        {"Mcp_Method": "Tools/Call"},
        {"Mcp_Name": None},
        {"Mcp_Name": "list"},
        {"Mcp_Name": "Echo"},
        {"Mcp_Name": ""},
        {"Mcp_Name": "=?base64?ZWNobw?="},
        {"Mcp_Name": "=?BASE64?ZWNobw==?="},
    ],
    ids=str,
)
def test_j15_a_mirrored_header_that_is_missing_or_other_is_a_mismatch(
    changes: dict[str, str | None],
) -> None:
    assert isinstance(refusal_of(call(), headers(**changes)), HeaderMismatch)


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("second", ["same", "other"])
def test_j15_a_routing_header_that_is_given_twice_is_a_mismatch(name: str, second: str) -> None:
    given = CIMultiDict(HEADERS)
    given.add(name.upper(), HEADERS[name] if second == "same" else second)

    assert isinstance(refusal_of(call(), CIMultiDictProxy(given)), HeaderMismatch)


def test_j15_a_name_header_without_a_name_in_the_body_is_a_mismatch() -> None:
    nameless = Request(b"1", "tools/call", {"_meta": raw(META)})

    assert isinstance(refusal_of(nameless, headers()), HeaderMismatch)
    assert isinstance(refusal_of(call(name=5), headers(Mcp_Name="5")), HeaderMismatch)
    assert climb(nameless, headers(Mcp_Name=None)).revision == MODERN


@pytest.mark.parametrize("name", ["é", " a", "a\r\nX: y", "=?base64?YQ==?=", "=?base64??="])
def test_h27_a_name_that_no_header_can_hold_is_compared_by_its_base64_form(name: str) -> None:
    sentinel = f"=?base64?{base64.b64encode(name.encode()).decode()}?="

    assert climb(call(name=name), headers(Mcp_Name=sentinel)).revision == MODERN
    # HTTP trims what surrounds a value, so that this is what a plain one would arrive as.
    plain = headers(Mcp_Name=name.strip())
    assert isinstance(refusal_of(call(name=name), plain), HeaderMismatch)


def test_the_uri_of_a_resource_is_mirrored() -> None:
    request = call(method="resources/read", uri="file:///a")

    climb(request, headers(Mcp_Method="resources/read", Mcp_Name="file:///a"))
    assert isinstance(
        refusal_of(request, headers(Mcp_Method="resources/read", Mcp_Name="echo")), HeaderMismatch
    )


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "echo", "tasks/list"])
def test_a_method_that_the_modern_era_does_not_have_is_unknown(method: str) -> None:
    refusal = refusal_of(call(method=method), headers(Mcp_Method=method, Mcp_Name=None))

    assert isinstance(refusal, UnknownMethod)


@pytest.mark.parametrize(
    ("message", "header", "expected"),
    [
        (call(), MODERN, True),
        (call(), None, True),
        (call(), "2025-11-25", True),
        (call({}), MODERN, True),
        (call({}), "2027-01-01", True),
        (call({}), "zzz", True),
        (call({}), None, False),
        (call({}), "2025-11-25", False),
        (call("x"), None, False),
        (Request(b"1", "tools/list"), None, False),
        (Request(b"1", "server/discover"), None, False),
        (Request(b"1", "initialize"), None, False),
        (Request(b"1", "initialize"), "2025-06-18", False),
        (Request(b"1", "initialize"), "2099-01-01", False),
        (Request(b"1", "initialize"), MODERN, True),
        (call(method="initialize"), None, True),
        (Notification("notifications/initialized"), "2025-11-25", False),
        (Notification("notifications/cancelled"), MODERN, True),
        (Response(b"1", b"{}"), "2025-11-25", False),
        (Response(b"1", b"{}"), None, False),
        (Response(b"1", b"{}"), MODERN, True),
    ],
)
def test_the_era_is_known_from_one_message_and_its_version_header(
    message: Message, header: str | None, *, expected: bool
) -> None:
    assert is_modern(message, header) is expected


@pytest.mark.parametrize("revision", LEGACY)
def test_j14_a_modern_envelope_is_never_sniffed_to_the_weaker_era(revision: str) -> None:
    escaped = Request(
        b"1", "x", {"_meta": b'{"io.modelcontextprotocol\\/protocolVersion":"2026-07-28"}'}
    )

    assert is_modern(escaped, revision)
    assert is_modern(call(META | {REVISION_KEY: revision}), None)


def test_the_meta_of_a_legacy_request_needs_nothing() -> None:
    assert read_request_meta(Request(b"1", "ping")).members == {}

    meta = read_request_meta(call({"progressToken": "t", "traceparent": "00-x", "y": {}}))

    assert (meta.progress_token, meta.traceparent, meta.tracestate) == (b'"t"', "00-x", None)
    assert meta.members["y"] == b"{}"
    with pytest.raises(InvalidParams):
        read_request_meta(call([]))


@pytest.mark.parametrize("value", [5, None, {}, "x" * 100_000])
def test_j30_a_malformed_trace_member_is_as_none(value: object) -> None:
    envelope = read_envelope(call(META | {"traceparent": value, "tracestate": value}))

    assert (envelope.traceparent, envelope.tracestate) == (None, None)


def test_a_modern_notification_need_not_mirror_its_method() -> None:
    # The TypeScript client 2.4 ends a subscription with such a one.
    given = headers(Mcp_Method=None)

    check_modern_notification(given, Notification("notifications/cancelled"))


def test_a_modern_notification_is_judged_by_its_headers() -> None:
    cancelled = Notification("notifications/cancelled", {"requestId": b"1"})
    good = headers(Mcp_Method="notifications/cancelled")

    check_modern_notification(good, cancelled)
    with pytest.raises(HeaderMismatch):
        check_modern_notification(headers(Mcp_Method="tools/call"), cancelled)
    with pytest.raises(HeaderMismatch):
        check_modern_notification(
            headers(Mcp_Method="notifications/cancelled", MCP_Protocol_Version=None), cancelled
        )
    with pytest.raises(HeaderMismatch):
        check_modern_notification(
            headers(Mcp_Method="notifications/cancelled", MCP_Protocol_Version="2027-01-01"),
            Notification("notifications/cancelled", {"_meta": raw(META)}),
        )
    with pytest.raises(UnsupportedProtocolVersion):
        check_modern_notification(
            headers(Mcp_Method="notifications/cancelled", MCP_Protocol_Version="2027-01-01"),
            cancelled,
        )
