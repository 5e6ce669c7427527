"""Where a request comes from: what trusted proxies say, read from the right."""

from collections.abc import Sequence
from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.client_address import Network, client_address, is_within, source_group

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY = "10.0.0.1"


class Peer:
    """A transport that knows where it leads."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._address, 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return False


def seen(peer: str, *forwarded: str, proxies: Sequence[Network] = PROXIES) -> str:
    request = make_mocked_request(
        "GET",
        "/",
        [("X-Forwarded-For", field) for field in forwarded],
        transport=Peer(peer),
    )
    return client_address(proxies)(request)


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        (PROXY, [], PROXY),
        (PROXY, ["198.51.100.7"], "198.51.100.7"),
        (PROXY, ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (PROXY, ["198.51.100.7, 10.0.0.9"], "198.51.100.7"),
        (PROXY, ["198.51.100.7", "10.0.0.9"], "198.51.100.7"),
        (PROXY, ["1.1.1.1, evil, 10.0.0.9"], PROXY),
        (PROXY, ["1.1.1.1, "], PROXY),
        (PROXY, ["10.0.0.8, 10.0.0.9"], PROXY),
        (PROXY, ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("fd00::1", ["198.51.100.7"], "198.51.100.7"),
    ],
)
def test_the_first_from_the_right_that_is_no_proxy_is_the_client(
    peer: str, forwarded: list[str], source: str
) -> None:
    assert seen(peer, *forwarded) == source


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert seen(PROXY, "198.51.100.7", proxies=()) == PROXY


def test_what_is_no_address_is_in_no_network() -> None:
    assert is_within("10.1.2.3", PROXIES)
    assert not is_within("evil", PROXIES)
    assert not is_within("", PROXIES)


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("local", "local"),
    ],
)
def test_a_site_of_ipv6_counts_as_one_source(address: str, group: str) -> None:
    assert source_group(address) == group
