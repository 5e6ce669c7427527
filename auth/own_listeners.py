"""Whether a destination is one of the gateway's own listeners, by whatever address."""

import socket
from ipaddress import IPv4Address

from auth.addresses import Address, read_address

Listeners = frozenset[tuple[str, int]]
"""(address, port) of each; the address may be the one that stands for all."""


def is_own_listener(address: Address, port: int, listeners: Listeners) -> bool:
    """Whether connecting there would reach this process."""
    return any(
        port == own_port and _is_listening_there(read_address(host), address)
        for host, own_port in listeners
    )


def _is_listening_there(listener: Address, address: Address) -> bool:
    if address.is_unspecified:
        return True  # the kernel takes it for loopback
    if listener.is_unspecified:
        return _is_own(address)
    return listener == address


def _is_own(address: Address) -> bool:
    if address.is_loopback:
        return True
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
