"""What the security cases are tried on: a real gateway between scripted issuers and backends.

    async with walled_city(document) as city: ...

Everything is on real sockets. The city knows what was sent and said, so that the oracles can be
asked after each case:

 O1 what backends and issuers were asked  O2 whose canaries came out  O3 what the log must not have
 O6 the audit event of a refusal          O7 how many sessions there are    O8 no 5xx, no bug
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.auth.scripted_issuer import ScriptedIssuer, running_issuer
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.gateway import RunningGateway, choose_public_url, running_gateway
from tests.rigs.raw_http import Answer, Connection, Headers, exchange, sent, write_request

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
META_PREFIX = "io.modelcontextprotocol/"
WAIT_S = 8.0
MIN_SECRET = 16

Json = dict[str, Any]


class Diary:
    """The gateway's log, read on as it grows; a secret in it is found when it is read."""

    def __init__(self, log: Path, secrets: set[str]) -> None:
        self.lines: list[Json] = []
        self._log = log
        self._secrets = secrets
        self._read = 0
        self._rest = b""

    def read(self) -> list[Json]:
        """Every line that is complete so far (O3, O8)."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        *complete, self._rest = (self._rest + new).split(b"\n")
        self._check(b"\n".join(complete).decode())
        self.lines += [json.loads(line) for line in complete]
        return self.lines

    def _check(self, text: str) -> None:
        assert "Traceback" not in text
        assert "internal_error" not in text
        assert not [secret for secret in self._secrets if secret in text]


@dataclass
class City:
    """The gateway, who stands around it, and what was said so far."""

    gateway: RunningGateway
    issuers: Mapping[str, ScriptedIssuer]
    backends: Mapping[str, FakeBackend]
    secrets: set[str] = field(default_factory=set)
    """What must never be in a body or in the log."""

    def __post_init__(self) -> None:
        self.diary = Diary(self.gateway.log, self.secrets)

    @property
    def host(self) -> str:
        return self.gateway.public_url.removeprefix("http://")

    async def exchange(self, raw: bytes) -> Answer:
        """Send these very bytes; the answer never is a server's fault and tells no secret."""
        answer = await exchange(self.gateway.port, raw)
        self.check(answer)
        return answer

    async def send(
        self, method: str, target: str, headers: Headers = (), body: bytes = b""
    ) -> Answer:
        """One request by its parts."""
        self._remember(headers)
        return await self.exchange(self.written(method, target, headers, body))

    async def post(self, target: str, headers: Headers, message: Json | bytes) -> Answer:
        """One message."""
        return await self.send("POST", target, headers, encoded(message))

    def written(self, method: str, target: str, headers: Headers, body: bytes = b"") -> bytes:
        return write_request(method, target, self.host, headers, body)

    @asynccontextmanager
    async def open_post(
        self, target: str, headers: Headers, message: Json | bytes
    ) -> AsyncIterator[Connection]:
        """One message on a connection that the test may leave."""
        raw = self.written("POST", target, headers, encoded(message))
        async with sent(self.gateway.port, raw) as connection:
            yield connection

    def check(self, answer: Answer) -> None:
        """O3 and O8, as far as an answer shows them; 503 only where a test expects it."""
        assert answer.status in range(200, 500) or answer.status == 503, answer.text
        assert "Traceback" not in answer.text
        assert not [secret for secret in self.secrets if secret in answer.text]

    async def audited(self, answer: Answer) -> Json:
        """O6: the audit event of one refusal."""
        return await self.logged(
            lambda line: line["event"] == "audit" and line.get("request_id") == answer.request_id
        )

    async def line_of(self, answer: Answer) -> Json:
        """The canonical line of one request."""
        return await self.logged(
            lambda line: (
                line["event"] == "request_served" and line.get("request_id") == answer.request_id
            )
        )

    async def logged(self, wanted: Callable[[Json], bool]) -> Json:
        """The first log line like this, as soon as it is there."""
        found: list[Json] = []

        async def look() -> bool:
            found[:] = [line for line in self.diary.read() if wanted(line)]
            return bool(found)

        await eventually(look)
        return found[0]

    def asked_backends(self) -> int:
        """O1: how much the backends were asked so far."""
        return sum(len(backend.requests) for backend in self.backends.values())

    def asked_issuers(self) -> int:
        """O1: how much the issuers were asked so far."""
        return sum(issuer.asked.total() for issuer in self.issuers.values())

    async def metric(self, name: str) -> float:
        """The sum over all series of a metric."""
        lines = (await self.scrape()).splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if _names(line, name))

    async def scrape(self) -> str:
        """The metrics, as the admin listener gives them."""
        port = int(self.gateway.admin_url.rpartition(":")[2])
        raw = write_request("GET", "/metrics", f"127.0.0.1:{port}", (), b"")
        return (await exchange(port, raw)).body.decode()

    def _remember(self, headers: Headers) -> None:
        for name, value in headers:
            if name.lower() == "authorization":
                words = value.replace(".", " ").replace(",", " ").split()
                self.secrets.update(word for word in words if len(word) > 4 * MIN_SECRET)


@asynccontextmanager
async def walled_city(
    document: Callable[["Plan"], Json],
    *,
    issuers: tuple[str, ...],
    backends: Mapping[str, FakeBackend],
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[City]:
    """Start issuers, backends and the gateway of a configuration that is made of their URLs."""
    async with AsyncExitStack() as stack:
        running = {name: await stack.enter_async_context(running_issuer()) for name in issuers}
        for backend in backends.values():
            await stack.enter_async_context(backend)
        public_url = choose_public_url()
        plan = Plan(public_url=public_url, issuers=running, backends=backends)
        entering = running_gateway(document(plan), public_url=public_url, environ=environ)
        gateway = await asyncio.to_thread(entering.__enter__)
        stack.push_async_callback(asyncio.to_thread, entering.__exit__, None, None, None)
        yield City(gateway, running, backends)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a configuration can refer to."""

    public_url: str
    issuers: Mapping[str, ScriptedIssuer]
    backends: Mapping[str, FakeBackend]


async def eventually(is_so: Callable[[], Awaitable[bool]], within_s: float = WAIT_S) -> None:
    """Wait until something outside this process is so."""
    async with asyncio.timeout(within_s):
        while not await is_so():  # noqa: ASYNC110 - no event comes from another process
            await asyncio.sleep(0.01)


def encoded(message: Json | bytes) -> bytes:
    return message if isinstance(message, bytes) else json.dumps(message).encode()


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


def modern_headers(method: str, name: str | None = None) -> list[tuple[str, str]]:
    """What a modern client sends with a message, besides its token."""
    headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("MCP-Protocol-Version", MODERN),
        ("Mcp-Method", method),
    ]
    return headers if name is None else [*headers, ("Mcp-Name", name)]


def modern(method: str, request_id: Any = 1, meta: Json | None = None, **params: Any) -> Json:
    """A modern request."""
    envelope = {
        f"{META_PREFIX}protocolVersion": MODERN,
        f"{META_PREFIX}clientCapabilities": {},
    }
    params = params | {"_meta": envelope | (meta or {})}
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def modern_call(tool: str = "echo", request_id: Any = 1, **arguments: Any) -> Json:
    return modern("tools/call", request_id, name=tool, arguments=arguments)


def legacy_headers(session: str | None = None) -> list[tuple[str, str]]:
    """What a legacy client sends with a message, besides its token."""
    headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
    ]
    if session is None:
        return headers
    return [*headers, ("MCP-Protocol-Version", LEGACY), ("Mcp-Session-Id", session)]


def legacy(method: str, request_id: Any = 1, **params: Any) -> Json:
    """A legacy request."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def legacy_call(tool: str = "echo", request_id: Any = 1, **arguments: Any) -> Json:
    return legacy("tools/call", request_id, name=tool, arguments=arguments)


def initialize() -> Json:
    client = {"name": "tests", "version": "1"}
    return legacy("initialize", protocolVersion=LEGACY, capabilities={}, clientInfo=client)


def _names(line: str, metric: str) -> bool:
    return line.startswith((f"{metric} ", f"{metric}{{"))
