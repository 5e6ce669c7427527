"""What identity providers really mint where it differs from RFC 9068. One row a provider.

Rules: strict RFC 9068 is the default and a profile only relaxes what its row names, which
`docs/issuer-profiles.md` says to operators. A header type other than `at+jwt` is accepted only
together with a claim that the provider never puts into an ID token (`proof`); `nonce`, `at_hash`
and their kin are refused always. No row touches algorithms, signatures, issuer, audience, times,
`sub`, or sender constraints.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from auth.policy import Profile
from auth.scopes import parse_scope, parse_scope_list

# RFC 9068 section 2.1: "application/at+jwt", or without the prefix as RFC 7515 recommends.
ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})

NO_TYPE = ""
"""Stands for an absent `typ` in `ProfileRules.other_types`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A claim that marks an access token; `value` None means that its presence suffices."""

    claim: str
    value: str | None = None

    def is_given_by(self, claims: Mapping[str, Any]) -> bool:
        """Whether `claims` hold it."""
        if self.value is None:
            return claims.get(self.claim) is not None
        return claims.get(self.claim) == self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRules:
    """Where a provider's access tokens keep what RFC 9068 asks for."""

    other_types: frozenset[str] = frozenset()
    """Header types (lower case) accepted besides `ACCESS_TOKEN_TYPES`, given a proof."""
    proofs: tuple[Proof, ...] = ()
    """Any one of them shows that a token of another type is an access token."""
    client_claims: tuple[str, ...] = ("client_id",)
    """Where the client's id may stand; those that are present must agree."""
    token_id_claim: str = "jti"  # noqa: S105 - the name of a claim
    derives_token_id: bool = False
    """Without the token id claim, a digest of what was signed serves as the id."""
    scope_claim: str = "scope"
    read_scope: Callable[[Any], frozenset[str]] = parse_scope

    def accepts_type(self, typ: str) -> bool:
        """Whether a header may carry this `typ` (lower case, `NO_TYPE` when absent) at all."""
        return typ in ACCESS_TOKEN_TYPES or typ in self.other_types

    def proves_access_token(self, typ: str, claims: Mapping[str, Any]) -> bool:
        """Whether header type and claims together leave no doubt that it is an access token."""
        if typ in ACCESS_TOKEN_TYPES:
            return True
        return any(proof.is_given_by(claims) for proof in self.proofs)


PROFILES: Mapping[Profile, ProfileRules] = {
    Profile.RFC9068: ProfileRules(),
    # The payload's own `typ` is Bearer for access tokens, ID and Refresh for the others.
    Profile.KEYCLOAK: ProfileRules(
        other_types=frozenset({"jwt"}),
        proofs=(Proof(claim="typ", value="Bearer"),),
        client_claims=("client_id", "azp"),
    ),
    # How the client authenticated is said in access tokens only: `azpacr` (v2), `appidacr` (v1).
    Profile.ENTRA: ProfileRules(
        other_types=frozenset({"jwt"}),
        proofs=(Proof(claim="azpacr"), Proof(claim="appidacr")),
        client_claims=("azp", "appid"),
        token_id_claim="uti",  # noqa: S106 - the name of a claim
        scope_claim="scp",
    ),
    # Sends no header type at all; only access tokens name the client in `cid`.
    Profile.OKTA: ProfileRules(
        other_types=frozenset({NO_TYPE, "jwt"}),
        proofs=(Proof(claim="cid"),),
        client_claims=("client_id", "cid"),
        scope_claim="scp",
        read_scope=parse_scope_list,
    ),
    # Its default dialect has no `jti`; `scope` and `gty` are reserved and not put in ID tokens.
    Profile.AUTH0: ProfileRules(
        other_types=frozenset({"jwt"}),
        proofs=(Proof(claim="scope"), Proof(claim="gty")),
        client_claims=("client_id", "azp"),
        derives_token_id=True,
    ),
}
