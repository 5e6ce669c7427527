"""Well-formed MCP messages of both eras to one endpoint, one at a time, and their raw answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.mcp_client import LEGACY, modern_headers, modern_meta
from tests.rigs.raw_http import Answer, exchange, write_request

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """One endpoint and one token. `id` is what every request is numbered with."""

    url: str
    token: str
    id: int = 1

    async def modern(self, method: str, params: Params | None = None) -> Answer:
        """A modern request."""
        asked = dict(params or {})
        headers = modern_headers(method, asked)
        return await self._send(method, {**asked, "_meta": modern_meta()}, headers)

    async def call_tool(self, name: str, **arguments: Any) -> Answer:
        """A modern tools/call."""
        return await self.modern("tools/call", {"name": name, "arguments": arguments})

    async def initialize(self, session: str | None = None) -> Answer:
        """The legacy handshake's request; `session` is for those who bring an id of their own."""
        params = {
            "protocolVersion": LEGACY,
            "capabilities": {},
            "clientInfo": {"name": "caller", "version": "1"},
        }
        brought = {"Mcp-Session-Id": session} if session else {}
        return await self._send("initialize", params, brought)

    async def open_session(self) -> str:
        """The id of a new legacy session."""
        answer = await self.initialize()
        session = answer.header("Mcp-Session-Id")
        assert session is not None, answer.text
        return session

    async def legacy(self, session: str, method: str, params: Params | None = None) -> Answer:
        """A request in a legacy session."""
        return await self._send(method, dict(params or {}), _in_session(session))

    async def end(self, session: str) -> Answer:
        """DELETE of a legacy session."""
        return await self._exchange("DELETE", _in_session(session), b"")

    async def _send(
        self, method: str, params: dict[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        message = {"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}
        return await self._exchange("POST", headers, json.dumps(message).encode())

    async def _exchange(self, verb: str, headers: Mapping[str, str], body: bytes) -> Answer:
        target = urlsplit(self.url)
        assert target.port is not None
        named = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **headers,
        }
        request = write_request(verb, target.path, target.netloc, list(named.items()), body)
        return await exchange(target.port, request)


def _in_session(session: str) -> dict[str, str]:
    return {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": session}
