"""What token cases are made of: a factory for one endpoint's tokens, and the kinds of case.

A case makes the values of the Authorization headers of one request out of a `TokenFactory`, which
knows the issuer, the resource and the keys of the place where the case is tried. Cases at the edge
of a second carry `needs_fixed_clock`: a live server cannot judge them.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auth.errors import TokenFault
from tests.rigs.signing import (
    SigningKey,
    b64,
    changed,
    compact_json,
    header_for,
    mint,
    mint_raw,
    mint_with,
    rsa_key,
)

LEEWAY_S = 30
CLOCK_AHEAD_S = 5
DAY_S = 86_400


class Expected(StrEnum):
    """The class of answer: served, 401 with `invalid_token`, 401 without error, or 400."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    MISSING = "missing"
    MALFORMED = "malformed"


@dataclass(frozen=True, kw_only=True)
class TokenFactory:
    """Makes tokens for one endpoint. `key` is the issuer's published RSA key."""

    issuer: str
    audience: str
    now: Callable[[], float]
    key: SigningKey
    attacker: SigningKey = field(default_factory=lambda: rsa_key("attacker"))
    other_issuer: str = "https://other-issuer.example"
    """An issuer that the tenant has not configured."""
    second_issuer: str = "https://second-issuer.example"
    """An issuer that it has configured, too; `second_key` is published there only."""
    second_key: SigningKey = field(default_factory=lambda: rsa_key("second"))
    foreign_audience: str = "https://gw.example/t/globex/mcp"
    """The default endpoint of another tenant of the same gateway."""

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of a good token; a change to None removes one."""
        now = int(self.now())
        members = {
            "iss": self.issuer,
            "sub": "ann",
            "aud": self.audience,
            "client_id": "cli",
            "jti": "jti-1",
            "iat": now - 10,
            "exp": now + 600,
            "scope": "tools:read tools:call",
        }
        return changed(members, changes)

    def good(self, **changes: Any) -> str:
        """A good token, with claims changed."""
        return mint(self.claims(**changes), self.key)

    def with_header(self, **changes: Any) -> str:
        """A validly signed token of good claims, with header members changed."""
        return mint(self.claims(), self.key, **changes)

    def with_raw_header(self, header: bytes) -> str:
        return mint_raw(header, compact_json(self.claims()), self.key)

    def with_raw_payload(self, payload: bytes) -> str:
        return mint_raw(compact_json(header_for(self.key)), payload, self.key)

    def with_secret(self, alg: str, secret: bytes) -> str:
        """A token "signed" with HMAC (CVE-2022-29217, CVE-2026-48526)."""
        digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[alg]
        signed = f"{b64(compact_json(header_for(self.key, alg=alg)))}.{self._payload()}"
        return f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"

    def unsigned(self, alg: Any, signature: bytes = b"") -> str:
        header = compact_json({"alg": alg, "typ": "at+jwt", "kid": self.key.kid})
        return mint_with(header, compact_json(self.claims()), signature)

    def public_pem(self) -> bytes:
        return self.key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def _payload(self) -> str:
        return b64(compact_json(self.claims()))


@dataclass(frozen=True, kw_only=True)
class TokenCase:
    """One thing a client may present, and what it is told."""

    id: str
    make: Callable[[TokenFactory], Sequence[str]]
    expected: Expected
    fault: TokenFault | None = None
    """The reason in the audit; None where several are fine."""
    needs_fixed_clock: bool = False


Make = Callable[[TokenFactory], str]


def refused(name: str, make: Make, fault: TokenFault | None = None, **more: Any) -> TokenCase:
    return TokenCase(id=name, make=_bearer(make), expected=Expected.REFUSED, fault=fault, **more)


def accepted(name: str, make: Make, **more: Any) -> TokenCase:
    return TokenCase(id=name, make=_bearer(make), expected=Expected.ACCEPTED, **more)


def each(
    case: Callable[..., TokenCase],
    prefix: str,
    values: Mapping[str, Any] | Iterable[Any],
    make: Callable[[TokenFactory, Any], str],
    *more: Any,
    **named: Any,
) -> list[TokenCase]:
    """One case for each value: `make` gets it; its name, or else its repr, ends the id."""
    pairs = values.items() if isinstance(values, Mapping) else ((repr(v), v) for v in values)
    return [
        case(f"{prefix}-{name}", partial(_with_value, make, value), *more, **named)
        for name, value in pairs
    ]


def _with_value(make: Callable[[TokenFactory, Any], str], value: Any, factory: TokenFactory) -> str:
    return make(factory, value)


def _bearer(make: Make) -> Callable[[TokenFactory], Sequence[str]]:
    return lambda factory: [f"Bearer {make(factory)}"]
