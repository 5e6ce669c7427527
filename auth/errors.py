"""What can go wrong while finding out who is calling.

AuthError
 +- MissingToken            no credentials were presented
 +- MalformedCredentials    they cannot be read as one bearer token (RFC 6750 section 3.1)
 +- InvalidToken            read, and not acceptable; the fault is for the audit only
 +- InsufficientScope       a good token that lacks scopes; carries all that the operation needs
 +- IssuerUnavailable       keys cannot be had; the token may be good (503, never 401)
 +- EgressRefused           a destination that the egress guard does not allow
 +- DocumentUnavailable     a remote document could not be fetched or is none
 +- CredentialUnavailable   our own credential for a backend cannot be had or may not be sent

`reason` is the stable code shared by response, log, metric and audit.
"""

from enum import StrEnum
from typing import ClassVar


class TokenFault(StrEnum):
    """Why a token was refused. Never shown to a client: every fault answers the same bytes."""

    MALFORMED = "malformed"
    TOO_LONG = "too_long"
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    CRITICAL_EXTENSION = "critical_extension"
    WRONG_TYPE = "wrong_type"
    ID_TOKEN = "id_token"  # noqa: S105 - a reason code, not a secret
    UNKNOWN_ISSUER = "unknown_issuer"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    MISSING_CLAIM = "missing_claim"
    BAD_CLAIM = "bad_claim"
    REQUIRED_CLAIM = "required_claim"
    WRONG_AUDIENCE = "wrong_audience"
    SEVERAL_TENANTS = "several_tenants"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    ISSUED_IN_FUTURE = "issued_in_future"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    BAD_SCOPE = "bad_scope"
    SENDER_CONSTRAINED = "sender_constrained"
    ACTOR_CHAIN_TOO_LONG = "actor_chain_too_long"
    REVOKED = "revoked"
    BLOCKED = "blocked"


class AuthError(Exception):
    """Base of everything that this floor raises on purpose."""

    reason: ClassVar[str]


class MissingToken(AuthError):
    """No Authorization header was sent."""

    reason = "no_credentials"


class MalformedCredentials(AuthError):
    """Two Authorization headers or two tokens in one: RFC 6750 section 3.1, invalid_request."""

    reason = "malformed_credentials"


class InvalidToken(AuthError):
    """The token is not acceptable here. `fault` says why, for the audit alone."""

    reason = "invalid_token"

    def __init__(self, fault: TokenFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class InsufficientScope(AuthError):
    """The token is good and lacks scopes; `scopes` is all that the operation needs."""

    reason = "insufficient_scope"

    def __init__(self, scopes: frozenset[str]) -> None:
        super().__init__(" ".join(sorted(scopes)))
        self.scopes = scopes


class IssuerUnavailable(AuthError):
    """The issuer's keys cannot be had and none that are fresh enough are known."""

    reason = "issuer_unavailable"


class EgressRefused(AuthError):
    """The egress guard does not allow this destination.

    `remedy` is the exact `egress_grants` entry that an operator would add, for operators only.
    """

    reason = "egress_refused"

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class DocumentUnavailable(AuthError):
    """A remote JSON document could not be fetched within its bounds, or is not what it must be.

    `answered` is true when the other side did answer: another address of it may do better.
    """

    reason = "document_unavailable"

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class CredentialUnavailable(AuthError):
    """The gateway's own credential for a backend is missing, unreadable or unfit for a header."""

    reason = "credential_unavailable"
