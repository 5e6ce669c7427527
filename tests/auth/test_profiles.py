import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auth.access_token import AccessToken
from auth.errors import InvalidToken, TokenFault
from auth.policy import IssuerPolicy, Profile, TokenPolicy
from auth.profiles import ACCESS_TOKEN_TYPES, PROFILES
from auth.tokens import TokenVerifier
from auth.verified_tokens import VerifiedTokens
from tests.rigs.signing import KeysInMemory, changed, compact_json, mint_raw, rsa_key

RECORDED = sorted((Path(__file__).parent / "profiles").glob("*.json"))
KEY = rsa_key("recorded")


@dataclass(frozen=True)
class Recording:
    """A token as its provider mints it, under a key of ours."""

    name: str
    document: dict[str, Any]

    @property
    def profile(self) -> Profile:
        return Profile(self.document["profile"])

    @property
    def claims(self) -> dict[str, Any]:
        claims: dict[str, Any] = self.document["claims"]
        return claims

    @property
    def is_relaxed(self) -> bool:
        return self.document["header"].get("typ") not in ACCESS_TOKEN_TYPES

    def minted(self, claims: dict[str, Any] | None = None, **header: Any) -> str:
        head = changed(self.document["header"], {"kid": KEY.kid, **header})
        return mint_raw(compact_json(head), compact_json(claims or self.claims), KEY)

    async def verified(self, bearer: str, *, profile: Profile | None = None) -> AccessToken:
        now = self.claims["iat"] + 60.0
        issuer = IssuerPolicy(issuer=self.claims["iss"], profile=profile or self.profile)
        aud = self.claims["aud"]
        policy = TokenPolicy(
            tenant="acme",
            issuers={issuer.issuer: issuer},
            audiences=frozenset({aud if isinstance(aud, str) else aud[0]}),
        )
        verifier = TokenVerifier(
            "acme",
            {issuer.issuer: KeysInMemory((KEY,))},
            cache=VerifiedTokens(now=lambda: now),
            now=lambda: now,
        )
        return await verifier.verify(bearer, policy)

    async def fault_of(self, bearer: str, *, profile: Profile | None = None) -> TokenFault:
        with pytest.raises(InvalidToken) as refusal:
            await self.verified(bearer, profile=profile)
        return refusal.value.fault


RECORDINGS = [Recording(path.stem, json.loads(path.read_text())) for path in RECORDED]
RELAXED = [recording for recording in RECORDINGS if recording.is_relaxed]
all_recorded = pytest.mark.parametrize("recorded", RECORDINGS, ids=lambda r: r.name)
all_relaxed = pytest.mark.parametrize("recorded", RELAXED, ids=lambda r: r.name)


def test_every_profile_has_a_row_and_a_recording() -> None:
    assert set(PROFILES) == set(Profile)
    assert {recording.profile for recording in RECORDINGS} == set(Profile)


@all_recorded
async def test_what_the_provider_mints_is_read(recorded: Recording) -> None:
    token = await recorded.verified(recorded.minted())
    reads = recorded.document["reads"]

    assert token.principal.subject == reads["subject"]
    assert token.principal.client_id == reads["client_id"]
    assert token.scopes == frozenset(reads["scopes"])
    assert token.token_id == reads["token_id"] or reads["token_id"] is None


@all_relaxed
async def test_strict_rfc_9068_refuses_it(recorded: Recording) -> None:
    fault = await recorded.fault_of(recorded.minted(), profile=Profile.RFC9068)

    assert fault is TokenFault.WRONG_TYPE


@all_recorded
async def test_the_providers_own_id_token_is_refused(recorded: Recording) -> None:
    id_token = recorded.document["id_token_claims"]
    aimed_at_us = {**id_token, "aud": recorded.claims["aud"]}

    assert await recorded.fault_of(recorded.minted(id_token))
    assert await recorded.fault_of(recorded.minted(aimed_at_us)) is TokenFault.ID_TOKEN


@all_recorded
@pytest.mark.parametrize("mark", ["nonce", "at_hash", "c_hash"])
async def test_marks_of_an_id_token_are_refused(recorded: Recording, mark: str) -> None:
    fault = await recorded.fault_of(recorded.minted({**recorded.claims, mark: "x"}))

    assert fault is TokenFault.ID_TOKEN


@all_relaxed
async def test_without_the_proof_the_other_type_is_refused(recorded: Recording) -> None:
    proofs = {proof.claim: None for proof in PROFILES[recorded.profile].proofs}
    bare = changed(recorded.claims, proofs)

    assert await recorded.fault_of(recorded.minted(bare)) is TokenFault.ID_TOKEN


@all_relaxed
async def test_a_header_of_the_standard_is_as_good(recorded: Recording) -> None:
    assert (await recorded.verified(recorded.minted(typ="at+jwt"))).token_id


@all_recorded
@pytest.mark.parametrize("typ", ["dpop+jwt", "logout+jwt", "secevent+jwt", 1])
async def test_no_profile_accepts_other_types(recorded: Recording, typ: Any) -> None:
    fault = await recorded.fault_of(recorded.minted(typ=typ))

    assert fault is TokenFault.WRONG_TYPE


@all_recorded
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"sub": None}, TokenFault.MISSING_CLAIM),
        ({"aud": None}, TokenFault.MISSING_CLAIM),
        ({"exp": None}, TokenFault.MISSING_CLAIM),
        ({"iat": None}, TokenFault.MISSING_CLAIM),
        ({"iss": "https://evil.example"}, TokenFault.UNKNOWN_ISSUER),
        ({"aud": "https://elsewhere.example"}, TokenFault.WRONG_AUDIENCE),
        ({"exp": 1790000001}, TokenFault.EXPIRED),
        ({"nbf": 1790009999}, TokenFault.NOT_YET_VALID),
        ({"cnf": {"jkt": "x"}}, TokenFault.SENDER_CONSTRAINED),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else str(value),
)
async def test_what_no_profile_relaxes(
    recorded: Recording, changes: dict[str, Any], fault: TokenFault
) -> None:
    assert await recorded.fault_of(recorded.minted(changed(recorded.claims, changes))) is fault


@all_recorded
async def test_no_profile_relaxes_signatures_and_critical_headers(recorded: Recording) -> None:
    good = recorded.minted()
    forged = good[:-20] + ("A" if good[-20] != "A" else "B") + good[-19:]

    assert await recorded.fault_of(forged) is TokenFault.BAD_SIGNATURE
    assert await recorded.fault_of(recorded.minted(alg="none")) is TokenFault.UNSUPPORTED_ALGORITHM
    assert await recorded.fault_of(recorded.minted(crit=["x"])) is TokenFault.CRITICAL_EXTENSION


@all_recorded
async def test_a_token_without_client_is_refused(recorded: Recording) -> None:
    names = dict.fromkeys(PROFILES[recorded.profile].client_claims)
    fault = await recorded.fault_of(recorded.minted(changed(recorded.claims, names), typ="at+jwt"))

    assert fault is TokenFault.MISSING_CLAIM


@all_relaxed
async def test_clients_that_contradict_each_other_are_refused(recorded: Recording) -> None:
    names = PROFILES[recorded.profile].client_claims
    contradicting = recorded.claims | {
        name: recorded.claims.get(name, "someone-else") for name in names
    }

    assert await recorded.fault_of(recorded.minted(contradicting)) is TokenFault.BAD_CLAIM


@all_recorded
async def test_only_auth0_may_leave_out_the_token_id(recorded: Recording) -> None:
    bearer = recorded.minted(
        changed(recorded.claims, {PROFILES[recorded.profile].token_id_claim: None})
    )
    if recorded.profile is Profile.AUTH0:
        assert (await recorded.verified(bearer)).token_id.startswith("sha256:")
    else:
        assert await recorded.fault_of(bearer) is TokenFault.MISSING_CLAIM


async def test_a_derived_token_id_names_one_content() -> None:
    recorded = next(r for r in RECORDINGS if r.name == "auth0")
    first = await recorded.verified(recorded.minted())
    again = await recorded.verified(recorded.minted())
    other = await recorded.verified(recorded.minted({**recorded.claims, "exp": 1790086399}))

    assert first.token_id == again.token_id != other.token_id


@pytest.mark.parametrize(
    ("name", "claim"), [("entra", "scope"), ("okta", "scope"), ("keycloak", "scp")]
)
async def test_scopes_are_read_from_one_place_only(name: str, claim: str) -> None:
    recorded = next(r for r in RECORDINGS if r.name == name)
    token = await recorded.verified(recorded.minted({**recorded.claims, claim: "tools:admin"}))

    assert "tools:admin" not in token.scopes


async def test_roles_of_entra_grant_nothing() -> None:
    recorded = next(r for r in RECORDINGS if r.name == "entra-v1")
    token = await recorded.verified(recorded.minted())

    assert token.scopes == frozenset()
