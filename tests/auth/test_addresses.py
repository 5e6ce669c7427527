from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auth.addresses import (
    EgressGrant,
    check_address,
    embedded_addresses,
    is_public,
    read_address,
)
from auth.errors import EgressRefused
from tests.auth.url_corpus import MAPPED, PRIVATE_IPV4, PRIVATE_IPV6


def grant(
    cidr: str,
    *,
    tenants: tuple[str, ...] = ("acme",),
    ports: tuple[int, ...] = (),
    schemes: tuple[str, ...] = ("https",),
) -> EgressGrant:
    return EgressGrant(
        tenants=frozenset(tenants),
        cidr=ip_network(cidr),
        ports=frozenset(ports),
        schemes=frozenset(schemes),
    )


def is_let_pass(
    address: str, *grants: EgressGrant, port: int = 443, scheme: str = "https", tenant: str = "acme"
) -> bool:
    try:
        check_address(read_address(address), port=port, scheme=scheme, tenant=tenant, grants=grants)
    except EgressRefused:
        return False
    return True


@pytest.mark.parametrize("address", [*PRIVATE_IPV4, *PRIVATE_IPV6, *MAPPED, "fe80::1%eth0"])
def test_u01_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_let_pass(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:1.1.1.1", "2a00::1"])
def test_a_public_address_passes_by_https_on_443_alone(address: str) -> None:
    assert is_let_pass(address)
    assert not is_let_pass(address, port=22)
    assert not is_let_pass(address, port=80, scheme="http")
    assert not is_let_pass(address, scheme="http")


def test_a_grant_lets_pass_exactly_what_it_names() -> None:
    given = grant("10.0.0.0/8", ports=(8080,), schemes=("http",))

    assert is_let_pass("10.1.2.3", given, port=8080, scheme="http")
    assert is_let_pass("::ffff:10.1.2.3", given, port=8080, scheme="http")
    assert not is_let_pass("10.1.2.3", given, port=8081, scheme="http")
    assert not is_let_pass("10.1.2.3", given, port=8080, scheme="https")
    assert not is_let_pass("11.1.2.3", given, port=8080, scheme="http")
    assert not is_let_pass("10.1.2.3", given, port=8080, scheme="http", tenant="globex")


def test_a_grant_for_everybody_and_every_port_is_possible() -> None:
    given = grant("::1/128", tenants=("*",), schemes=("http", "https"))

    assert is_let_pass("::1", given, port=65535, scheme="http", tenant="globex")


def test_a_translated_address_needs_a_grant_for_what_is_inside_too() -> None:
    outer, inner = grant("64:ff9b::/96"), grant("10.0.0.0/8")

    assert is_let_pass("64:ff9b::808:808", outer)
    assert not is_let_pass("64:ff9b::a00:1", outer)
    assert not is_let_pass("64:ff9b::a00:1", inner)
    assert is_let_pass("64:ff9b::a00:1", outer, inner)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("64:ff9b::7f00:1", ["127.0.0.1"]),
        ("64:ff9b:1::7f00:1", ["127.0.0.1"]),
        ("::7f00:1", ["127.0.0.1"]),
        ("2002:7f00:1::", ["127.0.0.1"]),
        ("2001:0:7f00:1:0:0:80ff:fffe", ["127.0.0.1", "127.0.0.1"]),
        ("2606:4700::1111", []),
        ("::1", []),
        ("8.8.8.8", []),
    ],
)
def test_ipv4_addresses_inside_are_found(address: str, inside: list[str]) -> None:
    assert [str(found) for found in embedded_addresses(ip_address(address))] == inside


@pytest.mark.parametrize("address", ["127.0.0.1", "fd00::1", "64:ff9b::a00:1", "::1"])
def test_the_remedy_of_a_refusal_is_the_grant_that_is_missing(address: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        check_address(ip_address(address), port=8080, scheme="http", tenant="acme", grants=())

    document = yaml.safe_load(refused.value.remedy or "")
    grants = [
        grant(
            entry["cidr"],
            tenants=tuple(entry["tenants"]),
            ports=tuple(entry["ports"]),
            schemes=tuple(entry["schemes"]),
        )
        for entry in document["egress_grants"]
    ]

    assert is_let_pass(address, *grants, port=8080, scheme="http")
    assert all(each.cidr.num_addresses == 1 for each in grants)


@pytest.mark.parametrize(
    "bad",
    [
        {"tenants": ()},
        {"schemes": ()},
        {"schemes": ("ftp",)},
        {"ports": (0,)},
        {"ports": (65536,)},
    ],
)
def test_a_grant_that_cannot_be_meant_is_refused(bad: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="must"):
        grant("10.0.0.0/8", **bad)  # type: ignore[arg-type]


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_public_only_within_the_global_unicast_block(
    address: IPv6Address,
) -> None:
    assert not is_public(address) or address in ip_network("2000::/3")


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_like_the_ipv4_address_that_it_is(address: IPv4Address) -> None:
    assert is_let_pass(f"::ffff:{address}") == is_let_pass(str(address))
