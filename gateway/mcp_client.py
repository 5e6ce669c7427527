"""A small MCP client: what the command line and the start of `dev` use to try a gateway.

It speaks the modern era, one request a call, and falls back to the legacy handshake when the
gateway says that the backend behind an endpoint cannot do modern. Blocking, on the standard
library: it never runs inside the gateway's event loop.
"""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gateway.protocol.mirrored_headers import encode_value
from gateway.version import VERSION

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
ERA_IMPOSSIBLE = -31008
UNSUPPORTED_VERSION = -32022
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_PAGES = 100

Params = Mapping[str, Any]
_META = "io.modelcontextprotocol/"
_CLIENT = {"name": "portcullis-cli", "version": VERSION}
_MIRRORED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class CallFailed(Exception):
    """The call brought no result. The message says why and what to do, for a person."""


class RpcRefused(CallFailed):
    """A JSON-RPC error came back."""

    def __init__(self, code: int, message: str, data: Any) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.data = data


@dataclass(slots=True)
class McpClient:
    """One endpoint and one token. Not safe for several threads at once."""

    url: str
    token: str
    timeout_s: float = 60.0
    _next_id: int = field(default=1, init=False)
    session: str | None = field(default=None, init=False)
    _is_legacy: bool = field(default=False, init=False)

    def list_tools(self) -> list[dict[str, Any]]:
        """Every tool of the endpoint, over all pages."""
        tools: list[dict[str, Any]] = []
        params: dict[str, Any] = {}
        for _ in range(MAX_PAGES):
            result = self.request("tools/list", params)
            tools += result.get("tools", [])
            if "nextCursor" not in result:
                return tools
            params = {"cursor": result["nextCursor"]}
        raise CallFailed(f"tools/list of {self.url} never ends")

    def call_tool(self, name: str, arguments: Params) -> dict[str, Any]:
        """The result of one tool call, whatever its `isError` says."""
        return self.request("tools/call", {"name": name, "arguments": dict(arguments)})

    def request(self, method: str, params: Params) -> dict[str, Any]:
        """One request in the era that the endpoint speaks."""
        if self._is_legacy:
            return self._legacy(method, params)
        try:
            return self._modern(method, params)
        except RpcRefused as refused:
            if refused.code not in {ERA_IMPOSSIBLE, UNSUPPORTED_VERSION}:
                raise
            self._is_legacy = True
            return self._legacy(method, params)

    def close(self) -> None:
        """End the legacy session, if there is one."""
        if self.session is None:
            return
        session, self.session = self.session, None
        self._exchange("DELETE", b"", {"Mcp-Session-Id": session, "MCP-Protocol-Version": LEGACY})

    def _modern(self, method: str, params: Params) -> dict[str, Any]:
        headers = modern_headers(method, params)
        return self._send(method, {**params, "_meta": modern_meta()}, headers)

    def _legacy(self, method: str, params: Params) -> dict[str, Any]:
        if self.session is None:
            self._initialize()
        return self._send(method, params, self._legacy_headers())

    def _legacy_headers(self) -> dict[str, str]:
        session = {"Mcp-Session-Id": self.session} if self.session else {}
        return {"MCP-Protocol-Version": LEGACY, **session}

    def _initialize(self) -> None:
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
        self._send("initialize", params, {})
        notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        self._exchange("POST", json.dumps(notification).encode(), self._legacy_headers())

    def _send(self, method: str, params: Params, headers: Mapping[str, str]) -> dict[str, Any]:
        request_id, self._next_id = self._next_id, self._next_id + 1
        body = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": dict(params)}
        answer = self._exchange("POST", json.dumps(body).encode(), headers)
        return answer.result(request_id)

    def _exchange(self, verb: str, body: bytes, headers: Mapping[str, str]) -> "_Answer":
        target = urlsplit(self.url)
        connection = _connection(target, self.timeout_s)
        try:
            connection.request(verb, target.path, body=body, headers=self._headers(headers))
            response = connection.getresponse()
            answer = _Answer(response.status, response.headers, response.read(MAX_ANSWER_BYTES))
        except (OSError, http.client.HTTPException) as error:
            where = f"{target.scheme}://{target.netloc}"
            raise CallFailed(f"no answer from {where}: {error}; is the gateway running?") from error
        finally:
            connection.close()
        self.session = answer.headers.get("Mcp-Session-Id", self.session)
        return answer

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **headers,
        }


def modern_headers(method: str, params: Params) -> dict[str, str]:
    """The mirrored headers that a modern request needs beside its body."""
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    if method in _MIRRORED:
        headers["Mcp-Name"] = encode_value(str(params[_MIRRORED[method]]))
    return headers


def modern_meta() -> dict[str, Any]:
    """The envelope that every modern request carries in `params._meta`."""
    return {
        f"{_META}protocolVersion": MODERN,
        f"{_META}clientCapabilities": {},
        f"{_META}clientInfo": _CLIENT,
    }


def _connection(target: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    return kind(target.hostname or "", target.port, timeout=timeout_s)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def result(self, request_id: int) -> dict[str, Any]:
        for message in self._messages():
            if message.get("id") not in {request_id, None} or "method" in message:
                continue
            if "error" in message:
                error = message["error"]
                raise RpcRefused(error["code"], error["message"], error.get("data"))
            if "result" in message:
                return dict(message["result"])
        raise CallFailed(self._refusal())

    def _messages(self) -> Iterator[dict[str, Any]]:
        is_stream = self.headers.get_content_type() == "text/event-stream"
        texts = _events(self.body) if is_stream else [self.body.decode(errors="replace")]
        for text in texts:
            try:
                message = json.loads(text)
            except ValueError:
                continue
            if isinstance(message, dict) and "jsonrpc" in message:
                yield message

    def _refusal(self) -> str:
        request_id = self.headers.get("X-Request-Id", "none")
        said = {
            401: "the token is not accepted (401); get a new one with `portcullis token`",
            403: "the token lacks what this needs (403)",
            404: "there is no such tenant or endpoint (404)",
            429: "too many calls (429); wait a moment",
            503: "the gateway cannot serve this now (503); ask its /readyz why",
        }
        answer = said.get(self.status, f"no usable answer (HTTP {self.status})")
        return f"{answer}; request id {request_id}"


def _events(body: bytes) -> Iterator[str]:
    for block in body.decode(errors="replace").replace("\r\n", "\n").split("\n\n"):
        lines = [line[5:].lstrip() for line in block.split("\n") if line.startswith("data:")]
        if lines:
            yield "\n".join(lines)
