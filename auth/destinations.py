"""The grammar of URLs that this gateway connects to. Pure: a string in, a `Destination` out.

Stricter than RFC 3986, so that no two parsers can disagree about the host.

Refused: everything that is not printable ASCII, backslashes, user information, fragments, empty
labels and trailing dots, percent-encoding in the host, and every spelling of an IPv4 address
but four decimal octets (`2130706433`, `0x7f.1`, `127.1`, `0177.0.0.1`).
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from auth.addresses import Address, read_address
from auth.errors import EgressRefused

MAX_URL_LENGTH = 2048
MAX_HOST_LENGTH = 253
DEFAULT_PORTS = {"https": 443, "http": 80}

# RFC 6761: these names mean an address whatever the resolver says; the others are the names
# under which clouds serve credentials to whoever asks.
LOCALHOST = "localhost"
NAMES_OF_ADDRESSES: dict[str, str] = {
    LOCALHOST: "127.0.0.1",
    "metadata": "169.254.169.254",
    "metadata.google.internal": "169.254.169.254",
    "metadata.goog": "169.254.169.254",
    "instance-data": "169.254.169.254",
    "instance-data.ec2.internal": "169.254.169.254",
}

_URL = re.compile(
    r"""(?P<scheme>https?)://
        (?: \[(?P<v6>[0-9a-f:.]+)\] | (?P<name>[a-z0-9._-]+) )
        (?: :(?P<port>[1-9][0-9]{0,4}) )?
        (?P<path> /(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})* )?
        (?P<query> \?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})* )?\Z""",
    re.VERBOSE,
)
_AUTHORITY = re.compile(r"[A-Za-z]+://[^/?#]*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
# WHATWG URL, "ends in a number": such a host is an IPv4 address to somebody.
_NUMERIC_LABEL = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A URL taken apart. `host` is lower case; `address` is set when the host is, or means, one."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    address: Address | None

    @property
    def authority(self) -> tuple[str, int]:
        """Host and port, for comparing where two URLs lead."""
        return self.host, self.port


def read_destination(url: str) -> Destination:
    """Parse an absolute http or https URL.

    Raises:
        EgressRefused: the URL is not one that every parser reads alike.
    """
    if len(url) > MAX_URL_LENGTH:
        raise EgressRefused("the URL is too long")
    parts = _URL.match(_with_lower_case_authority(url))
    if parts is None:
        raise EgressRefused("not a plain http or https URL")
    scheme = parts["scheme"]
    host, address = _read_host(parts["v6"], parts["name"])
    return Destination(
        scheme=scheme,
        host=host,
        port=_read_port(parts["port"], scheme),
        path=parts["path"] or "",
        query=parts["query"] or "",
        address=address,
    )


def _with_lower_case_authority(url: str) -> str:
    # str.lower() maps a few non-ASCII letters to ASCII (the Kelvin sign): only ASCII gets there.
    if not url.isascii():
        raise EgressRefused("the URL is not ASCII")
    return _AUTHORITY.sub(lambda match: match[0].lower(), url, count=1)


def _read_port(text: str | None, scheme: str) -> int:
    port = int(text) if text else DEFAULT_PORTS[scheme]
    if port >= 2**16:
        raise EgressRefused("no such port")
    return port


def _read_host(v6: str | None, name: str | None) -> tuple[str, Address | None]:
    if name is None:
        return _read_ipv6(v6 or "")
    labels = name.split(".")
    if len(name) > MAX_HOST_LENGTH or not all(map(_LABEL.match, labels)):
        raise EgressRefused("the host is not a domain name")
    if _NUMERIC_LABEL.match(labels[-1]):
        return _read_ipv4(name)
    return name, _address_of(name)


def _read_ipv6(text: str) -> tuple[str, Address]:
    try:
        return str(IPv6Address(text)), read_address(text)
    except AddressValueError as error:
        raise EgressRefused("the host is not an IPv6 address") from error


def _read_ipv4(text: str) -> tuple[str, Address]:
    try:
        return text, IPv4Address(text)
    except AddressValueError as error:
        raise EgressRefused("the host is not a canonical IPv4 address") from error


def _address_of(name: str) -> Address | None:
    if name.endswith(f".{LOCALHOST}"):
        name = LOCALHOST
    meant = NAMES_OF_ADDRESSES.get(name)
    return read_address(meant) if meant else None
