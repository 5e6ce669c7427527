"""Keys and tokens for tests: real signatures over whatever header and payload a test wants.

Nothing here uses the library that the product verifies with.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from auth.errors import InvalidToken, TokenFault
from auth.key_set import VerificationKey

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True)
class SigningKey:
    """A private key with the id and the algorithm that it is published under."""

    kid: str
    alg: str
    private: PrivateKey

    @property
    def public(self) -> PublicKey:
        return self.private.public_key()

    def sign(self, data: bytes) -> bytes:
        private = self.private
        if isinstance(private, rsa.RSAPrivateKey):
            scheme = _pss() if self.alg == "PS256" else padding.PKCS1v15()
            return private.sign(data, scheme, hashes.SHA256())
        if isinstance(private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return private.sign(data)

    def jwk(self) -> dict[str, Any]:
        """The public key as a JWKS publishes it (RFC 7517, 7518, 8037)."""
        return {"kid": self.kid, "alg": self.alg, "use": "sig", **_public_members(self.public)}


def rsa_key(kid: str = "rsa-1", *, alg: str = "RS256") -> SigningKey:
    """The same key for the same id within one process: making one costs 50 ms."""
    return SigningKey(kid, alg, _rsa_private(kid))


def ec_key(kid: str = "ec-1") -> SigningKey:
    return SigningKey(kid, "ES256", _ec_private(kid))


def ed_key(kid: str = "ed-1") -> SigningKey:
    return SigningKey(kid, "EdDSA", _ed_private(kid))


def jwks(*keys: SigningKey) -> dict[str, Any]:
    return {"keys": [key.jwk() for key in keys]}


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def compact_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def header_for(key: SigningKey, **changes: Any) -> dict[str, Any]:
    """The header of a good access token, with members changed or (None) removed."""
    return changed({"alg": key.alg, "typ": "at+jwt", "kid": key.kid}, changes)


def changed(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`members` updated; a change to None removes the member."""
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def mint(claims: Mapping[str, Any], key: SigningKey, **header: Any) -> str:
    """A signed token; `header` changes or (None) removes members of a good header."""
    return mint_raw(compact_json(header_for(key, **header)), compact_json(dict(claims)), key)


def mint_raw(header: bytes, payload: bytes, key: SigningKey) -> str:
    """A validly signed token of these very bytes, whatever they are."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    return f"{signing_input}.{b64(key.sign(signing_input.encode('ascii')))}"


def mint_with(header: bytes, payload: bytes, signature: bytes) -> str:
    return f"{b64(header)}.{b64(payload)}.{b64(signature)}"


class KeysInMemory:
    """A key ring whose keys are simply there; counts what it is asked."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self.version = 1
        self.asked: list[tuple[str | None, str]] = []
        self._keys = {(key.kid, key.alg): key for key in keys}

    def replace(self, *keys: SigningKey) -> None:
        self._keys = {(key.kid, key.alg): key for key in keys}
        self.version += 1

    async def key(self, kid: str | None, alg: str) -> VerificationKey:
        self.asked.append((kid, alg))
        found = self._only() if kid is None else self._keys.get((kid, alg))
        if found is None:
            raise InvalidToken(TokenFault.UNKNOWN_KEY)
        return VerificationKey(kid=found.kid, alg=found.alg, key=found.public)

    def _only(self) -> SigningKey | None:
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None


def _pss() -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


@cache
def _rsa_private(kid: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def _ec_private(kid: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _ed_private(kid: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def _public_members(public: PublicKey) -> dict[str, str]:
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _integer(numbers.n, 256), "e": _integer(numbers.e, 3)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        x, y = _integer(point.x, 32), _integer(point.y, 32)
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}


def _integer(value: int, length: int) -> str:
    return b64(value.to_bytes(length, "big"))
