"""Signing keys and RFC 9068 access tokens of the development issuer."""

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

TOKEN_LIFETIME_S = 3600
ALGORITHM = "RS256"
MAX_PUBLISHED_KEYS = 3


class Minting:
    """Makes tokens with the newest key; a few older ones stay published."""

    def __init__(self, issuer: str, *, now: Callable[[], float]) -> None:
        self._issuer = issuer
        self._now = now
        self._keys = [_new_key()]

    def rotate(self) -> None:
        """Sign with a new key from now on; tokens of the old one stay good."""
        self._keys = [_new_key(), *self._keys][:MAX_PUBLISHED_KEYS]

    def jwks(self) -> dict[str, Any]:
        """The public keys (RFC 7517 section 5)."""
        return dict(KeySet(list(self._keys)).as_dict(private=False))

    def mint(
        self,
        *,
        subject: str,
        client_id: str,
        audience: str,
        scopes: Iterable[str],
        lifetime_s: int = TOKEN_LIFETIME_S,
    ) -> str:
        """An access token for one resource. Without scopes it has no `scope` claim."""
        issued_at = int(self._now())
        claims = {
            "iss": self._issuer,
            "sub": subject,
            "aud": audience,
            "client_id": client_id,
            "jti": secrets.token_urlsafe(16),
            "iat": issued_at,
            "exp": issued_at + lifetime_s,
        }
        granted = " ".join(sorted(scopes))
        if granted:
            claims["scope"] = granted
        key = self._keys[0]
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
