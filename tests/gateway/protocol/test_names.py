import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.names import (
    Hidden,
    build_name_table,
    build_uri_table,
    prefixed,
    split,
)

BACKENDS = st.from_regex(r"[a-z][a-z0-9-]{0,22}", fullmatch=True)
OWN_NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=128)


def tool(name: object, **members: object) -> bytes:
    return json.dumps({"name": name, **members}).encode()


def test_one_backend_shows_names_and_items_as_they_are() -> None:
    items = [b'{ "name":"b.\\u0065",  "inputSchema":{"x":1.0} }', tool("a__b"), tool("x" * 128)]

    table = build_name_table(["solo"], {"solo": items})

    assert [entry.name for entry in table.shown] == ["b.e", "a__b", "x" * 128]
    assert [entry.item for entry in table.shown] == items
    assert list(table.changed_names()) == []


def test_several_backends_show_prefixed_names_in_the_endpoints_order() -> None:
    table = build_name_table(
        ["zeta", "alpha"], {"alpha": [tool("b"), tool("a")], "zeta": [tool("a")]}
    )

    assert [entry.name for entry in table.shown] == ["zeta__a", "alpha__b", "alpha__a"]
    found = table.find("alpha__a")
    assert found is not None
    assert (found.backend, found.own_name) == ("alpha", "a")
    assert table.find("a") is None


def test_a_backend_that_does_not_answer_changes_no_name_of_the_others() -> None:
    table = build_name_table(["up", "down"], {"up": [tool("a")]})

    assert [entry.name for entry in table.shown] == ["up__a"]


def test_only_the_name_of_an_item_is_written_anew() -> None:
    item = b'{"title":"T","name":"a","inputSchema":{"n": 1.0,"$ref":"x"},"_meta":{"v/x":[ 1]}}'

    table = build_name_table(["one", "two"], {"one": [item]})

    assert table.shown[0].item == (
        b'{"title":"T","name":"one__a","inputSchema":{"n": 1.0,"$ref":"x"},"_meta":{"v/x":[ 1]}}'
    )


@given(BACKENDS, OWN_NAMES)
def test_a_prefixed_name_fits_every_provider_and_is_always_the_same(
    backend: str, own_name: str
) -> None:
    name = prefixed(backend, own_name)

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name)
    assert name == prefixed(backend, own_name)
    assert name.startswith(f"{backend}__")
    parts = split(name)
    assert parts is not None
    assert parts[0] == backend


@given(
    st.lists(BACKENDS, min_size=2, max_size=4, unique=True),
    st.lists(OWN_NAMES, max_size=12, unique=True),
)
def test_every_shown_name_leads_to_one_thing_and_every_thing_has_one_name(
    backends: list[str], names: list[str]
) -> None:
    items = {backend: [tool(name) for name in names] for backend in backends}

    table = build_name_table(backends, items)

    pairs = {(entry.backend, entry.own_name) for entry in table.shown}
    assert pairs == {(backend, name) for backend in backends for name in names}
    assert len({entry.name for entry in table.shown}) == len(table.shown)
    assert all(table.find(entry.name) == entry for entry in table.shown)
    assert all(json.loads(entry.item)["name"] == entry.name for entry in table.shown)
    assert table.hidden == ()


def test_names_that_do_not_fit_are_cut_or_replaced_and_say_so() -> None:
    long, twin, dotted = "x" * 80, "x" * 81, "a.b"
    items = [tool(long), tool(twin), tool(dotted), tool("a_b")]

    table = build_name_table(["one", "two"], {"one": items})

    assert [entry.own_name for entry in table.changed_names()] == [long, twin, dotted]
    assert len({entry.name for entry in table.shown}) == 4
    assert table.find("one__a_b") is not None
    assert split(table.shown[0].name) == ("one", f"{'x' * 50}_{table.shown[0].name[-8:]}")


def test_a_name_that_is_taken_hides_the_later_one() -> None:
    table = build_name_table(["one", "two"], {"one": [tool("a", title="first"), tool("a")]})

    assert len(table.shown) == 1
    assert table.hidden == (Hidden("one", "a", "one has the same `name`"),)


@pytest.mark.parametrize(
    "item",
    [
        b"[]",
        b"5",
        b"{}",
        tool(""),
        tool(None),
        tool(5),
        tool("a\r\nX: y"),
        tool("a\u202eb"),
        tool("a\u200bb"),
        tool("a\U000e0041b"),
        tool("a" * 257),
    ],
)
def test_an_item_without_a_usable_name_is_not_shown_but_reported(item: bytes) -> None:
    table = build_name_table(["solo"], {"solo": [item, tool("good")]})

    assert [entry.name for entry in table.shown] == ["good"]
    assert table.hidden == (Hidden("solo", None, "it has no usable `name`"),)


def test_a_uri_is_never_changed_and_belongs_to_the_first_backend_that_lists_it() -> None:
    uri = b'{"uri":"file:///a","name":"A"}'
    other = b'{"uri":"file:///b","name":"B"}'

    table = build_uri_table(["one", "two"], {"two": [uri, other], "one": [uri]})

    assert [(e.name, e.backend, e.item) for e in table.shown] == [
        ("file:///a", "one", uri),
        ("file:///b", "two", other),
    ]
    assert table.hidden == (Hidden("two", "file:///a", "one has the same `uri`"),)
    template = b'{"uriTemplate":"file:///{x}","name":"A"}'
    templates = build_uri_table(["one"], {"one": [template]}, key="uriTemplate")
    assert templates.find("file:///{x}") is not None


@pytest.mark.parametrize("name", ["plain", "__a", "a__", "", "a_b"])
def test_a_name_without_prefix_does_not_split(name: str) -> None:
    assert split(name) is None


def test_a_name_splits_at_the_first_separator() -> None:
    assert split("one__a__b") == ("one", "a__b")
