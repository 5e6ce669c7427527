"""A backend that costs next to nothing, so that what is measured is the gateway.

It speaks just enough of revision 2026-07-28 and 2025-11-25 for one tool, over raw asyncio. It is a
load generator's counterpart, not an MCP server to imitate.
"""

import asyncio
import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable

TOOL = {"name": "echo", "inputSchema": {"type": "object", "properties": {}}}
INFO = {"name": "fast", "version": "1"}
META = {"io.modelcontextprotocol/serverInfo": INFO}
CACHE = {"ttlMs": 0, "cacheScope": "private", "resultType": "complete", "_meta": META}
CAPABILITIES: dict[str, object] = {"tools": {}}

RESULTS: dict[str, object] = {
    "server/discover": {
        "supportedVersions": ["2026-07-28"],
        "capabilities": CAPABILITIES,
        **CACHE,
    },
    "initialize": {
        "protocolVersion": "2025-11-25",
        "capabilities": CAPABILITIES,
        "serverInfo": INFO,
    },
    "tools/list": {"tools": [TOOL], **CACHE},
    "tools/call": {
        "content": [{"type": "text", "text": "ok"}],
        "isError": False,
        "resultType": "complete",
    },
}
BODIES = {method: json.dumps(result).encode() for method, result in RESULTS.items()}


class FastBackend(asyncio.Protocol):
    """One connection: requests come whole and one after the other."""

    def __init__(self, *, is_modern: bool) -> None:
        self._is_modern = is_modern
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].partition(b"\r\n")[0])
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            assert self._transport is not None
            self._transport.write(self._answer(body))

    def _answer(self, body: bytes) -> bytes:
        message = json.loads(body) if body else {}
        method = message.get("method", "")
        if "id" not in message:
            return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
        if method == "server/discover" and not self._is_modern:
            return _http(400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}')
        session = b"Mcp-Session-Id: one\r\n" if method == "initialize" else b""
        result = BODIES.get(method, b"{}")
        answer = b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (message["id"], result)
        return _http(200, answer, session)


def _http(status: int, body: bytes, extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b" % (
        status,
        extra,
        len(body),
        body,
    )


async def main(port: int, *, is_modern: bool) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    make: Callable[[], FastBackend] = lambda: FastBackend(is_modern=is_modern)  # noqa: E731
    server = await loop.create_server(make, "127.0.0.1", port)
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--legacy", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.port, is_modern=not arguments.legacy))
