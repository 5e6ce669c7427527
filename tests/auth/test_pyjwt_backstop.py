"""What we rely on in PyJWT, and where it is laxer than we are: a new version that changes either
makes one of these fail, and `auth.tokens` is to be read again."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from auth.policy import SIGNATURE_ALGORITHMS
from auth.tokens import _JWS
from tests.rigs.signing import (
    SigningKey,
    compact_json,
    ec_key,
    ed_key,
    header_for,
    mint,
    mint_raw,
    mint_with,
    rsa_key,
)

KEY = rsa_key()
CLAIMS = {"sub": "ann"}
OPTIONS: Any = {"verify_signature": True, "enforce_minimum_key_length": True}


def payload_of(token: str, key: SigningKey = KEY, algorithms: list[str] | None = None) -> bytes:
    decoded = _JWS.decode_complete(
        token, key=key.public, algorithms=algorithms or [key.alg], options=OPTIONS
    )
    payload: bytes = decoded["payload"]
    return payload


# Relied on.


@pytest.mark.parametrize(
    "key", [KEY, rsa_key("ps-1", alg="PS256"), ec_key(), ed_key()], ids=lambda key: key.alg
)
def test_a_concrete_key_object_verifies(key: SigningKey) -> None:
    assert payload_of(mint(CLAIMS, key), key) == compact_json(CLAIMS)


@pytest.mark.parametrize("key", [KEY, ec_key(), ed_key()], ids=lambda key: key.alg)
def test_another_signature_has_an_error_of_its_own(key: SigningKey) -> None:
    token = mint_with(
        compact_json(header_for(key)), compact_json(CLAIMS), bytes(len(key.sign(b"")))
    )

    with pytest.raises(jwt.InvalidSignatureError):
        payload_of(token, key)


def test_our_instance_knows_no_algorithm_but_ours() -> None:
    assert set(_JWS.get_algorithms()) == SIGNATURE_ALGORITHMS


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "RS512"])
def test_an_algorithm_that_it_does_not_know_is_refused_even_if_asked_for(alg: str) -> None:
    token = mint_with(compact_json({"alg": alg}), compact_json(CLAIMS), b"")

    with pytest.raises(jwt.InvalidTokenError):
        payload_of(token, KEY, [alg])


def test_an_algorithm_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(jwt.InvalidAlgorithmError):
        payload_of(mint(CLAIMS, KEY), KEY, ["PS256"])


def test_a_short_rsa_key_is_refused_when_told_so() -> None:
    short = SigningKey("short", "RS256", rsa.generate_private_key(65537, 1024))  # noqa: S505

    with pytest.raises(jwt.InvalidKeyError):
        payload_of(mint(CLAIMS, short), short)


def test_a_key_of_another_curve_is_refused() -> None:
    token = mint(CLAIMS, ec_key())

    with pytest.raises(jwt.InvalidKeyError):
        _JWS.decode_complete(
            token,
            key=ec.generate_private_key(ec.SECP384R1()).public_key(),
            algorithms=["ES256"],
            options=OPTIONS,
        )


@pytest.mark.parametrize("crit", [["x"], ["exp"], "x", [1]])
def test_unknown_critical_extensions_are_refused_here_too(crit: object) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        payload_of(mint(CLAIMS, KEY, crit=crit))


# Laxer than we are: why `token_shape` and `claims` exist.


def test_the_last_of_two_members_wins() -> None:
    token = mint_raw(b'{"alg":"none","alg":"RS256"}', b'{"sub":"a","sub":"b"}', KEY)

    assert payload_of(token) == b'{"sub":"a","sub":"b"}'


def test_typ_is_not_looked_at() -> None:
    assert payload_of(mint(CLAIMS, KEY, typ="logout+jwt"))


def test_an_embedded_key_is_neither_used_nor_refused() -> None:
    assert payload_of(mint(CLAIMS, KEY, jwk=rsa_key("attacker").jwk()))
    with pytest.raises(jwt.InvalidSignatureError):
        payload_of(mint(CLAIMS, rsa_key("attacker"), jwk=rsa_key("attacker").jwk()))


def test_a_payload_that_is_not_json_passes_the_signature_check() -> None:
    assert payload_of(mint_raw(compact_json(header_for(KEY)), b"\xff", KEY)) == b"\xff"
