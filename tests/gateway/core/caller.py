"""A caller of one endpoint, in either era, over real sockets and inside the test's own loop.

A connection for each request, so that a test can leave it, read it event by event, or both.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gateway.protocol.mirrored_headers import encode_value
from tests.rigs.gateway import endpoint_url
from tests.rigs.inner_gateway import InnerGateway

Json = dict[str, Any]
MODERN = "2026-07-28"
LEGACY = "2025-11-25"
BOTH_FORMS = "application/json, text/event-stream"
PREFIX = "io.modelcontextprotocol/"
WAIT_S = 10.0
_MIRRORED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@dataclass(frozen=True)
class Answer:
    """A whole answer. `messages` are all of its JSON-RPC messages, in order."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def messages(self) -> list[Json]:
        if self.headers.get("content-type") != "text/event-stream":
            return [json.loads(self.body)] if self.body else []
        lines = self.body.decode().splitlines()
        return [json.loads(line[5:]) for line in lines if line.startswith("data:")]

    @property
    def last(self) -> Json:
        return self.messages[-1]

    @property
    def result(self) -> Json:
        assert "result" in self.last, (self.status, self.body)
        found: Json = self.last["result"]
        return found

    @property
    def error(self) -> Json:
        assert "error" in self.last, (self.status, self.body)
        found: Json = self.last["error"]
        return found

    @property
    def reason(self) -> str:
        return str(self.error["data"]["reason"])

    @property
    def text(self) -> str:
        """The text of a tool's result."""
        return str(self.result["content"][0]["text"])


class Open:
    """A request that was sent, and its answer as far as it was read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.seen = b""

    async def head(self) -> int:
        """Read the head; its status."""
        async with asyncio.timeout(WAIT_S):
            self.seen = await self._reader.readuntil(b"\r\n\r\n")
        return int(self.seen.split(b" ")[1])

    async def event(self) -> Json:
        """The next message of a stream. The head must have been read."""
        async with asyncio.timeout(WAIT_S):
            while True:
                line = await self._reader.readuntil(b"\n")
                self.seen += line
                if line.startswith(b"data:"):
                    found: Json = json.loads(line[5:])
                    return found

    async def answer(self) -> Answer:
        """Everything, to the end."""
        async with asyncio.timeout(WAIT_S):
            return _read(self.seen + await self._reader.read())

    def leave(self) -> None:
        """Go away at once."""
        self._writer.transport.abort()


@dataclass
class Caller:
    """Who calls which endpoint."""

    url: str
    token: str
    session: str | None = None
    revision: str = LEGACY
    _last_id: int = field(default=0, init=False)

    @staticmethod
    def of(
        inner: InnerGateway,
        tenant: str = "acme",
        endpoint: str = "",
        *,
        subject: str = "ada",
        client_id: str = "cli",
        scopes: tuple[str, ...] = (),
    ) -> "Caller":
        url = endpoint_url(inner.public_url, tenant, endpoint)
        token = inner.issuer.mint(subject=subject, client_id=client_id, audience=url, scopes=scopes)
        return Caller(url, token)

    async def modern(
        self, method: str, params: Json | None = None, *, meta: Json | None = None, **more: str
    ) -> Answer:
        """One modern request."""
        async with self.open_modern(method, params, meta=meta, **more) as sent:
            return await sent.answer()

    @asynccontextmanager
    async def open_modern(
        self, method: str, params: Json | None = None, *, meta: Json | None = None, **more: str
    ) -> AsyncIterator[Open]:
        body = self.request(method, {**(params or {}), "_meta": {**envelope(), **(meta or {})}})
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        if method in _MIRRORED and _MIRRORED[method] in (params or {}):
            headers["Mcp-Name"] = encode_value(str((params or {})[_MIRRORED[method]]))
        async with self.sent("POST", json.dumps(body).encode(), headers | more) as sent:
            yield sent

    async def initialize(self, revision: str = LEGACY, **capabilities: Any) -> Answer:
        """The legacy handshake, both steps."""
        params = {
            "protocolVersion": revision,
            "capabilities": capabilities,
            "clientInfo": {"name": "caller", "version": "1"},
        }
        answer = await self.legacy("initialize", params)
        if "result" in answer.last:
            self.session = answer.headers["mcp-session-id"]
            self.revision = answer.result["protocolVersion"]
            await self.notify("notifications/initialized")
        return answer

    async def legacy(self, method: str, params: Json | None = None, **more: str) -> Answer:
        """One legacy request, in the session if there is one."""
        async with self.open_legacy(method, params, **more) as sent:
            return await sent.answer()

    @asynccontextmanager
    async def open_legacy(
        self, method: str, params: Json | None = None, **more: str
    ) -> AsyncIterator[Open]:
        body = json.dumps(self.request(method, params)).encode()
        async with self.sent("POST", body, self.legacy_headers() | more) as sent:
            yield sent

    async def notify(self, method: str, params: Json | None = None) -> Answer:
        message = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params  # type: ignore[assignment]
        return await self.post(json.dumps(message).encode(), self.legacy_headers())

    async def delete(self) -> Answer:
        return await self.exchange("DELETE", b"", self.legacy_headers())

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.exchange("POST", body, headers or {})

    async def exchange(self, verb: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self.sent(verb, body, headers) as sent:
            return await sent.answer()

    async def call(self, era: str, name: str = "echo", **arguments: Any) -> Answer:
        """One tool call in an era."""
        params = {"name": name, "arguments": arguments}
        if era == "modern":
            return await self.modern("tools/call", params)
        if self.session is None:
            await self.initialize()
        return await self.legacy("tools/call", params)

    async def ask(self, era: str, method: str, params: Json | None = None) -> Answer:
        """One request in an era."""
        if era == "modern":
            return await self.modern(method, params)
        if self.session is None:
            await self.initialize()
        return await self.legacy(method, params)

    def request(self, method: str, params: Json | None) -> Json:
        self._last_id += 1
        body: Json = {"jsonrpc": "2.0", "id": self._last_id, "method": method}
        return body if params is None else {**body, "params": params}

    @property
    def last_id(self) -> int:
        return self._last_id

    def legacy_headers(self) -> dict[str, str]:
        if self.session is None:
            return {}
        return {"MCP-Protocol-Version": self.revision, "Mcp-Session-Id": self.session}

    @asynccontextmanager
    async def sent(self, verb: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[Open]:
        target = urlsplit(self.url)
        fields = {
            "Host": target.netloc,
            "Connection": "close",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": BOTH_FORMS,
            "Content-Length": str(len(body)),
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        reader, writer = await asyncio.open_connection(target.hostname, target.port, limit=2**24)
        try:
            writer.write(f"{verb} {target.path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
            await writer.drain()
            yield Open(reader, writer)
        finally:
            writer.transport.abort()


def envelope() -> Json:
    return {
        f"{PREFIX}protocolVersion": MODERN,
        f"{PREFIX}clientCapabilities": {},
        f"{PREFIX}clientInfo": {"name": "caller", "version": "1"},
    }


def _read(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        body = _dechunked(body)
    return Answer(int(start.split(" ")[1]), headers, body)


def _dechunked(body: bytes) -> bytes:
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        found, body = found + rest[:length], rest[length + 2 :]
    return found


def is_at_rest(inner: InnerGateway) -> bool:
    """Whether nothing is held for a call that is over."""
    gateway = inner.gateway
    peers = [p for t in gateway.pipeline.routes.tenants.values() for p in t.runtime.peers.values()]
    running = gateway.pipeline._endpoint.legacy.running._running  # noqa: SLF001 - no other view
    in_flight = gateway._in_flight  # noqa: SLF001 - what is held has no other view
    is_empty = not (in_flight.total or in_flight._users or in_flight._tenants or running)  # noqa: SLF001
    return is_empty and all(peer.in_flight == 0 for peer in peers)
