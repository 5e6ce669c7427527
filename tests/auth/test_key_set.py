from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from hypothesis import given
from hypothesis import strategies as st
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from auth.errors import DocumentUnavailable
from auth.key_set import read_key_set
from auth.policy import SIGNATURE_ALGORITHMS

RSA = RSAAlgorithm.to_jwk(rsa_key(65537, 2048).public_key(), as_dict=True)
P256 = ECAlgorithm.to_jwk(ec_key(SECP256R1()).public_key(), as_dict=True)
ED25519 = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate().public_key(), as_dict=True)
GOOD = {**P256, "kid": "good"}


def read(*keys: Any) -> Any:
    return read_key_set({"keys": list(keys)}, SIGNATURE_ALGORITHMS)


@pytest.mark.parametrize(
    ("jwk", "algs"),
    [
        (RSA, {"RS256", "PS256"}),
        ({**RSA, "alg": "PS256"}, {"PS256"}),
        ({**RSA, "use": "sig", "key_ops": ["verify"], "alg": "RS256"}, {"RS256"}),
        (P256, {"ES256"}),
        (ED25519, {"EdDSA"}),
    ],
)
def test_a_key_serves_the_algorithms_of_its_type_or_the_one_that_it_names(
    jwk: dict[str, Any], algs: set[str]
) -> None:
    keys = read({**jwk, "kid": "one"})

    assert {key.alg for key in keys.keys} == algs
    assert keys.ignored == ()


@pytest.mark.parametrize("jwk", [RSA, P256, ED25519], ids=["RSA", "P-256", "Ed25519"])
def test_a_key_is_the_one_that_an_independent_reader_finds(jwk: dict[str, Any]) -> None:
    [key, *_] = read({**jwk, "kid": "one"}).keys

    assert key.key == PyJWK({**jwk}, algorithm=key.alg).key


def test_keys_for_algorithms_that_the_tenant_does_not_accept_are_left_out() -> None:
    keys = read_key_set({"keys": [{**RSA, "kid": "r"}, GOOD]}, frozenset({"ES256", "RS256"}))

    assert {(key.kid, key.alg) for key in keys.keys} == {("r", "RS256"), ("good", "ES256")}


SHORT_RSA = RSAAlgorithm.to_jwk(rsa_key(65537, 1024).public_key(), as_dict=True)  # noqa: S505 - to be refused
P384 = ECAlgorithm.to_jwk(ec_key(SECP384R1()).public_key(), as_dict=True)
ED448 = OKPAlgorithm.to_jwk(Ed448PrivateKey.generate().public_key(), as_dict=True)
PRIVATE_EC = ECAlgorithm.to_jwk(ec_key(SECP256R1()), as_dict=True)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({**RSA, "use": "enc"}, id="K13-use enc"),
        pytest.param({**RSA, "use": None}, id="K13-use null"),
        pytest.param({**RSA, "key_ops": ["encrypt"]}, id="K13-key_ops without verify"),
        pytest.param({**RSA, "key_ops": "verify"}, id="K13-key_ops no list"),
        pytest.param({**RSA, "alg": "ES256"}, id="K13-alg of another type"),
        pytest.param({**RSA, "alg": "HS256"}, id="K13-alg HS256"),
        pytest.param({**RSA, "alg": "none"}, id="K13-alg none"),
        pytest.param({**RSA, "alg": "RSA-OAEP"}, id="K13-alg encryption"),
        pytest.param({**RSA, "alg": ["RS256"]}, id="K13-alg list"),
        pytest.param(PRIVATE_EC, id="K13-private"),
        pytest.param({**RSA, "d": "AQAB"}, id="K13-private RSA"),
        pytest.param({**RSA, "k": "AQAB"}, id="K13-symmetric member"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}, id="K13-oct"),
        pytest.param({"kty": "oct"}, id="K13-oct without value"),
        pytest.param(SHORT_RSA, id="RSA 1024"),
        pytest.param({**RSA, "e": "AQAAAAAAAQAB"}, id="RSA long exponent"),
        pytest.param({**RSA, "e": "AQ"}, id="RSA exponent 1"),
        pytest.param({**RSA, "e": "Ag"}, id="RSA exponent 2"),
        pytest.param({**RSA, "n": RSA["n"] * 5}, id="RSA huge"),
        pytest.param({**RSA, "n": RSA["n"] + "="}, id="padding"),
        pytest.param({**RSA, "n": "\n" + RSA["n"]}, id="line break"),
        pytest.param({**RSA, "n": "+/" + RSA["n"]}, id="other alphabet"),
        pytest.param({**RSA, "n": 7}, id="n is a number"),
        pytest.param({**RSA, "n": "A"}, id="impossible base64"),
        pytest.param({"kty": "RSA"}, id="RSA without numbers"),
        pytest.param(P384, id="P-384"),
        pytest.param({**P256, "x": P256["y"], "y": P256["y"]}, id="not on the curve"),
        pytest.param({**P256, "x": "AAAA"}, id="short coordinate"),
        pytest.param({**P256, "x": None}, id="no coordinate"),
        pytest.param({**P256, "crv": ["P-256"]}, id="curve list"),
        pytest.param(ED448, id="Ed448"),
        pytest.param({**ED25519, "crv": "X25519"}, id="X25519"),
        pytest.param({**ED25519, "x": "AAAA"}, id="short Ed25519"),
        pytest.param({**P256, "kid": 7}, id="kid number"),
        pytest.param({**P256, "kid": ""}, id="kid empty"),
        pytest.param({**P256, "kid": "k" * 257}, id="kid long"),
        pytest.param({"kty": "unknown"}, id="kty unknown"),
        pytest.param({"kty": ["RSA"]}, id="kty list"),
        pytest.param({}, id="empty"),
        pytest.param(None, id="null"),
        pytest.param("x", id="string"),
        pytest.param([], id="list"),
    ],
)
def test_an_unusable_key_is_left_out_and_harms_no_other(bad: Any) -> None:
    keys = read({"kid": "bad", **bad} if isinstance(bad, dict) else bad, GOOD)

    assert [key.kid for key in keys.keys] == ["good"]
    assert len(keys.ignored) == 1
    assert keys.ignored[0].startswith("keys[0]: ")


@pytest.mark.parametrize(
    "document", [{}, {"keys": {}}, {"keys": []}, {"keys": [None]}, {"keys": [GOOD] * 51}]
)
def test_a_document_without_usable_keys_or_with_too_many_is_no_key_set(
    document: dict[str, Any],
) -> None:
    with pytest.raises(DocumentUnavailable):
        read_key_set(document, SIGNATURE_ALGORITHMS)


def test_of_two_keys_with_one_name_the_first_counts() -> None:
    keys = read({**ED25519, "kid": "one"}, {**P256, "kid": "one"}, {**RSA, "kid": "one"}, RSA)

    assert isinstance(keys.find("one", "EdDSA").key, Ed25519PublicKey)
    assert isinstance(keys.find("one", "RS256").key, RSAPublicKey)
    assert keys.find("one", "RS256").kid == "one"


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "alg", "use", "kid", "key_ops"]),
        st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "sig", RSA["n"], P256["x"], "AQ"])
        | st.none()
        | st.integers()
        | st.text(max_size=3)
        | st.lists(st.text(max_size=2), max_size=2),
    )
)
def test_no_key_provokes_anything_but_being_left_out(jwk: dict[str, Any]) -> None:
    assert "good" in read(jwk, GOOD)
