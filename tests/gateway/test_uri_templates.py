"""Whether a URI could have come from a template, in time that no template can stretch."""

import time

import pytest

from gateway.uri_templates import UriTemplate


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("file:///a.txt", "file:///a.txt"),
        ("orders://{id}", "orders://7"),
        ("orders://{id}", "orders://"),
        ("orders://{id}/items/{item}", "orders://7/items/3"),
        ("file://{+path}", "file:///a/b/c.txt"),
        ("file://{/segments*}", "file:///a/b"),
        ("x://search{?q,lang}", "x://search?q=a&lang=b/c"),
        ("x://doc{#part}", "x://doc#a/b"),
        ("x://{a}{b}", "x://ab"),
        ("x://{", "x://{"),
    ],
)
def test_a_uri_of_the_template_matches(template: str, uri: str) -> None:
    assert UriTemplate.parse(template).matches(uri)


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("file:///a.txt", "file:///a.txt.bak"),
        ("file:///a.txt", "file:///b.txt"),
        ("orders://{id}", "orders://7/items"),
        ("orders://{id}", "stock://7"),
        ("orders://{id}/items/{item}", "orders://7/8/items/3"),
        ("orders://{id}.json", "orders://7.xml"),
        ("abc{x}bcd", "abcd"),
        ("x://{a}", ""),
    ],
)
def test_a_uri_of_another_does_not(template: str, uri: str) -> None:
    assert not UriTemplate.parse(template).matches(uri)


def test_no_template_makes_matching_slow() -> None:
    template = UriTemplate.parse("x://" + "{a}a" * 2000)
    began = time.perf_counter()

    template.matches("x://" + "a" * 100_000 + "b")

    assert time.perf_counter() - began < 0.5
