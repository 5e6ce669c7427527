"""Authlib's authorization server, fed with issuer requests and answering issuer responses."""

# authlib ships no types:
# mypy: disallow-untyped-calls=False

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidScopeError

from auth.dev_issuer.clients import Clients, DevClient
from auth.dev_issuer.codes import Codes
from auth.dev_issuer.grants import (
    DevCodeGrant,
    DevCredentialsGrant,
    DevOAuth2Request,
    InvalidTargetError,
    OneResource,
    S256Only,
)
from auth.dev_issuer.messages import (
    IssuerRequest,
    IssuerResponse,
    error_response,
    json_response,
    redirect_page,
)
from auth.dev_issuer.minting import TOKEN_LIFETIME_S, Minting


class DevAuthorizationServer(AuthorizationServer):
    """Grants tokens for `resources` to `clients`; signs everyone in as `user`."""

    def __init__(
        self,
        issuer: str,
        *,
        user: str,
        clients: Clients,
        resources: frozenset[str],
        scopes: frozenset[str],
        minting: Minting,
        now: Callable[[], float],
    ) -> None:
        super().__init__(scopes_supported=sorted(scopes))
        # Below this level authlib writes whole tokens into the log.
        logging.getLogger("authlib").setLevel(logging.INFO)
        self.issuer = issuer
        self.user = user
        self.clients = clients
        self.codes = Codes(now=now)
        self.now = now
        self._resources = resources
        self._minting = minting
        self.register_grant(DevCodeGrant, [S256Only(required=True), OneResource()])
        self.register_grant(DevCredentialsGrant)

    def authorize(self, request: IssuerRequest) -> IssuerResponse:
        """Approve an authorization request, or say why not."""
        try:
            grant = self.get_consent_grant(request, end_user=self.user)
            response = self.create_authorization_response(
                grant.request, grant_user=self.user, grant=grant
            )
        except OAuth2Error as error:
            response = self.handle_error_response(None, error)
        return self._sent_on(response)

    def token(self, request: IssuerRequest) -> IssuerResponse:
        """Answer a token request."""
        repeated = {name for name, _ in request.form if name != "resource"}
        if len(repeated) != sum(name != "resource" for name, _ in request.form):
            return error_response(400, "invalid_request", "a parameter was repeated")
        response: IssuerResponse = self.create_token_response(request)
        return response

    def one_resource(self, request: DevOAuth2Request) -> str:
        """The one known resource that a request names."""
        named: list[str] = request.payload.datalist.get("resource", [])
        if len(named) != 1 or named[0] not in self._resources:
            raise InvalidTargetError("name exactly one known resource")
        return named[0]

    def granted_scope(self, request: DevOAuth2Request) -> str:
        """What the client gets of what it asked for."""
        scope: str | None = request.client.get_allowed_scope(request.payload.scope)
        if scope is None:
            raise InvalidScopeError
        return scope

    def token_for(self, request: DevOAuth2Request, *, subject: str, scope: str) -> dict[str, Any]:
        """The token response (RFC 6749 section 5.1)."""
        token = self._minting.mint(
            subject=subject,
            client_id=request.client.get_client_id(),
            audience=request.resource,
            scopes=scope.split(),
        )
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME_S,
            "scope": scope,
        }

    def query_client(self, client_id: str) -> DevClient | None:
        """Authlib asks for a client."""
        return self.clients.find(client_id)

    def save_token(self, token: Any, request: Any) -> None:
        """Nothing is kept: a token carries all there is."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: IssuerRequest | DevOAuth2Request) -> DevOAuth2Request:
        """Authlib's view of a request."""
        if isinstance(request, DevOAuth2Request):
            return request
        return DevOAuth2Request(request, issuer=self.issuer)

    def handle_response(self, status: int, body: Any, headers: Any) -> IssuerResponse:
        """Our view of authlib's answer."""
        fields = dict(headers)
        if "Location" in fields:
            return IssuerResponse(status=status, headers=(("Location", fields["Location"]),))
        kept = [(name, value) for name, value in headers if name == "WWW-Authenticate"]
        return json_response(status, dict(body) if body else {}, *kept)

    def _sent_on(self, response: IssuerResponse) -> IssuerResponse:
        """RFC 9207 section 2: `iss` on every authorization response, error responses included."""
        location = response.header("Location")
        if location is None:
            return response
        parts = urlsplit(location)
        query = "&".join(filter(None, (parts.query, urlencode({"iss": self.issuer}))))
        return redirect_page(urlunsplit(parts._replace(query=query)), user=self.user)
