import json
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest, ParseError
from gateway.protocol.scan import RESPONSE_LIMITS, ScanLimits, strict_scan

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda values: st.lists(values) | st.dictionaries(st.text(alphabet='ab:"\\,{é'), values),
)


def nested(depth: int, *, opener: str = "[", closer: str = "]") -> bytes:
    return (opener * depth + closer * depth).encode()


@given(JSON_VALUES, st.sampled_from([{}, {"ensure_ascii": False}, {"indent": 1}]))
def test_a_valid_document_is_read_as_the_standard_library_reads_it(
    value: object, style: dict[str, Any]
) -> None:
    body = json.dumps(value, **style).encode()

    assert strict_scan(body) == json.loads(body) == value


@given(st.text(alphabet='{}[]",:\\u0a1e.-nulltrue \n'))
def test_what_the_standard_library_refuses_is_refused(text: str) -> None:
    try:
        strict_scan(text.encode())
    except (ParseError, InvalidRequest):
        return

    json.loads(text)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_value_or_a_typed_refusal(body: bytes) -> None:
    with suppress(ParseError, InvalidRequest):
        strict_scan(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"method":"a","method":"b"}',
        b'{"params":{"name":"a","name":"b"}}',
        b'{"a":[{"b":[{"c":1,"c":1}]}]}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":"\\u003a","a":1}',
        b'{"a":"\\u003A","b":{"c":"\\u003A","c":1}}',
        b'{"":1,"":2}',
        b'{"a:":1,"a:":2}',
        '{"é":1,"\\u00e9":2}'.encode(),
    ],
)
def test_j01_duplicate_names_at_any_depth_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        strict_scan(body)


@given(JSON_VALUES)
def test_j01_a_duplicate_is_found_whatever_surrounds_it(value: object) -> None:
    raw = json.dumps(value)

    with pytest.raises(InvalidRequest):
        strict_scan(f'[{raw},{{"x":{raw},"y":1,"x":{raw}}}]'.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"a:":1,"b:":2,":":":::"}',
        b'{"a":"\\u003a","b":"\\u003a"}',
        b'{"a":{"x":1},"b":{"x":1}}',
        b'{"a":"\\":\\\\\\":"}',
    ],
)
def test_names_that_are_not_the_same_are_let_through(body: bytes) -> None:
    assert strict_scan(body) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        nested(65),
        nested(100_000),
        b"[" * 100_000,
        b"[" * 4_000_000,
        nested(500, opener='{"a":', closer="}").replace(b":}", b":1}"),
        b'{"a":[' * 40 + b"]}" * 40,
        b'"\\"' + b"[" * 1_000,
        b'\\"' + b"[" * 100_000,
    ],
    ids=lambda body: f"{body[:8]!r}x{len(body)}",
)
def test_j03_deep_nesting_is_refused_without_recursion(body: bytes) -> None:
    with pytest.raises(ParseError):
        strict_scan(body)


@pytest.mark.parametrize("body", [nested(64), b"[" + b",".join([nested(63)] * 100) + b"]"])
def test_j03_the_deepest_allowed_document_is_read(body: bytes) -> None:
    assert strict_scan(body) == json.loads(body)


def test_brackets_in_strings_are_no_depth() -> None:
    body = json.dumps(["[" * 1000, '"{' * 1000, '\\"[' * 1000, {"{" * 100: "\\"}]).encode()

    assert strict_scan(body) == json.loads(body)


def test_more_values_than_the_limit_are_refused() -> None:
    allowed = b"[" + b",".join([b"1"] * 50) + b"]"
    limits = ScanLimits(max_nodes=51)

    assert strict_scan(allowed, limits) == [1] * 50
    with pytest.raises(ParseError):
        strict_scan(allowed[:-1] + b",1]", limits)
    with pytest.raises(ParseError):
        strict_scan(b"[" + b"[]," * 100_000 + b"[]]")
    with pytest.raises(ParseError):
        strict_scan(b"[" + b'"",' * 300_000 + b'""]')


def test_commas_in_a_long_text_are_no_values() -> None:
    text = ",[]{}" * 100_000

    assert strict_scan(json.dumps([text]).encode()) == [text]


def test_a_long_string_is_refused_and_allowed_from_a_backend() -> None:
    body = json.dumps({"blob": "a" * (1024 * 1024 + 1)}).encode()

    assert strict_scan(body, RESPONSE_LIMITS)
    with pytest.raises(ParseError):
        strict_scan(body)
    with pytest.raises(ParseError):
        strict_scan(json.dumps({"k" * (1024 * 1024 + 1): 1}).encode())


def test_several_strings_may_be_longer_than_the_limit_together() -> None:
    body = json.dumps(["a" * (1024 * 1024 - 1), "b" * (1024 * 1024 - 1)]).encode()

    assert strict_scan(body)


@pytest.mark.parametrize("digits", [4301, 5000, 100_000])
def test_j05_an_integer_of_thousands_of_digits_is_refused(digits: int) -> None:
    assert sys.get_int_max_str_digits() == 4300
    with pytest.raises(ParseError):
        strict_scan(b'{"a":1' + b"0" * (digits - 1) + b"}")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"a":"\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"a":"\xc0\xaf"}', id="overlong"),
        pytest.param(b'{"\xc0\xaf":1}', id="overlong name"),
        pytest.param(b'{"a":"\xed\xa0\x80\xed\xb0\x80"}', id="CESU-8"),
        pytest.param(b'{"a":"\xf4\x90\x80\x80"}', id="above U+10FFFF"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a":1}'.encode("utf-16-le"), id="UTF-16LE"),
        pytest.param('{"a":1}'.encode("utf-32"), id="UTF-32"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="BOM"),
        pytest.param(b'{"a":"\\ud800"}', id="lone high surrogate"),
        pytest.param(b'{"a":"\\udc00"}', id="lone low surrogate"),
        pytest.param(b'{"a":"\\ud83d\\u0041"}', id="high surrogate and a letter"),
        pytest.param(b'{"\\ud800":1}', id="lone surrogate in a name"),
        pytest.param(b'{"a":"\n"}', id="raw control character"),
        pytest.param(b'{"a":"\x00"}', id="raw NUL"),
        pytest.param(b'{"a":"\\x41"}', id="unknown escape"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":Infinity}', id="Infinity"),
        pytest.param(b'{"a":-Infinity}', id="-Infinity"),
        pytest.param(b'{"a":1e999}', id="a number that overflows"),
        pytest.param(b'{"a":01}', id="leading zero"),
        pytest.param(b'{"a":1,}', id="trailing comma"),
        pytest.param(b'{"a":1} {}', id="two documents"),
        pytest.param(b'{"a":1}\x00', id="trailing NUL"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b"{a:1}", id="bare name"),
        pytest.param(b"// c\n{}", id="comment"),
        pytest.param(b"\x0c{}", id="form feed"),
        pytest.param("\u00a0{}".encode(), id="no-break space"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"  ", id="spaces"),
        pytest.param(b'{"a":', id="cut"),
    ],
)
def test_j06_what_is_not_json_in_utf8_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        strict_scan(body)
