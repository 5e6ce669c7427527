"""What the development issuer publishes about itself (RFC 8414, OpenID Connect Discovery)."""

from typing import Any

from auth.dev_issuer.clients import CODE, CREDENTIALS
from auth.dev_issuer.grants import CLIENT_AUTHENTICATION
from auth.dev_issuer.minting import ALGORITHM

AUTHORIZE = "/authorize"
TOKEN = "/token"  # noqa: S105 - a path
REGISTER = "/register"
JWKS = "/jwks"
OAUTH_METADATA = "/.well-known/oauth-authorization-server"
OPENID_METADATA = "/.well-known/openid-configuration"


def issuer_metadata(issuer: str, *, scopes: frozenset[str]) -> dict[str, Any]:
    """One document for both well-known places.

    The last two members are required by OpenID Connect Discovery; no ID tokens are made.
    """
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE,
        "token_endpoint": issuer + TOKEN,
        "registration_endpoint": issuer + REGISTER,
        "jwks_uri": issuer + JWKS,
        "scopes_supported": sorted(scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [CODE, CREDENTIALS],
        "token_endpoint_auth_methods_supported": list(CLIENT_AUTHENTICATION),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "resource_indicators_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
    }
