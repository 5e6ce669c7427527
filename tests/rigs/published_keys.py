"""A key ring over a JWKS document, for tests that have one at hand."""

from typing import Any

from joserfc.jwk import KeySet

from auth.errors import InvalidToken, TokenFault
from auth.key_set import VerificationKey


class PublishedKeys:
    """The keys of a JWKS, found by id."""

    version = 1

    def __init__(self, document: dict[str, Any]) -> None:
        self._keys = {key.kid: key for key in KeySet.import_key_set(document).keys}  # type: ignore[arg-type]

    async def key(self, kid: str | None, alg: str) -> VerificationKey:
        if kid not in self._keys:
            raise InvalidToken(TokenFault.UNKNOWN_KEY)
        return VerificationKey(kid=kid, alg=alg, key=self._keys[kid].public_key)  # type: ignore[arg-type]
