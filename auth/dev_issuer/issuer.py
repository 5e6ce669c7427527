"""The development issuer as one object: requests in, responses out, tokens on demand.

Rules: state is in memory and bounded; the Host must be the issuer's own, so that no web page can
reach it under another name; browsers of this machine alone may read it across origins.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from auth.dev_issuer import metadata
from auth.dev_issuer.clients import Clients, DevClient
from auth.dev_issuer.messages import (
    IssuerRequest,
    IssuerResponse,
    Pairs,
    error_response,
    json_response,
)
from auth.dev_issuer.minting import TOKEN_LIFETIME_S, Minting
from auth.dev_issuer.server import DevAuthorizationServer

DEV_USER = "dev-user"

Route = Callable[[IssuerRequest], IssuerResponse]


class DevIssuer:
    """An OAuth authorization server for one machine. `issuer` is its URL, without a path."""

    def __init__(
        self,
        issuer: str,
        *,
        resources: Iterable[str],
        scopes: Iterable[str] = (),
        clients: Iterable[DevClient] = (),
        user: str = DEV_USER,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = issuer
        self._host = urlsplit(issuer).netloc
        offered = frozenset(scopes)
        self._clients = Clients(clients, scopes=offered)
        self._minting = Minting(issuer, now=now)
        self._server = DevAuthorizationServer(
            issuer,
            user=user,
            clients=self._clients,
            resources=frozenset(resources),
            scopes=offered,
            minting=self._minting,
            now=now,
        )
        self._metadata = metadata.issuer_metadata(issuer, scopes=offered)
        self._routes = self._route_table()

    def mint(
        self,
        *,
        subject: str,
        client_id: str,
        audience: str,
        scopes: Iterable[str],
        lifetime_s: int = TOKEN_LIFETIME_S,
    ) -> str:
        """An access token without any flow, for `portcullis token` and tests."""
        return self._minting.mint(
            subject=subject,
            client_id=client_id,
            audience=audience,
            scopes=scopes,
            lifetime_s=lifetime_s,
        )

    def rotate(self) -> None:
        """Sign with a new key; the old one stays published."""
        self._minting.rotate()

    async def handle(self, request: IssuerRequest) -> IssuerResponse:
        """Answer one request. Headers that a browser of this machine needs are added."""
        response = self._answer(request)
        headers = (*response.headers, *_cors(request))
        return IssuerResponse(status=response.status, headers=headers, body=response.body)

    def _answer(self, request: IssuerRequest) -> IssuerResponse:
        if request.headers.get("host", self._host) != self._host:
            return error_response(421, "invalid_request", "another host was meant")
        methods = self._routes.get(request.path)
        if methods is None:
            return error_response(404, "not_found")
        if request.method == "OPTIONS":
            return IssuerResponse(status=204, headers=_preflight(methods))
        route = methods.get(request.method)
        if route is None:
            return json_response(405, {"error": "invalid_request"}, ("Allow", _allowed(methods)))
        return _answered(route, request)

    def _route_table(self) -> Mapping[str, Mapping[str, Route]]:
        document: Mapping[str, Route] = {"GET": lambda _: json_response(200, self._metadata)}
        return {
            metadata.OAUTH_METADATA: document,
            metadata.OPENID_METADATA: document,
            metadata.JWKS: {"GET": lambda _: json_response(200, self._minting.jwks())},
            metadata.AUTHORIZE: {"GET": self._server.authorize},
            metadata.TOKEN: {"POST": self._server.token},
            metadata.REGISTER: {"POST": lambda request: self._clients.register(request.body)},
        }


def _answered(route: Route, request: IssuerRequest) -> IssuerResponse:
    """Authlib raises ValueError on text that may not stand in an OAuth error."""
    try:
        return route(request)
    except ValueError:
        return error_response(400, "invalid_request")


def _allowed(methods: Mapping[str, Route]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS"}))


def _preflight(methods: Mapping[str, Route]) -> Pairs:
    return (
        ("Access-Control-Allow-Methods", _allowed(methods)),
        ("Access-Control-Allow-Headers", "authorization, content-type, mcp-protocol-version"),
        ("Access-Control-Max-Age", "600"),
    )


def _cors(request: IssuerRequest) -> Pairs:
    origin = request.headers.get("origin", "")
    if urlsplit(origin).hostname not in {"localhost", "127.0.0.1", "::1"}:
        return (("Vary", "Origin"),)
    return (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))
