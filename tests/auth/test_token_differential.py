"""Our verifier beside joserfc, which shares no code with it: ours is never the laxer one.

Mutations are drawn from a fixed seed, so that a disagreement is found again.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from auth.errors import InvalidToken
from auth.policy import IssuerPolicy, TokenPolicy
from auth.tokens import TokenVerifier
from auth.verified_tokens import VerifiedTokens
from tests.rigs.signing import KeysInMemory, SigningKey, ec_key, ed_key, jwks, mint, rsa_key

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")

NOW = 1_800_000_000
ISSUER = "https://issuer.example"
AUDIENCE = "https://gw.example/t/acme/mcp"
KEYS = (rsa_key(), ec_key(), ed_key())
ROUNDS = 3000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ "

POLICY = TokenPolicy(
    tenant="acme",
    issuers={ISSUER: IssuerPolicy(issuer=ISSUER)},
    audiences=frozenset({AUDIENCE}),
)
CLAIMS = {
    "iss": ISSUER,
    "sub": "ann",
    "aud": AUDIENCE,
    "client_id": "cli",
    "jti": "jti-1",
    "iat": NOW - 10,
    "exp": NOW + 600,
    "scope": "tools:read",
}
OTHER_VALUES: tuple[Any, ...] = (
    None,
    "",
    "x",
    0,
    -1,
    True,
    [],
    {},
    [AUDIENCE],
    [AUDIENCE, "x"],
    NOW,
    NOW - 3600,
    NOW + 3600,
    float(NOW),
    AUDIENCE + "/",
    ISSUER + "/",
)
OTHER_HEADERS = ("typ", "kid", "crit", "b64", "jwk", "zip", "x5t", "alg", "cty")


def claim_changed(rng: random.Random, key: SigningKey) -> str:
    claims = {**CLAIMS, rng.choice(sorted(CLAIMS)): rng.choice(OTHER_VALUES)}
    return mint({k: v for k, v in claims.items() if v is not None}, key)


def header_changed(rng: random.Random, key: SigningKey) -> str:
    return mint(CLAIMS, key, **{rng.choice(OTHER_HEADERS): rng.choice(OTHER_VALUES)})


def characters_changed(rng: random.Random, key: SigningKey) -> str:
    letters = list(mint(CLAIMS, key))
    for _ in range(rng.randint(1, 3)):
        letters[rng.randrange(len(letters))] = rng.choice(ALPHABET)
    return "".join(letters)


def parts_changed(rng: random.Random, key: SigningKey) -> str:
    parts = mint(CLAIMS, key).split(".")
    other = mint({**CLAIMS, "sub": "root"}, rng.choice(KEYS)).split(".")
    parts[rng.randrange(3)] = other[rng.randrange(3)]
    return ".".join(parts)


def length_changed(rng: random.Random, key: SigningKey) -> str:
    token = mint(CLAIMS, key)
    at = rng.randrange(len(token))
    return rng.choice((token[:at], token[at:], token[:at] + rng.choice(ALPHABET) + token[at:]))


def unchanged(_rng: random.Random, key: SigningKey) -> str:
    return mint(CLAIMS, key)


MUTATIONS: tuple[Callable[[random.Random, SigningKey], str], ...] = (
    claim_changed,
    header_changed,
    characters_changed,
    parts_changed,
    length_changed,
    unchanged,
)

PUBLISHED = KeySet.import_key_set(jwks(*KEYS))  # type: ignore[arg-type]
REGISTRY = jwt.JWTClaimsRegistry(
    now=lambda: NOW,
    leeway=30,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    sub={"essential": True},
    client_id={"essential": True},
    jti={"essential": True},
    iat={"essential": True},
    exp={"essential": True},
)


def joserfc_accepts(token: str) -> bool:
    try:
        decoded = jwt.decode(token, PUBLISHED, algorithms=["RS256", "ES256", "EdDSA", "Ed25519"])
        REGISTRY.validate(decoded.claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return False
    return True


async def we_accept(verifier: TokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token, POLICY)
    except InvalidToken:
        return False
    return True


async def test_nothing_passes_that_an_independent_verifier_refuses() -> None:
    rng = random.Random(20260728)  # noqa: S311 - a fixed seed, not a secret
    verifier = TokenVerifier(
        "acme",
        {ISSUER: KeysInMemory(KEYS)},
        cache=VerifiedTokens(now=lambda: NOW),
        now=lambda: NOW,
    )
    accepted = 0
    for _ in range(ROUNDS):
        token = rng.choice(MUTATIONS)(rng, rng.choice(KEYS))
        if await we_accept(verifier, token):
            accepted += 1
            assert joserfc_accepts(token), token

    assert ROUNDS / 10 < accepted < ROUNDS / 2


async def test_every_unchanged_token_passes_both() -> None:
    verifier = TokenVerifier(
        "acme",
        {ISSUER: KeysInMemory(KEYS)},
        cache=VerifiedTokens(now=lambda: NOW),
        now=lambda: NOW,
    )
    for number in range(300):
        token = mint({**CLAIMS, "jti": str(number)}, KEYS[number % len(KEYS)])

        assert await we_accept(verifier, token)
        assert joserfc_accepts(token)
