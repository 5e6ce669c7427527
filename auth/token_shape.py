"""A compact JWS as it must look before anything in it is used (RFC 7515, RFC 8725).

Rules: pure, and nothing read here may be believed: the names say `unverified`. One token has one
spelling: canonical base64url without padding, strict JSON, no member twice. Keys are never taken
from a token, and extensions are never understood.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auth.errors import InvalidToken, TokenFault
from auth.policy import SIGNATURE_ALGORITHMS
from auth.profiles import NO_TYPE
from auth.strict_json import InvalidJson, strict_json

MAX_TOKEN_BYTES = 8192
MAX_HEADER_DEPTH = 8
MAX_PAYLOAD_DEPTH = 16
MAX_KID_LENGTH = 256

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

_REFUSED_MEMBERS = {
    # RFC 7515 section 4.1.11: "If any of the listed extension Header Parameters are not understood
    # and supported by the recipient, then the JWS is invalid." We support none.
    "crit": TokenFault.CRITICAL_EXTENSION,
    "b64": TokenFault.CRITICAL_EXTENSION,
    "zip": TokenFault.CRITICAL_EXTENSION,
    "enc": TokenFault.CRITICAL_EXTENSION,
    # A token does not bring its own key, nor the place to fetch it from.
    "jwk": TokenFault.MALFORMED,
    "jku": TokenFault.MALFORMED,
    "x5u": TokenFault.MALFORMED,
    "x5c": TokenFault.MALFORMED,
}

# RFC 7515 sections 4.1.7 to 4.1.10: of no use to us, and strings all the same.
_TEXT_MEMBERS = ("cty", "x5t", "x5t#S256")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedToken:
    """A well-shaped token of which nothing is proven."""

    compact: str
    header: dict[str, Any]
    claims: dict[str, Any]
    payload: bytes

    @property
    def algorithm(self) -> str:
        """The header's `alg`; after `check_algorithm`."""
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        """The header's `kid`, None when absent; after `check_kid`."""
        return self.header.get("kid")

    @property
    def typ(self) -> str:
        """The header's `typ` in lower case, `NO_TYPE` when absent; after `check_type`."""
        return str(self.header.get("typ", NO_TYPE)).lower()

    @property
    def signed(self) -> bytes:
        """The bytes that the signature covers: the token without its signature."""
        return self.compact.rpartition(".")[0].encode("ascii")


def read_compact(bearer: str) -> UnverifiedToken:
    """Take a compact JWS apart.

    Raises:
        InvalidToken: TOO_LONG or MALFORMED.
    """
    if len(bearer) > MAX_TOKEN_BYTES:
        raise InvalidToken(TokenFault.TOO_LONG)
    if _COMPACT.fullmatch(bearer) is None:
        raise InvalidToken(TokenFault.MALFORMED)
    header, payload, _signature = map(_canonical_bytes, bearer.split("."))
    return UnverifiedToken(
        compact=bearer,
        header=_json_object(header, max_depth=MAX_HEADER_DEPTH),
        claims=_json_object(payload, max_depth=MAX_PAYLOAD_DEPTH),
        payload=payload,
    )


def check_algorithm(token: UnverifiedToken) -> None:
    """`alg` is one of ours, compared exactly; the issuer may allow fewer."""
    algorithm = token.header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in SIGNATURE_ALGORITHMS:
        raise InvalidToken(TokenFault.UNSUPPORTED_ALGORITHM)


def check_members(token: UnverifiedToken) -> None:
    """Refuse headers that bring keys, compression, encryption or critical extensions."""
    for member, fault in _REFUSED_MEMBERS.items():
        if member in token.header:
            raise InvalidToken(fault)


def check_unused_members(token: UnverifiedToken) -> None:
    """What is not used must be well-formed nevertheless: others may use it."""
    if not all(isinstance(token.header.get(member, ""), str) for member in _TEXT_MEMBERS):
        raise InvalidToken(TokenFault.MALFORMED)


def check_type(token: UnverifiedToken) -> None:
    """`typ`, if there is one, is an ASCII string; the issuer's profile says which ones pass."""
    typ = token.header.get("typ", NO_TYPE)
    if not isinstance(typ, str) or not typ.isascii() or ("typ" in token.header and not typ):
        raise InvalidToken(TokenFault.WRONG_TYPE)


def check_kid(token: UnverifiedToken) -> None:
    """`kid`, if there is one, is a short printable string: it reaches maps, never paths or logs."""
    if "kid" not in token.header:
        return
    kid = token.header["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH or not kid.isprintable():
        raise InvalidToken(TokenFault.MALFORMED)


SHAPE_CHECKS: tuple[Callable[[UnverifiedToken], None], ...] = (
    check_algorithm,
    check_type,
    check_members,
    check_unused_members,
    check_kid,
)


def _canonical_bytes(segment: str) -> bytes:
    try:
        data = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (Base64Error, ValueError):
        raise InvalidToken(TokenFault.MALFORMED) from None
    # The last character may carry bits that decoding drops: one token would have many spellings.
    if urlsafe_b64encode(data).rstrip(b"=") != segment.encode("ascii"):
        raise InvalidToken(TokenFault.MALFORMED)
    return data


def _json_object(data: bytes, *, max_depth: int) -> dict[str, Any]:
    try:
        value = strict_json(data, max_depth=max_depth)
    except InvalidJson:
        raise InvalidToken(TokenFault.MALFORMED) from None
    if not isinstance(value, dict):
        raise InvalidToken(TokenFault.MALFORMED)
    return value
