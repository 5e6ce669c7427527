"""An issuer on a loopback socket that does what a test tells it to, and counts what it is asked."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from ssl import SSLContext
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from jwt.algorithms import ECAlgorithm

from auth.documents import DocumentFetcher
from auth.egress import EgressGrant, EgressGuard, TenantEgress

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

TENANT = "acme"
DISCOVERY_PATH = "/.well-known/oauth-authorization-server"
JWKS_PATH = "/jwks"
LOOPBACK = EgressGrant(
    tenants=frozenset({TENANT}),
    cidr=ip_network("127.0.0.0/8"),
    schemes=frozenset({"http", "https"}),
)


class Clock:
    """Monotonic time that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ScriptedIssuer:
    """Serves discovery and a key set; `answers` overrides a path, `is_down` drops connections."""

    def __init__(self) -> None:
        self.keys: dict[str, EllipticCurvePrivateKey] = {}
        self.extra_keys: list[Any] = []
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.is_down = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.was_asked = asyncio.Event()
        self.url = ""

    def add_key(self, kid: str) -> EllipticCurvePrivateKey:
        self.keys[kid] = generate_private_key(SECP256R1())
        return self.keys[kid]

    def metadata(self, **changes: Any) -> dict[str, Any]:
        document = {
            "issuer": self.url,
            "jwks_uri": self.url + JWKS_PATH,
            "authorization_endpoint": self.url + "/authorize",
            "token_endpoint": self.url + "/token",
        }
        return document | changes

    def key_set(self) -> dict[str, Any]:
        return {
            "keys": [*(public_jwk(k, kid=kid) for kid, k in self.keys.items()), *self.extra_keys]
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        self.was_asked.set()
        await self.may_answer.wait()
        if self.is_down:
            assert request.transport is not None
            request.transport.abort()
        if request.path in self.answers:
            return await self.answers[request.path](request)
        if request.path == DISCOVERY_PATH:
            return web.json_response(self.metadata())
        if request.path == JWKS_PATH:
            return web.json_response(self.key_set())
        raise web.HTTPNotFound


def public_jwk(key: EllipticCurvePrivateKey, **members: Any) -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), **members}


def says(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=data, status=status, headers=headers)

    return answer


def egress(*grants: EgressGrant) -> TenantEgress:
    return EgressGuard(grants or (LOOPBACK,)).for_tenant(TENANT)


@asynccontextmanager
async def running_issuer(
    *, ssl: SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[ScriptedIssuer]:
    issuer = ScriptedIssuer()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", issuer.handle)
    server = TestServer(app, host=host, scheme="https" if ssl else "http")
    await server.start_server(ssl=ssl)
    issuer.url = f"{server.scheme}://{server.host}:{server.port}"
    try:
        yield issuer
    finally:
        issuer.may_answer.set()
        await server.close()


@asynccontextmanager
async def fetching(
    way_out: TenantEgress | None = None, *, timeout_s: float = 5, ca_file: str | None = None
) -> AsyncIterator[DocumentFetcher]:
    fetcher = DocumentFetcher(way_out or egress(), timeout_s=timeout_s, ca_file=ca_file)
    try:
        yield fetcher
    finally:
        await fetcher.close()
