import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.strict_json import MAX_INTEGER_DIGITS, InvalidJson, strict_json

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(documents, st.booleans())
def test_a_valid_document_means_what_the_standard_library_says(
    document: Any,
    in_ascii: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    data = json.dumps(document, ensure_ascii=in_ascii).encode("utf-8")

    assert strict_json(data, max_depth=64) == document


@given(st.binary(max_size=40) | st.text('{}[]",:\\u0d8e1.-+NaIftn ', max_size=30).map(str.encode))
def test_nothing_is_accepted_that_the_standard_library_refuses(data: bytes) -> None:
    try:
        ours = strict_json(data, max_depth=8)
    except InvalidJson:
        return

    assert json.loads(data) == ours


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a":1,"a":2}', "duplicate"),
        (b'{"a":1,"\\u0061":1}', "duplicate"),
        (b'[{"x":{"a":1,"b":2,"a":1}}]', "duplicate"),
        (b"NaN", "NaN"),
        (b'{"a":-Infinity}', "NaN"),
        (b"[Infinity]", "NaN"),
        (b"1e400", "range"),
        (b"-1e400", "range"),
        (b"9" * (MAX_INTEGER_DIGITS + 1), "integer"),
        (b"-" + b"9" * MAX_INTEGER_DIGITS, "integer"),
        (b"[" * 9 + b"]" * 9, "deep"),
        (b"[" * 100_000, "deep"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "deep"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\uDFFF":1}', "surrogate"),
        (b'["\\udc00\\ud800"]', "surrogate"),
        (b"\xef\xbb\xbf{}", "JSON"),
        ("{}".encode("utf-16"), "JSON"),
        (b'"\xff"', "JSON"),
        (b'"\xc0\xaf"', "JSON"),
        (b'"\xed\xa0\x80"', "JSON"),
        (b'"\xed\xa0\xbd\xed\xb8\x80"', "JSON"),
        (b'"a\nb"', "JSON"),
        (b'"\x00"', "JSON"),
        (b"", "JSON"),
        (b" ", "JSON"),
        (b"{}{}", "JSON"),
        (b"{} x", "JSON"),
        (b"{'a':1}", "JSON"),
        (b'{"a":1,}', "JSON"),
        (b"[1,]", "JSON"),
        (b"01", "JSON"),
        (b"+1", "JSON"),
        (b".5", "JSON"),
        (b"1.", "JSON"),
        (b"True", "JSON"),
        (b"\xc2\xa0{}", "JSON"),
        (b'"\\x41"', "JSON"),
        (b'"\\', "JSON"),
        (b"// x\n{}", "JSON"),
        ("\u0661".encode(), "JSON"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_parsers_read_differently_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InvalidJson, match=why):
        strict_json(data, max_depth=8)


def test_brackets_inside_strings_do_not_count_as_depth() -> None:
    assert strict_json(b'["[[[[[[[[[[\\"[[[[{{{{"]', max_depth=1) == ['[[[[[[[[[["[[[[{{{{']


def test_the_depth_of_an_empty_object_is_one() -> None:
    assert strict_json(b"[{}]", max_depth=2) == [{}]
    with pytest.raises(InvalidJson):
        strict_json(b"[{}]", max_depth=1)


def test_a_surrogate_pair_is_one_character() -> None:
    assert strict_json(b'"\\ud83d\\ude00"', max_depth=1) == "\U0001f600"


def test_the_message_shows_nothing_of_the_input() -> None:
    with pytest.raises(InvalidJson) as refused:
        strict_json(b'{"password":"hunter2"', max_depth=8)

    assert "hunter2" not in str(refused.value)


def test_the_longest_integer_is_read() -> None:
    assert math.log10(strict_json(b"9" * 300, max_depth=1)) == pytest.approx(300)
