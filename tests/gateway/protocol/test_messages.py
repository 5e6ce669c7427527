import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidParams, InvalidRequest, MalformedMessage, ParseError
from gateway.protocol.messages import (
    Notification,
    Request,
    Response,
    RpcError,
    read_message,
    string_param,
    write_error,
    write_notification,
    write_request,
    write_result,
)

CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "echo"}}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PARAMS = st.dictionaries(TEXT, st.integers() | TEXT | st.lists(TEXT) | st.dictionaries(TEXT, TEXT))


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def refusal_of(body: bytes) -> MalformedMessage:
    with pytest.raises(MalformedMessage) as caught:
        read_message(body)
    return caught.value


def test_params_are_the_very_bytes_that_came() -> None:
    body = (
        b'{"jsonrpc":"2.0", "id" : "\\u0061" ,"method":"x","params":{"a" : [1.0,  1e2], "b":"\\/"}}'
    )

    message = read_message(body)

    assert message == Request(b'"\\u0061"', "x", {"a": b"[1.0,  1e2]", "b": b'"\\/"'})


def test_members_that_json_rpc_does_not_name_are_tolerated_and_not_kept() -> None:
    message = read_message(raw({**CALL, "sessionId": "x", "_meta": {}}))

    assert message == Request(b"7", "tools/call", {"name": b'"echo"'})


@given(st.integers(-(2**200), 2**200) | TEXT.filter(bool), PARAMS)
def test_a_written_request_reads_as_it_was_written(
    request_id: int | str, params: dict[str, object]
) -> None:
    members = {name: raw(value) for name, value in params.items()}

    message = read_message(write_request(request_id, "tools/call", members))

    assert isinstance(message, Request)
    assert json.loads(message.id) == request_id
    assert message.params == members


@given(PARAMS)
def test_a_written_notification_reads_as_it_was_written(params: dict[str, object]) -> None:
    members = {name: raw(value) for name, value in params.items()}

    message = read_message(write_notification("notifications/progress", members))

    assert message == Notification("notifications/progress", members)


def test_absent_params_are_not_written() -> None:
    assert write_request(1, "ping") == b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    assert read_message(write_request(1, "ping")) == Request(b"1", "ping", None)


def test_answers_read_as_they_were_written() -> None:
    result = read_message(write_result(b'"a"', b'{"x":[ ]}'))
    error = read_message(write_error(b"1", -32602, 'say "no"', b'{"reason":"x"}'))
    unread = read_message(write_error(None, -32700, "Parse error"))

    assert result == Response(b'"a"', b'{"x":[ ]}')
    assert error == Response(b"1", None, RpcError(-32602, 'say "no"', b'{"reason":"x"}'))
    assert unread == Response(None, None, RpcError(-32700, "Parse error"))


@pytest.mark.parametrize("body", [b"[]", b"[1]", raw([CALL]), raw([CALL] * 10_000)])
def test_j08_an_array_is_refused(body: bytes) -> None:
    assert isinstance(refusal_of(body), InvalidRequest)


@pytest.mark.parametrize("body", [b"1", b'"x"', b"null", b"true", b"{}"])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    assert isinstance(refusal_of(body), InvalidRequest)


@pytest.mark.parametrize(
    "bad_id", [None, True, False, [], [1], {}, "", 1.5, 1.0, "x" * 257, 10**300]
)
def test_j09_an_id_that_is_none_is_refused(bad_id: object) -> None:
    refusal = refusal_of(raw({**CALL, "id": bad_id}))

    assert isinstance(refusal, InvalidRequest)
    assert refusal.request_id is None


@pytest.mark.parametrize("good_id", [0, -1, 1, 2**63, "a", "0", "é", "x" * 250])
def test_j09_strings_and_integers_are_ids(good_id: object) -> None:
    message = read_message(raw({**CALL, "id": good_id}))

    assert isinstance(message, Request)
    assert json.loads(message.id) == good_id


def test_j09_a_request_needs_an_id_and_a_notification_has_none() -> None:
    without = {name: value for name, value in CALL.items() if name != "id"}
    with_id = {"jsonrpc": "2.0", "id": 1, "method": "notifications/initialized"}

    assert isinstance(refusal_of(raw(without)), InvalidRequest)
    assert isinstance(refusal_of(raw(with_id)), InvalidRequest)
    assert read_message(b'{"jsonrpc":"2.0","method":"notifications/x"}') == Notification(
        "notifications/x"
    )


@pytest.mark.parametrize("version", ["1.0", "2", 2, 2.0, None, "2.0 ", ["2.0"]])
def test_j12_another_json_rpc_version_is_refused_with_the_id(version: object) -> None:
    assert refusal_of(raw({**CALL, "jsonrpc": version})).request_id == b"7"


def test_j12_a_missing_json_rpc_version_is_refused() -> None:
    assert refusal_of(raw({"id": 7, "method": "ping"})).request_id == b"7"


@pytest.mark.parametrize(
    "method",
    [1, None, "", "x" * 257, "a" * 10_000, "tools/call\n", "tools call", "a\u0000", "é", ["ping"]],
)
def test_j12_a_method_that_is_no_name_is_refused_with_the_id(method: object) -> None:
    refusal = refusal_of(raw({**CALL, "method": method}))

    assert isinstance(refusal, InvalidRequest)
    assert refusal.request_id == b"7"


@pytest.mark.parametrize("method", ["rpc.x", "vendor/x.y-z_1", "x" * 256])
def test_j12_an_unknown_method_is_still_a_message(method: str) -> None:
    message = read_message(raw({**CALL, "method": method}))

    assert isinstance(message, Request)
    assert message.method == method


@pytest.mark.parametrize("params", [[], [1], None, 1, "x", True])
def test_params_that_are_no_object_are_refused(params: object) -> None:
    assert refusal_of(raw({**CALL, "params": params})).request_id == b"7"


@pytest.mark.parametrize(
    "members",
    [
        {"result": {}, "error": {"code": 1, "message": "x"}},
        {},
        {"result": []},
        {"result": None},
        {"result": "x"},
        {"error": {"code": "1", "message": "x"}},
        {"error": {"code": 1}},
        {"error": {"code": 1, "message": 5}},
        {"error": {"code": 2**60, "message": "x"}},
        {"error": "no"},
        {"error": None},
        {"method": "ping", "result": {}},
        {"method": "ping", "error": {"code": 1, "message": "x"}},
        {"id": None, "result": {}},
    ],
    ids=str,
)
def test_u15_an_answer_that_is_none_is_refused(members: dict[str, object]) -> None:
    body = raw({"jsonrpc": "2.0", "id": 1} | members)

    assert isinstance(refusal_of(body), InvalidRequest)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"jsonrpc":"2.0","id":1,"result":{"a":NaN}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}',
        b'{"jsonrpc":"2.0","id":1,"result":' + b'{"a":' * 70 + b"1" + b"}" * 71,
        b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":{}}{"jsonrpc":"2.0","id":1,"result":{}}',
    ],
)
def test_u15_an_answer_that_is_not_json_is_refused(body: bytes) -> None:
    assert isinstance(refusal_of(body), ParseError)


def test_an_id_that_was_given_twice_is_not_handed_back() -> None:
    refusal = refusal_of(b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}')

    assert isinstance(refusal, InvalidRequest)
    assert refusal.request_id is None


@given(st.binary(max_size=80) | TEXT.map(lambda text: text.encode()))
def test_any_bytes_are_a_message_or_a_typed_refusal(body: bytes) -> None:
    with suppress(ParseError, InvalidRequest):
        read_message(body)


def test_a_string_parameter_is_decoded_or_refused() -> None:
    request = Request(b"1", "tools/call", {"name": b'"\\u00e9"', "bad": b"1"})

    assert string_param(request, "name") == "é"
    for name in ("bad", "absent"):
        with pytest.raises(InvalidParams):
            string_param(request, name)
