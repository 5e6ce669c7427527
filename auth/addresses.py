"""Which network addresses may be connected to. Pure policy: addresses in, a refusal or nothing out.

Rules: a public address may be reached by https on port 443; anything else needs an operator's
grant that covers the tenant, the address, the port and the scheme. An IPv6 address that carries
an IPv4 address is judged by both, for a translator on the way delivers to the inner one. Lists
that Python 3.11 does not know yet are in `NEVER_PUBLIC`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from auth.errors import EgressRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

EVERY_TENANT = "*"
SCHEMES = frozenset({"http", "https"})
PUBLIC_PORT = 443

# Not to be reached although they are, or look, globally routable.
NEVER_PUBLIC: tuple[Network, ...] = (
    ip_network("168.63.129.16/32"),  # Azure's host agent
    ip_network("100.100.100.200/32"),  # Alibaba's metadata service
    ip_network("192.0.0.0/24"),  # IETF assignments; Oracle's metadata service
    ip_network("192.88.99.0/24"),  # 6to4 relay anycast
    ip_network("2002::/16"),  # 6to4
    ip_network("2001::/32"),  # Teredo
    ip_network("64:ff9b::/32"),  # NAT64, well-known and local-use
    ip_network("fec0::/10"),  # site-local
    ip_network("::/96"),  # IPv4-compatible
    ip_network("3fff::/20"),  # documentation (RFC 9637)
    ip_network("5f00::/16"),  # segment routing (RFC 9602)
)

_CARRIES_IPV4_LAST = (
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052)
    IPv6Network("64:ff9b:1::/48"),  # NAT64, local use (RFC 8215)
    IPv6Network("::/96"),  # IPv4-compatible (RFC 4291, deprecated)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressGrant:
    """An operator's permission. Empty `ports` means every port; `{"*"}` means every tenant."""

    tenants: frozenset[str]
    cidr: Network
    ports: frozenset[int] = frozenset()
    schemes: frozenset[str] = frozenset({"https"})

    def __post_init__(self) -> None:
        """Refuse a grant that would permit nothing or cannot be meant."""
        if not self.tenants:
            raise ValueError("tenants must not be empty")
        if not self.schemes or not self.schemes <= SCHEMES:
            raise ValueError("schemes must be http or https")
        if any(not 0 < port < 2**16 for port in self.ports):
            raise ValueError("ports must be between 1 and 65535")

    def is_for(self, tenant: str) -> bool:
        """Whether `tenant` is among those that it was given to."""
        return EVERY_TENANT in self.tenants or tenant in self.tenants

    def permits(self, *, port: int, scheme: str) -> bool:
        """Whether it covers this port and scheme, at whatever address."""
        return scheme in self.schemes and (not self.ports or port in self.ports)

    def covers(self, address: Address, *, port: int, scheme: str) -> bool:
        """Whether it covers exactly this destination."""
        return self.permits(port=port, scheme=scheme) and address in self.cidr


def read_address(text: str) -> Address:
    """Parse an address of a socket; a zone (`%eth0`) is dropped, an IPv4-mapped one unwrapped."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Whether the address is the public internet's, by every list that we know."""
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in NEVER_PUBLIC)


def embedded_addresses(address: Address) -> Iterator[IPv4Address]:
    """Every IPv4 address that a translator or tunnel might deliver to instead."""
    if isinstance(address, IPv4Address):
        return
    low = int(address) & 0xFFFF_FFFF
    if any(address in network for network in _CARRIES_IPV4_LAST) and low > 1:  # not :: and ::1
        yield IPv4Address(low)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def check_address(
    address: Address, *, port: int, scheme: str, tenant: str, grants: Iterable[EgressGrant]
) -> None:
    """Let one destination of one tenant pass.

    Raises:
        EgressRefused: with the grant that would allow it.
    """
    own = [grant for grant in grants if grant.is_for(tenant)]
    refused = [
        candidate
        for candidate in (address, *embedded_addresses(address))
        if not _is_allowed(candidate, port=port, scheme=scheme, grants=own)
    ]
    if refused:
        raise EgressRefused(
            "destination not allowed",
            remedy=remedy([_cidr(each) for each in refused], port, scheme, tenant),
        )


def remedy(cidrs: Sequence[str], port: int, scheme: str, tenant: str) -> str:
    """The `egress_grants` entries, as YAML, that an operator would add."""
    entries = (
        f"  - {{tenants: [{tenant}], cidr: {cidr}, ports: [{port}], schemes: [{scheme}]}}"
        for cidr in cidrs
    )
    return "\n".join(("egress_grants:", *entries))


def _is_allowed(address: Address, *, port: int, scheme: str, grants: Iterable[EgressGrant]) -> bool:
    if scheme == "https" and port == PUBLIC_PORT and is_public(address):
        return True
    return any(grant.covers(address, port=port, scheme=scheme) for grant in grants)


def _cidr(address: Address) -> str:
    # Quoted, because a leading or doubled colon means something to YAML.
    text = f"{address}/{address.max_prefixlen}"
    return f'"{text}"' if ":" in text else text
