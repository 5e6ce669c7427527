"""Which Host and which Origin are ours, decided without a socket."""

import pytest

from gateway.errors import BadHost, BadOrigin, BadRequestLine
from gateway.hosts import PublicUrl

NOBODY: frozenset[str] = frozenset()


def refusal(url: str, *hosts: str) -> type[Exception] | None:
    try:
        PublicUrl.parse(url).check_host(list(hosts))
    except (BadHost, BadRequestLine) as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://gw.example", "gw.example"),
        ("https://gw.example", "gw.example:443"),
        ("https://gw.example", "GW.Example"),
        ("https://gw.example/prefix", "gw.example"),
        ("https://gw.example:8443", "gw.example:8443"),
        ("http://gw.example", "gw.example:80"),
        ("http://127.0.0.1:8080", "localhost:8080"),
        ("http://localhost:8080", "[::1]:8080"),
        ("http://[::1]:8080", "127.0.0.1:8080"),
        ("https://[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_our_host_is_known_by_its_equivalent_names(url: str, host: str) -> None:
    assert refusal(url, host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.com", "gw.example.", "gw.example.evil.com", "xgw.example", "gw.example:80",
        "gw.example:8443", "localhost", "127.0.0.1", "gw.example:0443",
    ],
)  # fmt: skip
def test_another_host_is_not_ours(host: str) -> None:
    assert refusal("https://gw.example", host) is BadHost


@pytest.mark.parametrize(
    "host",
    [
        "", " ", "gw.example ", "gw.example:443@evil", "gw.example/..", "gw.example?x", "a b",
        "[::1", "gw.example:", "gw.example:999999", "gw.example\n", "gw.exämple", "a,b", "[::1%lo]",
    ],
)  # fmt: skip
def test_what_is_no_host_is_told_apart(host: str) -> None:
    assert refusal("https://gw.example", host) is BadRequestLine


def test_none_and_several_hosts_are_refused() -> None:
    assert refusal("https://gw.example") is BadRequestLine
    assert refusal("https://gw.example", "gw.example", "gw.example") is BadRequestLine


def test_an_origin_is_compared_whole() -> None:
    ours = PublicUrl.parse("https://gw.example/prefix")
    listed = frozenset({"https://app.example"})

    ours.check_origin([], NOBODY)
    ours.check_origin(["https://gw.example"], NOBODY)
    ours.check_origin(["https://app.example"], listed)
    for evil in (
        "null",
        "",
        "http://gw.example",
        "https://gw.example/prefix",
        "https://app.example/",
    ):
        with pytest.raises(BadOrigin):
            ours.check_origin([evil], listed)
    with pytest.raises(BadOrigin):
        ours.check_origin(["https://gw.example", "https://gw.example"], NOBODY)


def test_what_is_published_stands_below_the_prefix() -> None:
    ours = PublicUrl.parse("https://gw.example/prefix/")

    assert (ours.url, ours.prefix) == ("https://gw.example/prefix", "/prefix")
    assert ours.origin == "https://gw.example"
