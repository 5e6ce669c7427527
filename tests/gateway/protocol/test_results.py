import json

import pytest

from gateway.errors import InvalidRequest
from gateway.protocol.methods import CACHEABLE, CLIENT_REQUESTS
from gateway.protocol.results import (
    merge_members,
    read_result_type,
    read_tool_result_is_error,
    stamp,
)

SERVER_INFO_KEY = "io.modelcontextprotocol/serverInfo"
GATEWAY = b'{"name":"portcullis"}'


def stamped(result: bytes, method: str = "tools/list") -> dict[str, object]:
    value = json.loads(stamp(result, method=method, server_info=GATEWAY))
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("method", sorted(CLIENT_REQUESTS["2026-07-28"]))
def test_every_modern_result_says_what_it_is_and_who_answered(method: str) -> None:
    result = stamped(b'{"x":1}', method)

    assert result["resultType"] == "complete"
    assert result["_meta"] == {SERVER_INFO_KEY: {"name": "portcullis"}}
    assert ("ttlMs" in result) == ("cacheScope" in result) == (method in CACHEABLE)


def test_members_that_are_not_changed_stay_the_bytes_that_came() -> None:
    result = b'{"structuredContent":{"n": 1.0, "e":1e2},"_meta":{"v/x":[ 1 ]}}'

    assert stamp(result, method="tools/call", server_info=GATEWAY) == (
        b'{"structuredContent":{"n": 1.0, "e":1e2},'
        b'"_meta":{"v/x":[ 1 ],"io.modelcontextprotocol/serverInfo":{"name":"portcullis"}},'
        b'"resultType":"complete"}'
    )


def test_the_gateway_answers_in_the_place_of_its_backend() -> None:
    result = stamped(raw_with_meta({SERVER_INFO_KEY: {"name": "internal"}, "x": 1}))

    assert result["_meta"] == {SERVER_INFO_KEY: {"name": "portcullis"}, "x": 1}


def raw_with_meta(meta: dict[str, object]) -> bytes:
    return json.dumps({"tools": [], "_meta": meta}).encode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0", 0),
        ("1000", 1000),
        ("300000", 300_000),
        ("300001", 300_000),
        ("1" + "0" * 300, 300_000),
        ("-1", 0),
        ("1.5", 0),
        ("true", 0),
        ('"60000"', 0),
        ("null", 0),
    ],
)
def test_j29_the_time_to_live_is_clamped_and_the_scope_is_private(
    given: str, expected: int
) -> None:
    result = stamped(f'{{"tools":[],"ttlMs":{given},"cacheScope":"public"}}'.encode())

    assert result["ttlMs"] == expected
    assert result["cacheScope"] == "private"


def test_a_result_without_caching_members_is_not_to_be_kept() -> None:
    result = stamped(b'{"tools":[]}')

    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


@pytest.mark.parametrize("result", [b"[]", b"1", b'{"_meta":[]}', b'{"_meta":null}'])
def test_a_result_of_the_wrong_shape_is_refused(result: bytes) -> None:
    with pytest.raises(InvalidRequest):
        stamp(result, method="tools/call", server_info=GATEWAY)


def test_members_are_replaced_in_place_or_added_at_the_end() -> None:
    merged = merge_members(b'{"a":[ 1],"b":2}', {"a": b"0", "c": b"{}"})

    assert merged == b'{"a":0,"b":2,"c":{}}'


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (b"{}", "complete"),
        (b'{"resultType":"complete"}', "complete"),
        (b'{"resultType":"input_required"}', "input_required"),
        (b'{"resultType":"task"}', "task"),
        (b'{"resultType":""}', ""),
    ],
)
def test_a_result_says_of_what_type_it_is_or_is_complete(result: bytes, kind: str) -> None:
    assert read_result_type(result) == kind


@pytest.mark.parametrize("result", [b'{"resultType":null}', b'{"resultType":5}', b"[]"])
def test_a_type_that_is_no_string_is_refused(result: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_result_type(result)


def test_what_answers_a_retry_is_not_to_be_kept() -> None:
    result = stamp(
        b'{"contents":[],"ttlMs":60000}',
        method="resources/read",
        server_info=GATEWAY,
        may_be_cached=False,
    )

    assert b'"ttlMs":0' in result


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (b'{"content":[],"isError":true}', True),
        (b'{"content":[],"isErr\\u006fr":true}', True),
        (b'{"content":[],"isError":false}', False),
        (b'{"content":[]}', False),
        (b'{"content":[{"isError":true}]}', False),
        (b'{"isError":"true"}', False),
        (b"[]", False),
    ],
)
def test_a_failed_tool_is_noticed(result: bytes, *, expected: bool) -> None:
    assert read_tool_result_is_error(result) is expected
