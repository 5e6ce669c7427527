"""A scriptable MCP backend on a real socket: it keeps every byte, and can be as evil as asked.

Rules
1. Each request is recorded as it came, head and body, before anything is answered.
2. Without a script it is a good server of its era. A script takes over one JSON-RPC method and may
   write any bytes it likes. `evil_scripts.py` has those of the security cases.
3. Its canary is in every result, so that it can be looked for where it must not be.
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, cast

FakeEra = Literal["legacy", "modern", "both"]
Json = dict[str, Any]

LATEST_LEGACY = "2025-11-25"
MODERN = "2026-07-28"
HEAD_END = b"\r\n\r\n"
TOOL: Json = {"name": "echo", "description": "says it again", "inputSchema": {"type": "object"}}
CAPABILITIES: Json = {"tools": {}, "prompts": {}, "resources": {}, "logging": {}}


@dataclass(frozen=True)
class Recorded:
    """One request, byte for byte. `connection` counts from 0."""

    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes
    connection: int

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else None

    @property
    def header_names(self) -> list[str]:
        return [name.lower() for name, _ in self.headers]

    @property
    def message(self) -> Json:
        found = json.loads(self.body) if self.body else {}
        assert isinstance(found, dict)
        return found

    @property
    def rpc(self) -> str | None:
        method = self.message.get("method")
        return method if isinstance(method, str) else None


class _Connection(asyncio.Protocol):
    """One accepted connection: it cuts what arrives into requests and has them answered in turn."""

    def __init__(self, backend: "FakeBackend") -> None:
        self.backend = backend
        self.number = backend.connections
        self.transport: asyncio.Transport | None = None
        self.gone = asyncio.Event()
        self._buffer = b""
        self._arrived: asyncio.Queue[Recorded] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        # Not before: several may be accepted in one turn of the loop.
        self.number = self.backend.connections
        self.backend.accept(self)
        if not self.backend.reads:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (request := self._next()) is not None:
            self.backend.record(request)
            self._arrived.put_nowait(request)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # however it went, it is gone
        self.gone.set()

    async def serve(self) -> None:
        while True:
            await self.backend.answer(Wire(self, await self._arrived.get()))

    def _next(self) -> Recorded | None:
        head, found, rest = self._buffer.partition(HEAD_END)
        if not found:
            return None
        start, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = tuple((name, value.strip()) for name, _, value in pairs)
        lengths = [int(value) for name, value in headers if name.lower() == "content-length"]
        length = lengths[0] if lengths else 0
        if len(rest) < length:
            return None
        body, self._buffer = rest[:length], rest[length:]
        return Recorded(start.split(" ")[0], headers, body, head + found + body, self.number)


class Wire:
    """The answering side of one request: whatever a script wants to put on it."""

    def __init__(self, connection: _Connection, request: Recorded) -> None:
        assert connection.transport is not None
        self.backend = connection.backend
        self.request = request
        self._gone = connection.gone
        self._transport = connection.transport

    @property
    def id(self) -> Any:
        return self.request.message.get("id")

    async def write(self, data: bytes) -> None:
        """Write, and let the loop run: a client that leaves is seen."""
        self._transport.write(data)
        await asyncio.sleep(0)

    async def head(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status} Status"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.write("\r\n".join(lines).encode() + HEAD_END)

    async def reply(
        self,
        body: bytes,
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        framing = {"Content-Length": str(len(body))}
        if body:
            framing["Content-Type"] = content_type
        await self.head(status, framing | dict(headers or {}))
        await self.write(body)

    async def result(self, result: Json, headers: Mapping[str, str] | None = None) -> None:
        await self.reply(self.answer(result), headers=headers)

    async def error(
        self, code: int, message: str = "no", *, status: int = 200, data: Any = None
    ) -> None:
        error: Json = {"code": code, "message": message}
        if data is not None:
            error["data"] = data
        body = {"jsonrpc": "2.0", "id": self.id, "error": error}
        await self.reply(json.dumps(body).encode(), status=status)

    def answer(self, result: Json, request_id: Any = None) -> bytes:
        body = {"jsonrpc": "2.0", "id": request_id or self.id, "result": result}
        return json.dumps(body).encode()

    async def open_events(self) -> None:
        headers = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
        await self.head(200, headers)

    async def chunk(self, data: bytes) -> None:
        await self.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, message: Json | bytes) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        await self.chunk(b"event: message\ndata: " + data + b"\n\n")

    async def end_events(self) -> None:
        await self.write(b"0\r\n\r\n")

    def close(self) -> None:
        self._transport.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        found = self._transport.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    @property
    def is_client_gone(self) -> bool:
        return self._gone.is_set() or self._transport.is_closing()

    async def client_is_gone(self) -> None:
        """Wait until the client has let go of the connection."""
        await self._gone.wait()


Script = Callable[[Wire], Awaitable[None]]


@dataclass
class FakeBackend:
    """A backend. Use it as an asynchronous context manager."""

    era: FakeEra = "modern"
    canary: str = "canary-of-nobody"
    tools: list[Json] = field(default_factory=lambda: [TOOL])
    capabilities: Json = field(default_factory=lambda: dict(CAPABILITIES))
    mints_sessions: bool = True
    revision: str = LATEST_LEGACY
    scripts: dict[str, Script] = field(default_factory=dict)
    requests: list[Recorded] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    connections: int = 0
    port: int = 0
    reads: bool = True

    def __post_init__(self) -> None:
        self._open: list[_Connection] = []
        self._arrival = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def open_connections(self) -> int:
        return sum(not connection.gone.is_set() for connection in self._open)

    def calls(self, rpc: str) -> list[Recorded]:
        """Every request of one JSON-RPC method, in order."""
        return [request for request in self.requests if request.rpc == rpc]

    @property
    def received(self) -> bytes:
        """Everything that ever arrived."""
        return b"".join(request.raw for request in self.requests)

    async def __aenter__(self) -> Self:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
        await self._group.__aexit__(None, None, None)

    async def listen(self) -> None:
        """Listen; again on the same port after `stop`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and every connection."""
        self._server.close()
        await self.close_connections()
        for task in self._tasks:
            task.cancel()
        await self._server.wait_closed()

    async def close_connections(self) -> None:
        """Close every connection, as a server does with idle ones."""
        for connection in self._open:
            if connection.transport is not None:
                connection.transport.abort()
            await connection.gone.wait()

    def shut_down_now(self) -> None:
        """Send FIN on every connection without a turn of the event loop."""
        for connection in self._open:
            if connection.transport is not None and not connection.gone.is_set():
                number = connection.transport.get_extra_info("socket").fileno()
                with socket.socket(fileno=os.dup(number)) as own:
                    own.shutdown(socket.SHUT_RDWR)

    def record(self, request: Recorded) -> None:
        self.requests.append(request)
        self._arrival.set()

    async def arrived(self, rpc: str, *, times: int = 1) -> None:
        """Wait until so many requests of a JSON-RPC method have come."""
        while len(self.calls(rpc)) < times:
            self._arrival.clear()
            await self._arrival.wait()

    async def all_gone(self) -> None:
        """Wait until the client has let go of every connection so far."""
        for connection in list(self._open):
            await connection.gone.wait()

    def accept(self, connection: _Connection) -> None:
        self.connections += 1
        self._open.append(connection)
        self._tasks.append(self._group.create_task(connection.serve()))

    async def answer(self, wire: Wire) -> None:
        """Answer one request."""
        request = wire.request
        if request.method == "DELETE":
            self.sessions.discard(request.header("Mcp-Session-Id") or "")
            await wire.reply(b"")
        elif request.method == "GET":
            await self._script("GET", _no_stream)(wire)
        elif "id" not in request.message or request.rpc is None:
            await self._script(request.rpc or "response", self._accept)(wire)
        else:
            await self._script(request.rpc, self._behave)(wire)

    async def _accept(self, wire: Wire) -> None:
        session = wire.request.header("Mcp-Session-Id")
        is_known = session is None or session in self.sessions
        await wire.reply(b"", status=202 if is_known else 404)

    def _script(self, rpc: str, default: Script) -> Script:
        return self.scripts.get(rpc, default)

    async def _behave(self, wire: Wire) -> None:
        is_modern = wire.request.header("MCP-Protocol-Version") == MODERN
        if self.era == "legacy" and is_modern:
            await wire.error(-32000, "Bad Request: Server not initialized", status=400)
        elif self.era == "modern" and not is_modern:
            await wire.error(-32022, status=400, data={"supported": [MODERN], "requested": "?"})
        elif is_modern or wire.request.rpc == "initialize":
            await self._serve_method(wire)
        elif self.mints_sessions and wire.request.header("Mcp-Session-Id") not in self.sessions:
            await wire.error(-32600, "Session not found", status=404)
        else:
            await self._serve_method(wire)

    async def _serve_method(self, wire: Wire) -> None:
        params = wire.request.message.get("params", {})
        match wire.request.rpc:
            case "initialize":
                await self._initialize(wire)
            case "server/discover":
                await wire.result(self._discovery())
            case "tools/list":
                await wire.result({"tools": self.tools, "_meta": {"canary": self.canary}})
            case "tools/call":
                text = json.dumps(params.get("arguments", {})) + self.canary
                await wire.result({"content": [{"type": "text", "text": text}]})
            case "prompts/list":
                await wire.result({"prompts": [{"name": "greet"}]})
            case "resources/list":
                await wire.result({"resources": [{"uri": "fake://one", "name": "one"}]})
            case "resources/templates/list":
                await wire.result(
                    {"resourceTemplates": [{"uriTemplate": "fake://{x}", "name": "x"}]}
                )
            case "ping" | "logging/setLevel":
                await wire.result({})
            case _:
                await wire.error(-32601, "Method not found")

    def _discovery(self) -> Json:
        return {
            "resultType": "complete",
            "supportedVersions": [MODERN],
            "capabilities": self.capabilities,
            "instructions": self.canary,
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {
                "io.modelcontextprotocol/serverInfo": {"name": self.canary, "version": "1"},
            },
        }

    async def _initialize(self, wire: Wire) -> None:
        result = {
            "protocolVersion": self.revision,
            "capabilities": self.capabilities,
            "serverInfo": {"name": self.canary, "version": "1"},
        }
        headers = {}
        if self.mints_sessions:
            session = f"session-{self.canary}-{len(self.calls('initialize'))}"
            self.sessions.add(session)
            headers["Mcp-Session-Id"] = session
        await wire.result(result, headers)


async def _no_stream(wire: Wire) -> None:
    await wire.reply(b"", status=405, headers={"Allow": "POST, DELETE"})
