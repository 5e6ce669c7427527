from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from auth.policy import IssuerPolicy, Profile, TokenPolicy

ISSUER = IssuerPolicy(issuer="https://a.example", required_claims={"x": "1", "y": "2"})
OTHER = IssuerPolicy(issuer="https://b.example")
POLICY = TokenPolicy(
    tenant="acme",
    issuers={ISSUER.issuer: ISSUER, OTHER.issuer: OTHER},
    audiences=frozenset({"a", "b", "c"}),
    foreign_audience_prefix="https://gw.example/t/",
)


def test_equal_policies_have_one_fingerprint_whatever_their_order() -> None:
    turned = replace(
        POLICY,
        issuers={
            OTHER.issuer: OTHER,
            ISSUER.issuer: replace(ISSUER, required_claims=MappingProxyType({"y": "2", "x": "1"})),
        },
        audiences=frozenset({"c", "b", "a"}),
    )

    assert turned == POLICY
    assert turned.fingerprint == POLICY.fingerprint


@pytest.mark.parametrize(
    "changes",
    [{"tenant": "globex"}, {"audiences": frozenset({"a"})}, {"foreign_audience_prefix": ""}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_of_the_policy_changes_its_fingerprint(changes: dict[str, Any]) -> None:
    assert replace(POLICY, **changes).fingerprint != POLICY.fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"profile": Profile.OKTA},
        {"algorithms": frozenset({"RS256"})},
        {"required_claims": {"x": "1"}},
        {"leeway_s": 0},
        {"clock_ahead_s": 0},
        {"max_lifetime_s": 60},
        {"allow_missing_kid": True},
        {"jwks_hosts": frozenset({"keys.example"})},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_of_an_issuer_changes_the_fingerprint(changes: dict[str, Any]) -> None:
    issuers = {**POLICY.issuers, ISSUER.issuer: replace(ISSUER, **changes)}

    assert replace(POLICY, issuers=issuers).fingerprint != POLICY.fingerprint
