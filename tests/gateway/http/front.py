"""The front door under test: a real gateway, a counting backend, and the oracles of every case."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auth.dev_issuer.issuer import DevIssuer
from gateway.dev.issuer_server import loopback_socket, serving_issuer
from tests.gateway.http.wire import Answer, Headers, Wire, connected, head
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.gateway import (
    LOOPBACK,
    RunningGateway,
    choose_public_url,
    endpoint_url,
    running_gateway,
)

PATH = "/t/acme/mcp"
MODERN = "2026-07-28"
CANARY = "canary-behind-the-front"
SCOPE_FREE: tuple[str, ...] = ()
_TELLTALE = (b"Traceback", b"aiohttp", b"llhttp", b".py", b"Exception", b"Python/", b"asyncio")
"""What no client and no log line may show: the insides of a library or of this program."""

CALL: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {
        "name": "echo",
        "arguments": {},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "wire", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}


@dataclass(frozen=True, kw_only=True)
class Front:
    """A gateway with one tenant, `acme`, in front of one modern backend."""

    gateway: RunningGateway
    backend: FakeBackend
    issuer: DevIssuer
    certificate: Path | None = None
    """What the data listener's certificate is checked with; None without TLS."""

    @property
    def port(self) -> int:
        port = urlsplit(self.gateway.public_url).port
        assert port is not None
        return port

    @property
    def host(self) -> str:
        return urlsplit(self.gateway.public_url).netloc

    @property
    def admin_port(self) -> int:
        return int(self.gateway.admin_url.rpartition(":")[2])

    def connected(self) -> AbstractAsyncContextManager[Wire]:
        """A connection to the data listener, as its clients make it."""
        if self.certificate is None:
            return connected(self.port)
        return connected(self.port, tls=ssl.create_default_context(cafile=self.certificate))

    def token(self, subject: str = "ada", tenant: str = "acme") -> str:
        url = endpoint_url(self.gateway.public_url, tenant)
        return self.issuer.mint(subject=subject, client_id="cli", audience=url, scopes=SCOPE_FREE)

    @cached_property
    def _token(self) -> str:
        return self.token()

    def headers(self, *more: tuple[str, str], without: tuple[str, ...] = ()) -> Headers:
        """Those of a good call, less some and plus some. No framing."""
        good = [
            ("Host", self.host),
            ("Authorization", f"Bearer {self._token}"),
            ("Accept", "application/json, text/event-stream"),
            ("Content-Type", "application/json"),
            ("MCP-Protocol-Version", MODERN),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "echo"),
        ]
        return [pair for pair in good if pair[0] not in without] + list(more)

    def call(
        self, *more: tuple[str, str], without: tuple[str, ...] = (), path: str = PATH
    ) -> bytes:
        """The bytes of a good call, with headers changed."""
        body = json.dumps(CALL).encode()
        framing = ("Content-Length", str(len(body)))
        return head("POST", path, self.headers(*more, framing, without=without)) + body

    def framed(self, *framing: tuple[str, str], body: bytes = b"") -> bytes:
        """A good call's headers with framing of the test's own, and a body."""
        return head("POST", PATH, self.headers(*framing)) + body

    async def exchange(self, data: bytes, *, is_head: bool = False) -> Answer:
        async with self.connected() as wire:
            await wire.send(data)
            return await wire.answer(is_head=is_head)

    async def is_well(self) -> bool:
        """O4: a good call is served."""
        return (await self.exchange(self.call())).status == 200

    async def refused(self, data: bytes, *, closes: bool = False, is_head: bool = False) -> Answer:
        """Send what must be refused, and hold the answer against the oracles."""
        async with self.unharmed(), self.connected() as wire:
            await wire.send(data)
            answer = await wire.answer(is_head=is_head)
            if closes:
                assert await wire.is_closed()
        self.check_clean(answer)
        return answer

    @asynccontextmanager
    async def unharmed(self) -> AsyncIterator[None]:
        """O1, O3 in the log and O4, whatever happens in the block."""
        before, logged = len(self.backend.calls("tools/call")), len(self.gateway.child.log_text())
        yield
        assert len(self.backend.calls("tools/call")) == before, "O1: the backend was called"
        assert await self.is_well(), "O4: the next good call is not served"
        self._check_bytes(self.gateway.child.log_text()[logged:].encode())

    def check_clean(self, answer: Answer) -> None:
        """O3 in the answer, and O8."""
        assert 400 <= answer.status < 500, f"O8: {answer.status}"
        self._check_bytes(answer.head + answer.body)

    def _check_bytes(self, seen: bytes) -> None:
        hidden = (self._token.encode(), self.backend.canary.encode(), b":%d" % self.backend.port)
        found = [each for each in (*hidden, *_TELLTALE) if each in seen]
        assert found == [], "O3"


@asynccontextmanager
async def running_front(
    *,
    limits: Mapping[str, Any] | None = None,
    tenant: Mapping[str, Any] | None = None,
    tls: tuple[Path, Path] | None = None,
    path_prefix: str = "",
    **settings: Any,
) -> AsyncIterator[Front]:
    """A gateway of its own, with limits, its tenant and settings changed."""
    public_url = choose_public_url() + path_prefix
    if tls is not None:
        public_url = public_url.replace("http://", "https://")
    listener = loopback_socket(LOOPBACK, 0)
    issuer_url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    issuer = DevIssuer(
        issuer_url, resources=[endpoint_url(public_url, "acme")], scopes=(), clients=()
    )
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(FakeBackend(canary=CANARY))
        await stack.enter_async_context(serving_issuer(issuer, listener))
        acme = {"issuers": [{"issuer": issuer_url}], "backends": {"fake": {"url": backend.url}}}
        document = {
            "tenants": {"acme": acme | dict(tenant or {})},
            "limits": dict(limits or {}),
            "listen": _listen(public_url, tls),
            **settings,
        }
        context = running_gateway(document, public_url=public_url)
        gateway = await asyncio.to_thread(context.__enter__)
        stack.push_async_callback(asyncio.to_thread, context.__exit__, None, None, None)
        certificate = None if tls is None else tls[0]
        yield Front(gateway=gateway, backend=backend, issuer=issuer, certificate=certificate)


def _listen(public_url: str, tls: tuple[Path, Path] | None) -> dict[str, Any]:
    listen: dict[str, Any] = {"host": LOOPBACK, "port": urlsplit(public_url).port}
    if tls is not None:
        listen["tls"] = {"cert_file": str(tls[0]), "key_file": str(tls[1])}
    return listen


__all__ = ["Front", "Wire", "running_front"]
