"""What the claims of a signed token must say, as an ordered list of named checks (RFC 9068 2.2, 4).

Rules: pure; run only on claims whose signature was verified. A check passes silently or raises
`InvalidToken` with its own fault. The order is the order of `CLAIM_CHECKS`. Times are whole
comparisons on the claims as signed: `exp` is over at `exp + leeway`, not one second later.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from auth.errors import InvalidToken, TokenFault
from auth.policy import MAX_LEEWAY_S, IssuerPolicy, TokenPolicy
from auth.profiles import ProfileRules

MAX_AUDIENCES = 64
MAX_IDENTIFIER_LENGTH = 1024
MAX_ACTORS = 4
MAX_TIME = 253_402_300_799
"""The last second of the year 9999: beyond lies no date that software agrees on."""

# OpenID Connect Core 2 and 3.3.2.11: only ID tokens carry these.
_ID_TOKEN_MARKS = ("nonce", "at_hash", "c_hash", "s_hash")
_ACTOR_CLAIMS = ("act", "may_act")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """Signed claims together with everything they are judged by."""

    claims: Mapping[str, Any]
    typ: str
    policy: TokenPolicy
    issuer: IssuerPolicy
    rules: ProfileRules
    now: float

    @property
    def leeway_s(self) -> float:
        """The tolerance for `exp` and `nbf`, capped."""
        return min(self.issuer.leeway_s, MAX_LEEWAY_S)


def check_is_access_token(token: Presented) -> None:
    """Refuse ID tokens, whatever their header says, and types that prove nothing."""
    if any(mark in token.claims for mark in _ID_TOKEN_MARKS):
        raise InvalidToken(TokenFault.ID_TOKEN)
    if not token.rules.proves_access_token(token.typ, token.claims):
        raise InvalidToken(TokenFault.ID_TOKEN)


def check_required(token: Presented) -> None:
    """Refuse a token that lacks what RFC 9068 section 2.2 requires.

    "The following claims are REQUIRED: iss, exp, aud, sub, client_id, iat, jti."
    """
    for claim in ("iss", "exp", "aud", "sub", "iat"):
        if claim not in token.claims:
            raise InvalidToken(TokenFault.MISSING_CLAIM)
    client_id(token)
    if token.rules.token_id_claim not in token.claims and not token.rules.derives_token_id:
        raise InvalidToken(TokenFault.MISSING_CLAIM)


def check_identifiers(token: Presented) -> None:
    """`sub`, the client and the token id are short plain strings."""
    _identifier(token.claims["sub"])
    _identifier(client_id(token))
    if token.rules.token_id_claim in token.claims:
        _identifier(token.claims[token.rules.token_id_claim])


def check_audience(token: Presented) -> None:
    """One of the policy's audiences is named exactly, code point by code point."""
    if not audiences(token.claims) & token.policy.audiences:
        raise InvalidToken(TokenFault.WRONG_AUDIENCE)


def check_one_tenant(token: Presented) -> None:
    """A token that also names another tenant of this gateway opens none."""
    prefix = token.policy.foreign_audience_prefix
    if not prefix:
        return
    for audience in audiences(token.claims):
        if audience.startswith(prefix):
            tenant = audience.removeprefix(prefix).partition("/")[0]
            if tenant != token.policy.tenant:
                raise InvalidToken(TokenFault.SEVERAL_TENANTS)


def check_times(token: Presented) -> None:
    """Valid now, issued in the past, and for no longer than allowed."""
    expires_at, issued_at = seconds(token.claims, "exp"), seconds(token.claims, "iat")
    # RFC 7519 section 4.1.4: "on or after which the JWT MUST NOT be accepted".
    if expires_at + token.leeway_s <= token.now:
        raise InvalidToken(TokenFault.EXPIRED)
    if "nbf" in token.claims and seconds(token.claims, "nbf") > token.now + token.leeway_s:
        raise InvalidToken(TokenFault.NOT_YET_VALID)
    # Revocation cut-offs hold only as long as no issuer's clock runs further ahead than this.
    if issued_at > token.now + token.issuer.clock_ahead_s:
        raise InvalidToken(TokenFault.ISSUED_IN_FUTURE)
    if expires_at <= issued_at:
        raise InvalidToken(TokenFault.BAD_CLAIM)
    if expires_at - issued_at > token.issuer.max_lifetime_s:
        raise InvalidToken(TokenFault.LIFETIME_TOO_LONG)


def check_required_values(token: Presented) -> None:
    """Claims that the tenant demands of this issuer hold exactly the demanded values."""
    for claim, value in token.issuer.required_claims.items():
        if token.claims.get(claim) != value:
            raise InvalidToken(TokenFault.REQUIRED_CLAIM)


def check_scopes(token: Presented) -> None:
    """The scopes are grammatical."""
    scopes(token)


def check_bearer(token: Presented) -> None:
    """Refuse a sender-constrained token (RFC 7800, 8705, 9449): it is no bearer token."""
    if "cnf" in token.claims:
        raise InvalidToken(TokenFault.SENDER_CONSTRAINED)


def check_actors(token: Presented) -> None:
    """Delegation chains (RFC 8693 section 4) are short chains of objects."""
    for claim in _ACTOR_CLAIMS:
        if claim in token.claims:
            _check_chain(token.claims[claim])


CLAIM_CHECKS: tuple[Callable[[Presented], None], ...] = (
    check_is_access_token,
    check_required,
    check_identifiers,
    check_audience,
    check_one_tenant,
    check_times,
    check_required_values,
    check_scopes,
    check_bearer,
    check_actors,
)


def client_id(token: Presented) -> Any:
    """The client that the token was issued to; claims that name different ones are refused."""
    named = [token.claims[c] for c in token.rules.client_claims if c in token.claims]
    if not named:
        raise InvalidToken(TokenFault.MISSING_CLAIM)
    if any(name != named[0] for name in named):
        raise InvalidToken(TokenFault.BAD_CLAIM)
    return named[0]


def audiences(claims: Mapping[str, Any]) -> frozenset[str]:
    """`aud` as a set: one string or a list of up to `MAX_AUDIENCES` (RFC 7519 section 4.1.3)."""
    aud = claims["aud"]
    names = [aud] if isinstance(aud, str) else aud
    if not isinstance(names, list) or not 0 < len(names) <= MAX_AUDIENCES:
        raise InvalidToken(TokenFault.BAD_CLAIM)
    if not all(isinstance(name, str) and name for name in names):
        raise InvalidToken(TokenFault.BAD_CLAIM)
    return frozenset(names)


def scopes(token: Presented) -> frozenset[str]:
    """What the token grants; without the claim, nothing."""
    if token.rules.scope_claim not in token.claims:
        return frozenset()
    return token.rules.read_scope(token.claims[token.rules.scope_claim])


def seconds(claims: Mapping[str, Any], claim: str) -> float:
    """A NumericDate: a number, not a string and not a truth value."""
    value = claims[claim]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(TokenFault.BAD_CLAIM)
    if not 0 <= value <= MAX_TIME:
        raise InvalidToken(TokenFault.BAD_CLAIM)
    return value


def actor(claims: Mapping[str, Any]) -> str | None:
    """Who acts for the subject, for the audit; after `check_actors`."""
    subject = claims.get("act", {}).get("sub")
    return subject if isinstance(subject, str) else None


def _identifier(value: Any) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_IDENTIFIER_LENGTH:
        raise InvalidToken(TokenFault.BAD_CLAIM)
    if _CONTROL.search(value):
        raise InvalidToken(TokenFault.BAD_CLAIM)


def _check_chain(link: Any) -> None:
    for _ in range(MAX_ACTORS):
        if not isinstance(link, dict):
            raise InvalidToken(TokenFault.BAD_CLAIM)
        if "sub" in link:
            _identifier(link["sub"])
        deeper = [claim for claim in _ACTOR_CLAIMS if claim in link]
        if not deeper:
            return
        link = link[deeper[0]]
    raise InvalidToken(TokenFault.ACTOR_CHAIN_TOO_LONG)
