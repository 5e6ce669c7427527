"""One endpoint of a walled city as its clients see it, in both eras."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.rigs.raw_http import Answer, Connection, Headers
from tests.rigs.signing import rsa_key
from tests.rigs.token_factory import TokenFactory
from tests.rigs.walled_city import (
    City,
    Json,
    bearer,
    initialize,
    legacy_headers,
    modern_headers,
)

MIRRORED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@dataclass(frozen=True)
class Door:
    """An endpoint, and a factory of the tokens for it."""

    city: City
    tenant: str
    tokens: TokenFactory
    endpoint: str = ""

    @property
    def path(self) -> str:
        return self.tokens.audience.removeprefix(self.city.gateway.public_url)

    def good(self, subject: str = "ann", **claims: object) -> str:
        """A good token of one user."""
        return self.tokens.good(sub=subject, **claims)

    async def modern(
        self, message: Json, *, token: str | None = None, headers: Headers | None = None
    ) -> Answer:
        """A modern request; with its mirrored headers, unless others are given."""
        if headers is None:
            headers = mirrored(message)
        return await self.city.post(self.path, [self._bearer(token), *headers], message)

    async def legacy(
        self, message: Json, session: str | None, *, token: str | None = None
    ) -> Answer:
        """A legacy message."""
        headers = [self._bearer(token), *legacy_headers(session)]
        return await self.city.post(self.path, headers, message)

    async def session(self, *, token: str | None = None) -> str:
        """A session that was initialized and begun."""
        answer = await self.legacy(initialize(), None, token=token)
        found = answer.header("Mcp-Session-Id")
        assert found is not None, answer.text
        self.city.secrets.add(found)
        begun = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert (await self.legacy(begun, found, token=token)).status == 202
        return found

    async def end(self, session: str, *, token: str | None = None) -> Answer:
        """DELETE of a session."""
        headers = [self._bearer(token), *legacy_headers(session)]
        return await self.city.send("DELETE", self.path, headers)

    @asynccontextmanager
    async def waiting(
        self, message: Json, session: str | None = None, *, token: str | None = None
    ) -> AsyncIterator[Connection]:
        """A request whose answer the test may not wait for."""
        own = mirrored(message) if session is None else legacy_headers(session)
        headers = [self._bearer(token), *own]
        async with self.city.open_post(self.path, headers, message) as connection:
            yield connection

    def _bearer(self, token: str | None) -> tuple[str, str]:
        return bearer(token or self.good())


def door(city: City, tenant: str, endpoint: str = "", *, issuer: str = "main") -> Door:
    """The endpoint of a tenant, with the tokens of one of its issuers."""
    gateway = city.gateway
    tokens = TokenFactory(
        issuer=city.issuers[issuer].url,
        audience=gateway.endpoint(tenant, endpoint),
        now=time.time,
        key=rsa_key(f"{issuer}-1"),
        second_issuer=city.issuers["second"].url if "second" in city.issuers else "",
        second_key=rsa_key("second-1"),
        other_issuer=city.issuers["foreign"].url if "foreign" in city.issuers else "",
        foreign_audience=gateway.endpoint("globex"),
    )
    return Door(city, tenant, tokens, endpoint)


def mirrored(message: Json) -> list[tuple[str, str]]:
    """The headers of a modern request that repeat its body."""
    method = message["method"]
    name = message.get("params", {}).get(MIRRORED.get(method, ""))
    return modern_headers(method, name if isinstance(name, str) else None)
