"""What a tenant accepts as a token. Pure values, made once when a tenant is registered."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

SIGNATURE_ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "EdDSA"})

MAX_LEEWAY_S = 60
"""No policy tolerates more, whatever it says: the claim checks cap `leeway_s` here."""


class Profile(StrEnum):
    """Which identity provider's habits are tolerated; `rfc9068` tolerates none."""

    RFC9068 = "rfc9068"
    KEYCLOAK = "keycloak"
    ENTRA = "entra"
    OKTA = "okta"
    AUTH0 = "auth0"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerPolicy:
    """One issuer that a tenant trusts, and how far. Durations in seconds."""

    issuer: str
    profile: Profile = Profile.RFC9068
    algorithms: frozenset[str] = SIGNATURE_ALGORITHMS
    required_claims: Mapping[str, str] = field(default_factory=dict)
    leeway_s: float = 30
    clock_ahead_s: float = 5
    max_lifetime_s: float = 86_400
    allow_missing_kid: bool = False
    jwks_hosts: frozenset[str] = frozenset()
    """Hosts besides the issuer's own that its `jwks_uri` may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """The issuers and audiences that open one endpoint of a tenant."""

    tenant: str
    issuers: Mapping[str, IssuerPolicy]
    audiences: frozenset[str]
    foreign_audience_prefix: str = ""
    """This gateway's own `{public_url}/t/`: an audience below it that names another tenant
    makes the token one for two tenants, which is refused."""
    fingerprint: str = field(init=False, compare=False, repr=False)
    """Digest of everything above, so that a verified token is never remembered under another
    policy than the one that accepted it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", _digest(self))


def _digest(policy: TokenPolicy) -> str:
    members = {
        "tenant": policy.tenant,
        "issuers": {name: _members(issuer) for name, issuer in policy.issuers.items()},
        "audiences": policy.audiences,
        "foreign_audience_prefix": policy.foreign_audience_prefix,
    }
    canonical = json.dumps(members, sort_keys=True, default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _members(issuer: IssuerPolicy) -> dict[str, Any]:
    return {member.name: getattr(issuer, member.name) for member in fields(issuer)}


def _plain(value: Any) -> list[str] | dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else sorted(value)
