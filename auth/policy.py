"""What a tenant accepts as a token. Pure values, made once when a tenant is registered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SIGNATURE_ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "EdDSA"})


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
