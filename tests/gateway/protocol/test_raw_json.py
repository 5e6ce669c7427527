import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.raw_json import (
    read_array,
    read_object,
    read_string,
    write_array,
    write_object,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXT, st.integers() | TEXT | st.lists(TEXT) | st.none() | st.booleans()))
def test_an_object_is_taken_apart_and_put_together(value: dict[str, object]) -> None:
    members = {name: json.dumps(member).encode() for name, member in value.items()}

    written = write_object(members)

    assert json.loads(written) == value
    assert read_object(written) == members
    assert list(read_object(written) or {}) == list(members)


@given(st.lists(st.integers() | TEXT))
def test_an_array_is_taken_apart_and_put_together(value: list[object]) -> None:
    items = [json.dumps(item).encode() for item in value]

    assert json.loads(write_array(items)) == value
    assert read_array(write_array(items)) == items


def test_another_kind_of_value_is_none() -> None:
    assert read_object(b"[]") is None
    assert read_array(b"{}") is None
    assert read_string(b"5") is None
    assert read_string(None) is None
    assert read_string(b'"\\u00e9"') == "é"
