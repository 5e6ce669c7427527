"""Verifying access tokens: RFC 9068 section 4 and RFC 8725, around PyJWT's signature check.

Rules: cheapest check first; nothing of a token is believed before its signature; the key is found
by (issuer, kid) in the key ring of that issuer and is a concrete key object of the algorithm's own
kind. PyJWT is asked for signatures only: every other check is ours, and stricter (see
`token_shape` and `claims`). Whatever a library raises on hostile input is a malformed token, so
there is no way out of here but an `AccessToken` or an `AuthError`.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import InvalidSignatureError, PyJWS

from auth.access_token import AccessToken
from auth.claims import (
    CLAIM_CHECKS,
    Presented,
    actor,
    audiences,
    client_id,
    scopes,
    seconds,
)
from auth.errors import AuthError, InvalidToken, TokenFault
from auth.key_set import VerificationKey
from auth.policy import SIGNATURE_ALGORITHMS, IssuerPolicy, TokenPolicy
from auth.principal import Principal
from auth.profiles import PROFILES
from auth.token_shape import SHAPE_CHECKS, UnverifiedToken, read_compact
from auth.verified_tokens import CacheKey, VerifiedTokens

_KEY_KINDS = {
    "RS256": RSAPublicKey,
    "PS256": RSAPublicKey,
    "ES256": EllipticCurvePublicKey,
    "EdDSA": Ed25519PublicKey,
}

# An instance of its own knows neither "none" nor HMAC, so no confusion can reach them.
_JWS = PyJWS(algorithms=sorted(SIGNATURE_ALGORITHMS))


class KeyFinder(Protocol):
    """What verification asks of an issuer's key ring."""

    @property
    def version(self) -> int:
        """Raised whenever the keys change."""
        ...

    async def key(self, kid: str | None, alg: str) -> VerificationKey:
        """Find the key for `kid` that serves `alg`.

        Raises:
            InvalidToken: UNKNOWN_KEY.
            IssuerUnavailable: the keys cannot be had.
        """
        ...


class TokenVerifier:
    """Verifies the tokens of one tenant. `rings` holds one key ring for each of its issuers."""

    def __init__(
        self,
        tenant: str,
        rings: Mapping[str, KeyFinder],
        *,
        cache: VerifiedTokens,
        now: Callable[[], float],
    ) -> None:
        self._tenant = tenant
        self._rings = rings
        self._cache = cache
        self._now = now

    async def verify(self, bearer: str, policy: TokenPolicy) -> AccessToken:
        """Validate an access token for one of the tenant's resources, per RFC 9068 section 4.

        `bearer` is the compact JWS as it came after "Bearer "; it is not kept. A token that was
        verified a moment ago is answered without suspending. Revocations are not judged here.

        Raises:
            InvalidToken: with `.fault`, for the audit alone.
            IssuerUnavailable: keys could not be had; the token may be good: 503, not 401.
        """
        key = self._cache.key(bearer, tenant=self._tenant, fingerprint=policy.fingerprint)
        known = self._cache.find(key, self._rings)
        if known is not None:
            return known
        try:
            return await self._verify_anew(bearer, policy, key)
        except AuthError:
            raise
        except Exception as error:
            raise InvalidToken(TokenFault.MALFORMED) from error

    async def _verify_anew(self, bearer: str, policy: TokenPolicy, key: CacheKey) -> AccessToken:
        unverified = read_compact(bearer)
        for check in SHAPE_CHECKS:
            check(unverified)
        issuer = _named_issuer(unverified, policy)
        ring = self._ring(issuer)
        version = ring.version
        _check_signature(unverified, await ring.key(unverified.kid, unverified.algorithm))
        token = _judge(unverified, policy, issuer, self._now())
        self._cache.keep(key, token, keys=ring, version=version)
        return token

    def _ring(self, issuer: IssuerPolicy) -> KeyFinder:
        ring = self._rings.get(issuer.issuer)
        if ring is None:
            raise InvalidToken(TokenFault.UNKNOWN_ISSUER)
        return ring


def _named_issuer(token: UnverifiedToken, policy: TokenPolicy) -> IssuerPolicy:
    """Pick the configured issuer that the token names, and hold the header against its policy.

    The claim is only used to pick; whether that issuer signed it is for the signature to say.
    """
    name = token.claims.get("iss")
    issuer = policy.issuers.get(name) if isinstance(name, str) else None
    if issuer is None:
        raise InvalidToken(TokenFault.UNKNOWN_ISSUER)
    if token.algorithm not in issuer.algorithms:
        raise InvalidToken(TokenFault.UNSUPPORTED_ALGORITHM)
    if not PROFILES[issuer.profile].accepts_type(token.typ):
        raise InvalidToken(TokenFault.WRONG_TYPE)
    if token.kid is None and not issuer.allow_missing_kid:
        raise InvalidToken(TokenFault.UNKNOWN_KEY)
    return issuer


def _check_signature(token: UnverifiedToken, key: VerificationKey) -> None:
    """Refuse whatever `key` did not sign. Defaults are spelled: they are what we rely on."""
    if key.alg != token.algorithm or not isinstance(key.key, _KEY_KINDS[token.algorithm]):
        raise InvalidToken(TokenFault.UNKNOWN_KEY)
    try:
        verified = _JWS.decode_complete(
            token.compact,
            key=key.key,
            algorithms=[token.algorithm],
            options={"verify_signature": True, "enforce_minimum_key_length": True},
            detached_payload=None,
        )
    except InvalidSignatureError:
        raise InvalidToken(TokenFault.BAD_SIGNATURE) from None
    if verified["payload"] != token.payload:
        raise InvalidToken(TokenFault.MALFORMED)


def _judge(
    token: UnverifiedToken, policy: TokenPolicy, issuer: IssuerPolicy, now: float
) -> AccessToken:
    presented = Presented(
        claims=token.claims,
        typ=token.typ,
        policy=policy,
        issuer=issuer,
        rules=PROFILES[issuer.profile],
        now=now,
    )
    for check in CLAIM_CHECKS:
        check(presented)
    return _access_token(presented, signed=token.signed)


def _access_token(token: Presented, *, signed: bytes) -> AccessToken:
    claims = token.claims
    return AccessToken(
        principal=Principal(
            issuer=claims["iss"], subject=claims["sub"], client_id=client_id(token)
        ),
        scopes=scopes(token),
        audiences=audiences(claims),
        issued_at=seconds(claims, "iat"),
        expires_at=seconds(claims, "exp"),
        token_id=claims.get(token.rules.token_id_claim) or _digest_id(signed),
        clock_ahead_s=token.issuer.clock_ahead_s,
        actor=actor(claims),
    )


def _digest_id(signed: bytes) -> str:
    """Name a token without `jti`. The signature is left out: ECDSA has two for one content."""
    return f"sha256:{sha256(signed).hexdigest()}"
