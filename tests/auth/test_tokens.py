import asyncio
from dataclasses import replace

import pytest

from auth.bearer import bearer_from
from auth.errors import (
    AuthError,
    InvalidToken,
    IssuerUnavailable,
    MalformedCredentials,
    MissingToken,
    TokenFault,
)
from auth.key_set import VerificationKey
from auth.policy import SIGNATURE_ALGORITHMS, IssuerPolicy, TokenPolicy
from auth.tokens import TokenVerifier
from auth.verified_tokens import VerifiedTokens
from tests.rigs.signing import KeysInMemory, SigningKey, ec_key, ed_key, mint, rsa_key
from tests.rigs.token_cases import TOKEN_CASES, Expected, TokenCase, TokenFactory

NOW = 1_800_000_000.0
ISSUER = "https://issuer.example"
SECOND_ISSUER = "https://second-issuer.example"
AUDIENCE = "https://gw.example/t/acme/mcp"
OTHER_ENDPOINT = "https://gw.example/t/acme/notes/mcp"

KEY = rsa_key()
FACTORY = TokenFactory(issuer=ISSUER, audience=AUDIENCE, now=lambda: NOW, key=KEY)
POLICY = TokenPolicy(
    tenant="acme",
    issuers={
        ISSUER: IssuerPolicy(issuer=ISSUER),
        SECOND_ISSUER: IssuerPolicy(issuer=SECOND_ISSUER),
    },
    audiences=frozenset({AUDIENCE}),
    foreign_audience_prefix="https://gw.example/t/",
)

ERRORS: dict[Expected, type[AuthError]] = {
    Expected.REFUSED: InvalidToken,
    Expected.MISSING: MissingToken,
    Expected.MALFORMED: MalformedCredentials,
}


class House:
    """A verifier of two issuers, with a clock that tests set."""

    def __init__(self, *keys: SigningKey) -> None:
        self.now = NOW
        self.ring = KeysInMemory(keys or (KEY,))
        self.second_ring = KeysInMemory((FACTORY.second_key,))
        self.cache = VerifiedTokens(now=lambda: self.now)
        self.verifier = TokenVerifier(
            "acme",
            {ISSUER: self.ring, SECOND_ISSUER: self.second_ring},
            cache=self.cache,
            now=lambda: self.now,
        )


@pytest.fixture
def house() -> House:
    return House()


def with_issuer(issuer: IssuerPolicy) -> TokenPolicy:
    return replace(POLICY, issuers={ISSUER: issuer})


@pytest.mark.parametrize("case", TOKEN_CASES, ids=lambda case: case.id)
async def test_a_token_is_judged(case: TokenCase, house: House) -> None:
    headers = case.make(FACTORY)
    if case.expected is Expected.ACCEPTED:
        token = await house.verifier.verify(bearer_from(headers), POLICY)
        assert AUDIENCE in token.audiences
        return
    with pytest.raises(ERRORS[case.expected]) as refusal:
        await house.verifier.verify(bearer_from(headers), POLICY)

    assert len(house.cache) == 0
    if case.fault is not None:
        assert isinstance(refusal.value, InvalidToken)
        assert refusal.value.fault is case.fault


def test_case_ids_are_unique() -> None:
    ids = [case.id for case in TOKEN_CASES]

    assert len(set(ids)) == len(ids)


async def test_a_verified_token_says_who_acts_and_what_for(house: House) -> None:
    bearer = FACTORY.good(act={"sub": "robot"}, aud=[AUDIENCE, "https://api.example"])
    token = await house.verifier.verify(bearer, POLICY)

    assert (token.principal.issuer, token.principal.subject) == (ISSUER, "ann")
    assert token.principal.client_id == "cli"
    assert token.scopes == {"tools:read", "tools:call"}
    assert token.audiences == {AUDIENCE, "https://api.example"}
    assert (token.issued_at, token.expires_at) == (NOW - 10, NOW + 600)
    assert (token.token_id, token.actor) == ("jti-1", "robot")
    assert token.clock_ahead_s == 5


@pytest.mark.parametrize(
    "key", [rsa_key(), rsa_key("ps-1", alg="PS256"), ec_key(), ed_key()], ids=lambda key: key.alg
)
async def test_every_algorithm_verifies_and_its_issuer_may_forbid_it(key: SigningKey) -> None:
    house = House(key)
    bearer = mint(FACTORY.claims(), key)
    others = IssuerPolicy(issuer=ISSUER, algorithms=SIGNATURE_ALGORITHMS - {key.alg})

    assert (await house.verifier.verify(bearer, POLICY)).token_id
    with pytest.raises(InvalidToken) as refusal:
        await house.verifier.verify(bearer, with_issuer(others))
    assert refusal.value.fault is TokenFault.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize("key", [rsa_key(), ec_key(), ed_key()], ids=lambda key: key.alg)
async def test_a_key_of_another_kind_verifies_nothing(key: SigningKey) -> None:
    class Confused(KeysInMemory):
        async def key(self, kid: str | None, alg: str) -> VerificationKey:
            return VerificationKey(kid=kid, alg=alg, key=other.public)

    other = ec_key("other") if key.alg == "RS256" else rsa_key("other")
    verifier = TokenVerifier(
        "acme",
        {ISSUER: Confused((key,))},
        cache=VerifiedTokens(now=lambda: NOW),
        now=lambda: NOW,
    )
    with pytest.raises(InvalidToken) as refusal:
        await verifier.verify(mint(FACTORY.claims(), key), POLICY)

    assert refusal.value.fault is TokenFault.UNKNOWN_KEY


async def test_a_missing_kid_passes_where_the_issuer_may_omit_it_and_has_one_key() -> None:
    lenient = with_issuer(IssuerPolicy(issuer=ISSUER, allow_missing_kid=True))
    bearer = FACTORY.with_header(kid=None)

    assert (await House(KEY).verifier.verify(bearer, lenient)).token_id
    with pytest.raises(InvalidToken):
        await House(KEY, ec_key()).verifier.verify(bearer, lenient)


async def test_an_issuer_without_key_ring_is_unknown(house: House) -> None:
    verifier = TokenVerifier("acme", {}, cache=house.cache, now=lambda: NOW)
    with pytest.raises(InvalidToken) as refusal:
        await verifier.verify(FACTORY.good(), POLICY)

    assert refusal.value.fault is TokenFault.UNKNOWN_ISSUER


@pytest.mark.parametrize(
    ("claims", "is_good"),
    [({"org": "acme"}, True), ({"org": "Acme"}, False), ({"org": ["acme"]}, False), ({}, False)],
)
async def test_claims_that_the_tenant_demands_hold_exactly_the_demanded_value(
    house: House, claims: dict[str, object], *, is_good: bool
) -> None:
    policy = with_issuer(IssuerPolicy(issuer=ISSUER, required_claims={"org": "acme"}))
    if is_good:
        assert (await house.verifier.verify(FACTORY.good(**claims), policy)).token_id
        return
    with pytest.raises(InvalidToken) as refusal:
        await house.verifier.verify(FACTORY.good(**claims), policy)

    assert refusal.value.fault is TokenFault.REQUIRED_CLAIM


async def test_no_policy_tolerates_more_than_a_minute(house: House) -> None:
    policy = with_issuer(IssuerPolicy(issuer=ISSUER, leeway_s=3600))
    bearer = FACTORY.good(exp=int(NOW) - 60, iat=int(NOW) - 600)
    with pytest.raises(InvalidToken) as refusal:
        await house.verifier.verify(bearer, policy)

    assert refusal.value.fault is TokenFault.EXPIRED


async def test_scopes_are_words_and_not_prefixes(house: House) -> None:
    token = await house.verifier.verify(FACTORY.good(scope="tools:callx"), POLICY)

    assert "tools:call" not in token.scopes


LIBRARY_FAILURES: list[type[Exception]] = [
    OverflowError,
    TypeError,
    RecursionError,
    ValueError,
    MemoryError,
    KeyError,
    AttributeError,
    RuntimeError,
]


class FailingRing(KeysInMemory):
    """A key ring from which something other than a key comes."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__(())
        self._failure = failure

    async def key(self, kid: str | None, alg: str) -> VerificationKey:
        self.asked.append((kid, alg))
        raise self._failure


def failing_verifier(failure: BaseException) -> TokenVerifier:
    return TokenVerifier(
        "acme",
        {ISSUER: FailingRing(failure)},
        cache=VerifiedTokens(now=lambda: NOW),
        now=lambda: NOW,
    )


@pytest.mark.parametrize("failure", LIBRARY_FAILURES)
async def test_t25_whatever_goes_wrong_inside_is_a_malformed_token(
    failure: type[Exception],
) -> None:
    with pytest.raises(InvalidToken) as refusal:
        await failing_verifier(failure("inside")).verify(FACTORY.good(), POLICY)

    assert refusal.value.fault is TokenFault.MALFORMED


@pytest.mark.parametrize("failure", [IssuerUnavailable("down"), asyncio.CancelledError()])
async def test_t26_what_is_not_the_tokens_fault_passes_unchanged(failure: BaseException) -> None:
    with pytest.raises(type(failure)):
        await failing_verifier(failure).verify(FACTORY.good(), POLICY)


async def test_no_key_is_asked_for_a_token_that_is_not_well_shaped(house: House) -> None:
    for case in TOKEN_CASES:
        if case.fault in {TokenFault.MALFORMED, TokenFault.CRITICAL_EXTENSION}:
            with pytest.raises(InvalidToken):
                await house.verifier.verify(bearer_from(case.make(FACTORY)), POLICY)

    assert house.ring.asked == []


async def test_keys_are_asked_of_the_named_issuer_only(house: House) -> None:
    with pytest.raises(InvalidToken):
        await house.verifier.verify(mint(FACTORY.claims(), FACTORY.second_key), POLICY)

    assert house.second_ring.asked == []


# The cache of verified tokens, seen from the verifier.


async def test_a_token_seen_before_is_answered_without_suspending(house: House) -> None:
    bearer = FACTORY.good()
    first = await house.verifier.verify(bearer, POLICY)
    again = house.verifier.verify(bearer, POLICY)
    with pytest.raises(StopIteration) as answer:
        again.send(None)

    assert answer.value.value is first
    assert len(house.ring.asked) == 1


async def test_a_remembered_token_does_not_open_another_endpoint(house: House) -> None:
    elsewhere = replace(POLICY, audiences=frozenset({OTHER_ENDPOINT}))
    bearer = FACTORY.good()
    await house.verifier.verify(bearer, POLICY)
    with pytest.raises(InvalidToken) as refusal:
        await house.verifier.verify(bearer, elsewhere)

    assert refusal.value.fault is TokenFault.WRONG_AUDIENCE


async def test_a_remembered_token_is_not_known_to_another_tenant(house: House) -> None:
    bearer = FACTORY.good()
    await house.verifier.verify(bearer, POLICY)
    other = KeysInMemory(())
    globex = TokenVerifier("globex", {ISSUER: other}, cache=house.cache, now=lambda: NOW)
    with pytest.raises(InvalidToken):
        await globex.verify(bearer, POLICY)

    assert len(other.asked) == 1


async def test_a_remembered_token_dies_with_its_key(house: House) -> None:
    bearer = FACTORY.good()
    await house.verifier.verify(bearer, POLICY)
    house.ring.replace(ec_key())
    with pytest.raises(InvalidToken) as refusal:
        await house.verifier.verify(bearer, POLICY)

    assert refusal.value.fault is TokenFault.UNKNOWN_KEY


async def test_a_remembered_token_is_not_good_for_a_new_key_ring(house: House) -> None:
    bearer = FACTORY.good()
    await house.verifier.verify(bearer, POLICY)
    replaced = KeysInMemory(())
    verifier = TokenVerifier("acme", {ISSUER: replaced}, cache=house.cache, now=lambda: NOW)
    with pytest.raises(InvalidToken):
        await verifier.verify(bearer, POLICY)


async def test_a_remembered_token_dies_with_its_issuer(house: House) -> None:
    bearer = FACTORY.good()
    await house.verifier.verify(bearer, POLICY)
    without = replace(POLICY, issuers={SECOND_ISSUER: POLICY.issuers[SECOND_ISSUER]})
    with pytest.raises(InvalidToken) as refusal:
        await house.verifier.verify(bearer, without)

    assert refusal.value.fault is TokenFault.UNKNOWN_ISSUER


async def test_a_remembered_token_expires_on_time(house: House) -> None:
    bearer = FACTORY.good(exp=int(NOW) + 60)
    await house.verifier.verify(bearer, POLICY)
    house.now = NOW + 59
    await house.verifier.verify(bearer, POLICY)
    assert len(house.ring.asked) == 1

    house.now = NOW + 60 + 30
    with pytest.raises(InvalidToken) as refusal:
        await house.verifier.verify(bearer, POLICY)
    assert refusal.value.fault is TokenFault.EXPIRED


async def test_a_token_is_verified_anew_after_five_minutes(house: House) -> None:
    bearer = FACTORY.good()
    await house.verifier.verify(bearer, POLICY)
    house.now = NOW + 300
    await house.verifier.verify(bearer, POLICY)

    assert len(house.ring.asked) == 2


async def test_a_clock_that_was_set_back_forgets_what_it_verified(house: House) -> None:
    bearer = FACTORY.good()
    await house.verifier.verify(bearer, POLICY)
    house.now = NOW - 3600
    with pytest.raises(InvalidToken) as refusal:
        await house.verifier.verify(bearer, POLICY)

    assert refusal.value.fault is TokenFault.ISSUED_IN_FUTURE


async def test_keys_that_change_during_a_verification_leave_nothing_remembered(
    house: House,
) -> None:
    class Rotating(KeysInMemory):
        async def key(self, kid: str | None, alg: str) -> VerificationKey:
            found = await super().key(kid, alg)
            self.version += 1
            return found

    ring = Rotating((KEY,))
    verifier = TokenVerifier("acme", {ISSUER: ring}, cache=house.cache, now=lambda: NOW)
    bearer = FACTORY.good()
    await verifier.verify(bearer, POLICY)
    await verifier.verify(bearer, POLICY)

    assert len(ring.asked) == 2
