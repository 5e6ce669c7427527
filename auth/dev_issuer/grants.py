"""The grants of the development issuer, on authlib's: code with PKCE, and client credentials.

Rules: PKCE with S256 is required of everyone; exactly one known resource is named (RFC 8707), in
the authorization request or in the token request, and both must agree; a code works once.
"""

# authlib ships no types:
# mypy: disallow-untyped-calls=False, warn-return-any=False

from collections import defaultdict
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from auth.dev_issuer.codes import CODE_LIFETIME_S, IssuedCode
from auth.dev_issuer.messages import IssuerRequest, Pairs

CLIENT_AUTHENTICATION = ["none", "client_secret_basic", "client_secret_post"]


class InvalidTargetError(OAuth2Error):
    """RFC 8707 section 2: the requested resource is invalid, missing, unknown, or malformed."""

    error = "invalid_target"


class Parameters(OAuth2Payload):
    """Request parameters, as authlib reads them."""

    def __init__(self, pairs: Pairs) -> None:
        self._first: dict[str, str] = {}
        self._all: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._first.setdefault(name, value)
            self._all[name].append(value)

    @property
    def data(self) -> dict[str, str]:
        """The first value of each."""
        return self._first

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """All values of each."""
        return self._all


class DevOAuth2Request(OAuth2Request):
    """An issuer request, as authlib reads it, and the resource that it turned out to name."""

    payload: Any
    client: Any

    def __init__(self, request: IssuerRequest, *, issuer: str) -> None:
        named = {name.title(): value for name, value in request.headers.items()}
        super().__init__(request.method, f"{issuer}{request.path}", headers=named)
        self.payload = Parameters(request.parameters)
        self.resource: str = ""

    @property
    def args(self) -> dict[str, str]:
        """The parameters of a GET."""
        return self.payload.data

    @property
    def form(self) -> dict[str, str]:
        """The parameters of a POST."""
        return self.payload.data


class S256Only(CodeChallenge):
    """PKCE (RFC 7636) for every client, and without the plain method (OAuth 2.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 - authlib's own declaration

    def validate_code_challenge(self, grant: Any, redirect_uri: Any) -> None:
        """Refuse an authorization request without an S256 challenge."""
        data = grant.request.payload.data
        if not data.get("code_challenge"):
            raise InvalidRequestError("code_challenge is required")
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256")
        super().validate_code_challenge(grant, redirect_uri)


class OneResource:
    """Resource indicators (RFC 8707) for the code grant."""

    def __call__(self, grant: Any) -> None:
        """Hook into both of its requests."""
        grant.register_hook("after_validate_authorization_request_payload", self.choose)
        grant.register_hook("after_validate_token_request", self.agree)

    def choose(self, grant: Any, _redirect_uri: Any) -> None:
        """Remember the one resource that the authorization request names."""
        grant.request.resource = grant.server.one_resource(grant.request)

    def agree(self, grant: Any, _result: Any) -> None:
        """Take the code's resource; the token request may only name the same."""
        of_code = grant.request.authorization_code.resource
        if any(name != of_code for name in grant.request.payload.datalist.get("resource", ())):
            raise InvalidTargetError("another resource than the code's")
        grant.request.resource = of_code


class DevCodeGrant(AuthorizationCodeGrant):
    """Authorization code, approved for the fixed user."""

    request: Any
    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTHENTICATION

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Remember what was granted."""
        issued = IssuedCode(
            client_id=request.client.get_client_id(),
            redirect_uri=request.payload.redirect_uri or "",
            scope=request.scope,
            resource=request.resource,
            code_challenge=request.payload.data["code_challenge"],
            code_challenge_method="S256",
            expires_at=self.server.now() + CODE_LIFETIME_S,
        )
        self.server.codes.keep(code, issued)

    def query_authorization_code(self, code: str, client: Any) -> IssuedCode | None:
        """Use the code up."""
        return self.server.codes.take(code, client_id=client.get_client_id())

    def delete_authorization_code(self, authorization_code: Any) -> None:
        """Nothing is left to delete: taking it did."""

    def authenticate_user(self, _authorization_code: Any) -> str:
        """The fixed user."""
        return str(self.server.user)

    def generate_token(self, *_args: Any, **_named: Any) -> Any:
        """A token for the code's resource."""
        scope = self.request.authorization_code.get_scope()
        return self.server.token_for(self.request, subject=self.request.user, scope=scope)


class DevCredentialsGrant(ClientCredentialsGrant):
    """Client credentials; the client is its own subject (RFC 9068 section 2.2)."""

    request: Any
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]  # noqa: RUF012

    def validate_token_request(self) -> None:
        """Authlib's checks, then the scope that the client may have and the resource."""
        super().validate_token_request()
        self.request.scope = self.server.granted_scope(self.request)
        self.request.resource = self.server.one_resource(self.request)

    def generate_token(self, *_args: Any, **_named: Any) -> Any:
        """A token for the named resource."""
        client_id = self.client.get_client_id()
        return self.server.token_for(self.request, subject=client_id, scope=self.request.scope)
