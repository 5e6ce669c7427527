"""What the texts of a definition may look like.

Each check answers None, or what is wrong. They are pure syntax: whether a destination may be
reached at all is the egress guard's question, each time that a connection is made.

Rule: a URL is kept as it was written, so what two readers could understand differently is refused:
user information, backslashes, blanks, host names that some libraries take for numbers.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

from tenants.model import MEMBER_NAME, RESERVED_MEMBER_NAMES, TENANT_SLUG

MAX_URL = 2048
URL_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+\Z")
HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*"
                  r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z", re.IGNORECASE)  # fmt: skip
SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}\Z")
"""RFC 6749 section 3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`."""
AUDIENCE = re.compile(r"[\x21-\x7e]{1,512}\Z")
TOOL_PATTERN = re.compile(r"[\x21-\x7e]{1,128}\Z")
ENVIRONMENT_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
FILE = re.compile(r"[^\x00-\x1f\x7f]{1,1024}\Z")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}\Z")
HEADER_PREFIX = re.compile(r"[\x20-\x7e]{0,64}\Z")
DISPLAY_NAME = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]{1,64}\Z")  # fmt: skip  # noqa: E501
CLAIM_NAME = re.compile(r"[\x21-\x7e]{1,128}\Z")
CLAIM_VALUE = re.compile(r"[^\x00-\x1f\x7f]{1,512}\Z")

JUDGED_CLAIMS = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "cnf"})
"""Claims that the verifier judges itself; requiring a value of them would say nothing new."""

FORBIDDEN_CREDENTIAL_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "baggage",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "last-event-id",
        "te",
        "trailer",
        "transfer-encoding",
        "traceparent",
        "tracestate",
        "upgrade",
    }
)
_FORBIDDEN_HEADER_PREFIXES = ("mcp-", "proxy-", "x-forwarded-")

SCOPED_METHODS = (
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
)
"""Closed on purpose: a misspelt method would be a scope that nothing asks for."""


class Check:
    """A text must match a pattern; called with one, it answers None or the message."""

    __slots__ = ("message", "pattern")

    def __init__(self, pattern: re.Pattern[str], message: str) -> None:
        self.pattern = pattern
        self.message = message

    def __call__(self, text: str) -> str | None:
        """None when `text` matches."""
        return None if self.pattern.match(text) else self.message


tenant_slug = Check(
    TENANT_SLUG, "must be 3 to 32 of a-z, 0-9, -, begin with a letter and not end with -"
)
scope_token = Check(SCOPE_TOKEN, "must be one scope (RFC 6749: visible ASCII, no quote, no space)")
audience = Check(AUDIENCE, "must be visible ASCII, at most 512 characters")
tool_pattern = Check(TOOL_PATTERN, "must be a tool's name or a glob, visible ASCII")
environment_variable = Check(ENVIRONMENT_VARIABLE, "must be the name of an environment variable")
file_path = Check(FILE, "must be a path")
header_prefix = Check(HEADER_PREFIX, "must be printable ASCII, at most 64 characters")
display_name = Check(DISPLAY_NAME, "must be 1 to 64 printable characters")
claim_value = Check(CLAIM_VALUE, "must be 1 to 512 printable characters")


def member_name(text: str) -> str | None:
    """A backend's or an endpoint's name."""
    if text in RESERVED_MEMBER_NAMES or text == "default":
        return f'"{text}" is reserved'
    if not MEMBER_NAME.match(text):
        return "must be 1 to 23 of a-z, 0-9, - and begin with a letter"
    return None


def claim_name(text: str) -> str | None:
    """A claim that an issuer's tokens must carry."""
    if text in JUDGED_CLAIMS:
        return "is judged for every token anyway"
    return None if CLAIM_NAME.match(text) else "must be visible ASCII, at most 128 characters"


def header_name(text: str) -> str | None:
    """A header in which a credential may be sent."""
    lowered = text.lower()
    if lowered in FORBIDDEN_CREDENTIAL_HEADERS or lowered.startswith(_FORBIDDEN_HEADER_PREFIXES):
        return "is a header that the gateway writes itself"
    return None if HEADER_NAME.match(text) else "must be a header's name (RFC 9110)"


def host_name(text: str) -> str | None:
    """A host name or a canonical IPv4 address, without a port."""
    return None if _is_host(text) else "must be a host name"


def issuer_url(text: str) -> str | None:
    """An issuer identifier (RFC 8414 section 2): https, no query, no fragment."""
    message = _url_fault(text)
    if message is None and "?" in text:
        return "must have no query"
    return message


def backend_url(text: str) -> str | None:
    """Where a backend listens: https, or http where the operator's egress grants allow it."""
    return _url_fault(text, plain_http=True)


def origin(text: str) -> str | None:
    """A browser's serialised origin (RFC 6454 section 6.2)."""
    message = _url_fault(text)
    if message is not None:
        return message
    parts = urlsplit(text)
    default = {"https": ":443", "http": ":80"}[parts.scheme]
    if text != f"{parts.scheme}://{parts.netloc}" or text != text.lower():
        return "must be scheme://host[:port] in lower case, without a path"
    return "must leave the default port out" if text.endswith(default) else None


def _url_fault(text: str, *, plain_http: bool = False) -> str | None:
    if len(text) > MAX_URL or not URL_CHARACTERS.match(text):
        return "must be an absolute URL"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "must be an absolute URL"
    if not parts.scheme or not parts.hostname or "://" not in text:
        return "must be an absolute URL"
    if "@" in parts.netloc:
        return "must hold no user or password"
    if "#" in text:
        return "must have no fragment"
    if port == 0 or parts.netloc.endswith(":"):
        return "must have a port from 1 to 65535, or none"
    return _scheme_fault(parts, plain_http=plain_http)


def _scheme_fault(parts: SplitResult, *, plain_http: bool) -> str | None:
    host = parts.hostname or ""
    if not (_is_ipv6(host) if "[" in parts.netloc else _is_host(host)):
        return "must name a host or a plain IP address"
    if parts.scheme == "https":
        return None
    if parts.scheme == "http":
        return None if plain_http or _is_loopback(host) else "must be https"
    return "must be https or http" if plain_http else "must be https"


def _is_host(host: str) -> bool:
    # 127.1, 0x7f.1 and 2130706433 are addresses to some resolvers and names to others.
    return bool(HOST.match(host)) or _is_ipv4(host)


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _is_ipv6(host: str) -> bool:
    try:
        return IPv6Address(host).scope_id is None
    except AddressValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    if _is_ipv4(host):
        return IPv4Address(host).is_loopback
    return _is_ipv6(host) and IPv6Address(host).is_loopback
