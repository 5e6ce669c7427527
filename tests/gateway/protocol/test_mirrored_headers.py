import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared import inbound
from multidict import CIMultiDict

from gateway.errors import HeaderMismatch
from gateway.protocol.mirrored_headers import (
    check_param_headers,
    decode_value,
    encode_value,
    upstream_headers,
)
from gateway.protocol.param_headers import ParamHeader, find_param_headers

MODERN = "2026-07-28"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "x-mcp-header": "City"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
        "deep": {
            "type": "object",
            "properties": {"id": {"type": "string", "x-mcp-header": "Deep"}},
        },
        "plain": {"type": "string"},
    },
}
FIELDS = find_param_headers(SCHEMA).fields


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def check(given_headers: dict[str, str], arguments: object) -> None:
    check_param_headers(CIMultiDict(given_headers), FIELDS, raw(arguments))


@given(TEXT)
def test_a_header_value_is_safe_and_gives_the_text_back(text: str) -> None:
    value = encode_value(text)

    assert all(" " <= character <= "~" for character in value)
    assert value == value.strip()
    assert decode_value(value) == text


@given(TEXT | TEXT.map(lambda text: f"=?base64?{text}?="))
def test_values_are_written_and_read_as_the_official_library_does(text: str) -> None:
    assert encode_value(text) == inbound.encode_header_value(text)
    if text.isascii() and text.isprintable():
        assert decode_value(text) == inbound.decode_header_value(text)


@pytest.mark.parametrize(
    "value",
    [
        "=?base64?YQ=?=",
        "=?base64?YR==?=",
        "=?base64?YQ==YQ==?=",
        "=?base64?/w==?=",
        "=?base64?Y Q==?=",
        "=?base64?é?=",
        "é",
        "a\x00",
        "a\r\nb",
        "\udce9",
    ],
)
def test_a_malformed_value_stands_for_nothing(value: str) -> None:
    assert decode_value(value) is None


def test_a_sentinel_of_another_case_is_plain_text() -> None:
    assert decode_value("=?BASE64?YQ==?=") == "=?BASE64?YQ==?="


def test_the_headers_of_a_modern_request_come_from_its_params() -> None:
    params = {
        "name": raw("weather"),
        "arguments": raw(
            {"city": "Zürich", "count": 3.0, "dry": False, "deep": {"id": "x"}, "plain": "p"}
        ),
    }

    headers = dict(upstream_headers("tools/call", params, MODERN, FIELDS))

    assert headers == {
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "weather",
        "Mcp-Param-City": "=?base64?WsO8cmljaA==?=",
        "Mcp-Param-Count": "3",
        "Mcp-Param-Dry-Run": "false",
        "Mcp-Param-Deep": "x",
    }


@pytest.mark.parametrize(
    "arguments", [None, {}, {"city": None}, {"city": ["x"]}, {"deep": "x"}, {"deep": {}}, []]
)
def test_an_argument_without_a_spelling_has_no_header(arguments: object) -> None:
    params = {"name": raw("weather"), "arguments": raw(arguments)}

    headers = upstream_headers("tools/call", params, MODERN, FIELDS)

    assert [name for name, _ in headers if name.startswith("Mcp-Param-")] == []


def test_methods_without_a_mirrored_parameter_have_no_name_header() -> None:
    assert upstream_headers("tools/list", {"name": b'"x"'}, MODERN) == [
        ("MCP-Protocol-Version", MODERN),
        ("Mcp-Method", "tools/list"),
    ]
    assert ("Mcp-Name", "a://b") in upstream_headers("resources/read", {"uri": b'"a://b"'}, MODERN)


def test_a_legacy_backend_gets_the_version_header_since_there_is_one() -> None:
    assert upstream_headers("tools/call", {"name": b'"x"'}, "2025-06-18") == [
        ("MCP-Protocol-Version", "2025-06-18")
    ]
    assert upstream_headers("tools/call", None, "2025-03-26") == []


@given(
    st.dictionaries(
        st.sampled_from(["city", "count", "dry", "plain"]),
        st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT, max_size=1),
    )
)
def test_what_the_gateway_writes_passes_its_own_check_and_the_official_one(
    arguments: dict[str, Any],
) -> None:
    headers = upstream_headers("tools/call", {"arguments": raw(arguments)}, MODERN, FIELDS)

    check_param_headers(CIMultiDict(headers), FIELDS, raw(arguments))
    assert inbound.validate_mcp_param_headers(SCHEMA, arguments, dict(headers)) is None


@pytest.mark.parametrize(
    ("headers", "arguments"),
    [
        ({}, {"city": "Bern"}),
        ({"Mcp-Param-City": "Basel"}, {"city": "Bern"}),
        ({"Mcp-Param-City": "bern"}, {"city": "Bern"}),
        ({"Mcp-Param-City": "Bern"}, {}),
        ({"Mcp-Param-City": "null"}, {"city": None}),
        ({"Mcp-Param-City": "['a']"}, {"city": ["a"]}),
        ({"Mcp-Param-City": "a\r\nX-Evil: 1"}, {"city": "a\r\nX-Evil: 1"}),
        ({"Mcp-Param-City": "=?base64?QmVybg?="}, {"city": "Bern"}),
        ({"Mcp-Param-Count": "43"}, {"count": 42}),
        ({"Mcp-Param-Count": "42.5"}, {"count": 42}),
        ({"Mcp-Param-Count": "4.2e1"}, {"count": 42}),
        ({"Mcp-Param-Count": "0x2a"}, {"count": 42}),
        ({"Mcp-Param-Count": "\u0664\u0662"}, {"count": 42}),
        ({"Mcp-Param-Count": "1"}, {"count": True}),
        ({"Mcp-Param-Dry-Run": "True"}, {"dry": True}),
        ({"Mcp-Param-Dry-Run": "1"}, {"dry": True}),
        ({"Mcp-Param-City": "42.0"}, {"city": "42"}),
        ({"Mcp-Param-Deep": "y"}, {"deep": {"id": "x"}}),
    ],
    ids=str,
)
def test_j17_a_parameter_header_that_is_not_its_argument_is_a_mismatch(
    headers: dict[str, str], arguments: object
) -> None:
    with pytest.raises(HeaderMismatch):
        check(headers, arguments)


@pytest.mark.parametrize(
    ("headers", "arguments"),
    [
        ({}, {}),
        ({}, {"city": None}),
        ({}, {"city": ["a"], "plain": "x"}),
        ({"Mcp-Param-Unknown": "x"}, {}),
        ({"mcp-param-city": "Bern"}, {"city": "Bern"}),
        ({"Mcp-Param-City": "=?base64?QmVybg==?="}, {"city": "Bern"}),
        ({"Mcp-Param-Count": "42.0"}, {"count": 42}),
        ({"Mcp-Param-Count": "42"}, {"count": 42.0}),
        ({"Mcp-Param-Count": "042"}, {"count": 42}),
        ({"Mcp-Param-Dry-Run": "true"}, {"dry": True}),
        ({"Mcp-Param-Deep": "x"}, {"deep": {"id": "x"}}),
    ],
    ids=str,
)
def test_j17_a_parameter_header_that_is_its_argument_passes(
    headers: dict[str, str], arguments: object
) -> None:
    check(headers, arguments)


def test_j17_a_parameter_header_that_is_given_twice_is_a_mismatch() -> None:
    twice = CIMultiDict([("Mcp-Param-City", "Bern"), ("mcp-param-city", "Bern")])

    with pytest.raises(HeaderMismatch):
        check_param_headers(twice, FIELDS, raw({"city": "Bern"}))


def test_a_tool_without_annotations_costs_no_look_at_its_arguments() -> None:
    check_param_headers(CIMultiDict({"Mcp-Param-X": "1"}), (), b"not even read")


def test_absent_arguments_are_none() -> None:
    check_param_headers(CIMultiDict[str](), FIELDS, None)


def test_the_annotated_arguments_of_a_schema_are_found() -> None:
    assert (
        ParamHeader("Mcp-Param-City", ("city",), "string"),
        ParamHeader("Mcp-Param-Count", ("count",), "integer"),
        ParamHeader("Mcp-Param-Deep", ("deep", "id"), "string"),
        ParamHeader("Mcp-Param-Dry-Run", ("dry",), "boolean"),
    ) == FIELDS


def annotated(name: object = "A", kind: object = "string") -> dict[str, object]:
    return {"type": kind, "x-mcp-header": name}


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": annotated("")}},
        {"properties": {"a": annotated("a b")}},
        {"properties": {"a": annotated("a\r\nb")}},
        {"properties": {"a": annotated("é")}},
        {"properties": {"a": annotated(5)}},
        {"properties": {"a": annotated(None)}},
        {"properties": {"a": annotated(kind="number")}},
        {"properties": {"a": annotated(kind="array")}},
        {"properties": {"a": annotated(kind="object")}},
        {"properties": {"a": annotated(kind=["string", "null"])}},
        {"properties": {"a": {"x-mcp-header": "A"}}},
        {"properties": {"a": annotated("Same"), "b": annotated("sAME")}},
        annotated(),
        {"properties": {"a": {"items": annotated()}}},
        {"properties": {"a": {"items": {"properties": {"b": annotated()}}}}},
        {"allOf": [{"properties": {"a": annotated()}}]},
        {"$defs": {"x": annotated()}},
        {"if": {"properties": {"a": annotated()}}},
        {"patternProperties": {".*": annotated()}},
    ],
    ids=str,
)
def test_a_schema_that_breaks_a_rule_has_a_fault_and_no_fields(schema: dict[str, Any]) -> None:
    found = find_param_headers(schema)

    assert found.fault
    assert found.fields == ()
    assert inbound.find_invalid_x_mcp_header(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        None,
        True,
        [],
        {"properties": {"x-mcp-header": {"type": "string"}}},
        {"properties": {"a": {"default": annotated(5), "enum": [annotated(5)]}}},
        {"properties": {"a": {"$ref": "https://example.com/schema"}}},
        {"properties": []},
        {"allOf": {}, "items": 5, "$defs": []},
    ],
    ids=str,
)
def test_what_only_looks_like_an_annotation_is_none(schema: Any) -> None:
    found = find_param_headers(schema)

    assert found.fault is None
    assert found.fields == ()
