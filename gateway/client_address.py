"""Where a request comes from, for limits and the audit: never for authorization.

`X-Forwarded-For` counts only from `trusted_proxies`, read from the right: the first address that
is not a trusted proxy's is the client's (RFC 7239 section 5.2 says whom to believe: nobody else).
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network
UNKNOWN = ""
_SITE_BITS = 64


def client_address(proxies: Sequence[Network]) -> Callable[[web.BaseRequest], str]:
    """Make the function that tells a request's source address."""

    def source_of(request: web.BaseRequest) -> str:
        peer = request.transport and request.transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else UNKNOWN
        if not proxies or not is_within(address, proxies):
            return address
        return _forwarded(request.headers.getall("X-Forwarded-For", []), proxies) or address

    return source_of


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    parsed = _parsed(address)
    if parsed is None:
        return False
    return any(parsed in network for network in networks if network.version == parsed.version)


def source_group(address: str) -> str:
    """Whom an address is counted for: itself, or for IPv6 the /64 that one site has whole."""
    parsed = _parsed(address)
    if not isinstance(parsed, IPv6Address):
        return address if parsed is None else str(parsed)
    site = int(parsed) >> _SITE_BITS << _SITE_BITS
    return f"{IPv6Address(site)}/{_SITE_BITS}"


def _forwarded(fields: Sequence[str], proxies: Sequence[Network]) -> str:
    hops = [hop.strip() for field in fields for hop in field.split(",")]
    for hop in reversed(hops):
        if not is_within(hop, proxies):
            return UNKNOWN if _parsed(hop) is None else hop
    return UNKNOWN


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address; one that is IPv4 inside IPv6 (a dual-stack socket's) is the IPv4 one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
