"""A JWK Set (RFC 7517, 7518, 8037), read into concrete public keys. Pure: document in, keys out.

Rules: a key is used only if it is public, meant for signatures, strong enough and fit for an
algorithm that the tenant accepts. Each other one is left out with a reason and harms none.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from auth.errors import DocumentUnavailable

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

MAX_KEYS = 50
MAX_KID_LENGTH = 256
RSA_BITS = range(2048, 8192 + 1)
MAX_RSA_EXPONENT_BITS = 32
COORDINATE_BYTES = 32

ALGORITHMS_OF_TYPE = {
    "RSA": frozenset({"RS256", "PS256"}),
    "EC": frozenset({"ES256"}),
    "OKP": frozenset({"EdDSA"}),
}
# RFC 7518 sections 6.2.2, 6.3.2, 6.4: what makes a key private or symmetric.
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key object and the one algorithm that it is to be used with."""

    kid: str | None
    alg: str
    key: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """The usable keys of one document, replaced whole."""

    keys: tuple[VerificationKey, ...] = ()
    ignored: tuple[str, ...] = field(default=(), compare=False)
    """Why each other key of the document was left out; by position, without its content."""

    _by_name: Mapping[tuple[str | None, str], VerificationKey] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Index the keys; of two with one name the first counts."""
        by_name = {(key.kid, key.alg): key for key in reversed(self.keys)}
        object.__setattr__(self, "_by_name", by_name)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def __contains__(self, kid: str) -> bool:
        return any(key.kid == kid for key in self.keys)

    def find(self, kid: str, alg: str) -> VerificationKey | None:
        """Find the key of that name for that algorithm."""
        return self._by_name.get((kid, alg))

    def of_algorithm(self, alg: str) -> tuple[VerificationKey, ...]:
        """Every key for that algorithm."""
        return tuple(key for key in self.keys if key.alg == alg)


EMPTY_KEY_SET = KeySet()


class UnusableKey(ValueError):
    """This one key is not used; the others are."""


def read_key_set(document: Mapping[str, Any], algorithms: frozenset[str]) -> KeySet:
    """Read the keys that serve one of `algorithms`.

    Raises:
        DocumentUnavailable: not a JWK Set, too many keys, or not one usable key.
    """
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise DocumentUnavailable("the key set has no list of keys", answered=True)
    if len(entries) > MAX_KEYS:
        raise DocumentUnavailable(f"the key set has more than {MAX_KEYS} keys", answered=True)
    keys: list[VerificationKey] = []
    ignored: list[str] = []
    for position, entry in enumerate(entries):
        try:
            keys.extend(_read_key(entry, algorithms))
        except UnusableKey as error:
            ignored.append(f"keys[{position}]: {error}")
    if not keys:
        raise DocumentUnavailable("; ".join(["no usable key", *ignored]), answered=True)
    return KeySet(keys=tuple(keys), ignored=tuple(ignored))


def _read_key(jwk: Any, algorithms: frozenset[str]) -> Iterator[VerificationKey]:
    if not isinstance(jwk, dict):
        raise UnusableKey("not an object")
    _check_purpose(jwk)
    kid = _read_kid(jwk)
    fit = _algorithms(jwk) & algorithms
    if not fit:
        raise UnusableKey("for no accepted algorithm")
    try:
        key = _READERS[jwk["kty"]](jwk)
    except (ValueError, UnsupportedAlgorithm) as error:
        told = str(error) if isinstance(error, UnusableKey) else "not a valid public key"
        raise UnusableKey(told) from error
    return (VerificationKey(kid=kid, alg=alg, key=key) for alg in sorted(fit))


def _check_purpose(jwk: Mapping[str, Any]) -> None:
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise UnusableKey("private or symmetric")
    if jwk.get("use", "sig") != "sig":
        raise UnusableKey("not for signatures")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKey("not for verifying")


def _read_kid(jwk: Mapping[str, Any]) -> str | None:
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_LENGTH):
        raise UnusableKey("unreadable kid")
    return kid


def _algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    kind = jwk.get("kty")
    of_type = ALGORITHMS_OF_TYPE.get(kind) if isinstance(kind, str) else None
    if of_type is None:
        raise UnusableKey("unknown key type")
    named = jwk.get("alg")
    if named is None:
        return of_type
    if not isinstance(named, str) or named not in of_type:
        raise UnusableKey("key type and algorithm do not fit")
    return frozenset({named})


def _read_rsa(jwk: Mapping[str, Any]) -> PublicKey:
    modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
    if modulus.bit_length() not in RSA_BITS:
        raise UnusableKey("RSA modulus too short or too long")
    if exponent.bit_length() > MAX_RSA_EXPONENT_BITS:
        raise UnusableKey("RSA exponent too long")
    return RSAPublicNumbers(exponent, modulus).public_key()


def _read_p256(jwk: Mapping[str, Any]) -> PublicKey:
    if jwk.get("crv") != "P-256":
        raise UnusableKey("unaccepted curve")
    x, y = _coordinate(jwk, "x"), _coordinate(jwk, "y")
    return EllipticCurvePublicNumbers(
        int.from_bytes(x), int.from_bytes(y), SECP256R1()
    ).public_key()


def _read_ed25519(jwk: Mapping[str, Any]) -> PublicKey:
    if jwk.get("crv") != "Ed25519":
        raise UnusableKey("unaccepted curve")
    return Ed25519PublicKey.from_public_bytes(_coordinate(jwk, "x"))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], PublicKey]] = {
    "RSA": _read_rsa,
    "EC": _read_p256,
    "OKP": _read_ed25519,
}


def _number(jwk: Mapping[str, Any], member: str) -> int:
    return int.from_bytes(_octets(jwk, member))


def _coordinate(jwk: Mapping[str, Any], member: str) -> bytes:
    octets = _octets(jwk, member)
    if len(octets) != COORDINATE_BYTES:
        raise UnusableKey(f"{member} has the wrong length")
    return octets


def _octets(jwk: Mapping[str, Any], member: str) -> bytes:
    text = jwk.get(member)
    if not isinstance(text, str) or not _BASE64URL.match(text):
        raise UnusableKey(f"{member} is not base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
