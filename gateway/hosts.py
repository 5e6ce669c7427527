"""Which Host and which Origin a request may carry (RFC 9110 section 7.2; MCP, DNS rebinding).

Nothing is ever derived from either header: they are compared with `public_url` and refused.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.errors import BadHost, BadOrigin, BadRequestLine

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """The one URL that this gateway is known by, and what follows from it.

    `prefix` is its path without a trailing slash, empty at the root.
    """

    url: str
    origin: str
    prefix: str
    hosts: frozenset[str]

    @classmethod
    def parse(cls, url: str) -> "PublicUrl":
        """Read a validated `public_url`; configuration has checked its grammar."""
        parts = urlsplit(url.rstrip("/"))
        authority = parts.netloc.lower()
        return cls(
            url=url.rstrip("/"),
            origin=f"{parts.scheme}://{authority}",
            prefix=parts.path,
            hosts=_equivalent_hosts(parts.scheme, parts.hostname or "", parts.port),
        )

    def check_host(self, hosts: list[str]) -> None:
        """Refuse a Host that is not ours.

        Raises:
            BadRequestLine: none, several, or not a host at all.
            BadHost: another host's name.
        """
        if len(hosts) != 1 or not _HOST.match(hosts[0]):
            raise BadRequestLine("one grammatical Host header is required")
        if hosts[0].lower() not in self.hosts:
            raise BadHost("this gateway does not serve that host")

    def check_origin(self, origins: list[str], allowed: frozenset[str]) -> None:
        """Refuse a browser's page that may not call; no Origin means no browser.

        Raises:
            BadOrigin: present, and neither our own nor a listed one.
        """
        if not origins:
            return
        if len(origins) > 1 or (origins[0] != self.origin and origins[0] not in allowed):
            raise BadOrigin("this origin may not call this endpoint")


def _equivalent_hosts(scheme: str, host: str, port: int | None) -> frozenset[str]:
    names = _LOOPBACK_NAMES if _is_loopback(host) else (_bracketed(host),)
    number = port or _DEFAULT_PORTS[scheme]
    with_port = {f"{name}:{number}" for name in names}
    return frozenset(with_port | set(names) if number == _DEFAULT_PORTS[scheme] else with_port)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
