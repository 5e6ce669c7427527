"""What to paste into a client so that it talks to one endpoint. Pure text.

Rule: no token is needed where the client can sign in by itself (OAuth); with a development token
the snippet carries it as a header instead, and says how long that works.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.mcp_client import modern_headers, modern_meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The endpoint that a client is to know as `name`."""

    name: str
    url: str
    token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What the client must send besides, empty when it signs in by itself."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@dataclass(frozen=True, slots=True)
class Snippet:
    """`text` goes to `place`: a file, or the command line."""

    client: str
    place: str
    text: str


def claude(target: Target) -> Snippet:
    """Claude Code, by its command."""
    headers = [f"--header {shlex.quote(f'{k}: {v}')}" for k, v in target.headers.items()]
    words = ["claude mcp add --transport http", target.name, target.url, *headers]
    return Snippet("Claude Code", "command line", " ".join(words))


def vscode(target: Target) -> Snippet:
    """VS Code, by the file of the workspace."""
    servers = {"servers": {target.name: {"type": "http", **_remote(target)}}}
    return Snippet("VS Code", ".vscode/mcp.json", _json(servers))


def cursor(target: Target) -> Snippet:
    """Cursor, by the file of the project."""
    return Snippet(
        "Cursor", ".cursor/mcp.json", _json({"mcpServers": {target.name: _remote(target)}})
    )


def inspector(target: Target) -> Snippet:
    """The MCP Inspector's command line mode."""
    words = ["npx @modelcontextprotocol/inspector --cli", target.url, "--transport http"]
    words += [f"--header {shlex.quote(f'{k}: {v}')}" for k, v in target.headers.items()]
    return Snippet("Inspector", "command line", " ".join([*words, "--method tools/list"]))


def mcp_remote(target: Target) -> Snippet:
    """A client that can only start programs, through `mcp-remote`."""
    headers = [part for k, v in target.headers.items() for part in ("--header", f"{k}:{v}")]
    server = {"command": "npx", "args": ["mcp-remote", target.url, *headers]}
    return Snippet(
        "mcp-remote", "mcpServers of the client", _json({"mcpServers": {target.name: server}})
    )


CLIENTS: Mapping[str, Callable[[Target], Snippet]] = {
    "claude": claude,
    "vscode": vscode,
    "cursor": cursor,
    "inspector": inspector,
    "mcp-remote": mcp_remote,
}


def curl(target: Target, *, tool: str, arguments: Mapping[str, Any]) -> str:
    """One modern tools/call that needs nothing before it, ready to be pasted into a shell."""
    params = {"name": tool, "arguments": dict(arguments)}
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {**params, "_meta": modern_meta()},
    }
    headers = {
        **target.headers,
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **modern_headers("tools/call", params),
    }
    lines = [f"curl -sS {shlex.quote(target.url)}"]
    lines += [f"  -H {shlex.quote(f'{k}: {v}')}" for k, v in headers.items()]
    lines += [f"  -d {shlex.quote(json.dumps(body))}"]
    return " \\\n".join(lines)


def server_name(tenant: str, endpoint: str = "") -> str:
    """The name under which a client knows an endpoint: letters, digits and dashes."""
    return re.sub(r"[^a-zA-Z0-9-]+", "-", "-".join(filter(None, (tenant, endpoint))))


def named_after(url: str) -> str:
    """The same for an endpoint of which only the URL is known: its tenant, else its host."""
    parts = urlsplit(url)
    found = re.search(r"/t/([^/]+)(?:/([^/]+))?/mcp$", parts.path)
    return (
        server_name(*filter(None, found.groups())) if found else server_name(parts.hostname or url)
    )


def _remote(target: Target) -> dict[str, Any]:
    headers = target.headers
    return {"url": target.url, **({"headers": headers} if headers else {})}


def _json(document: Any) -> str:
    return json.dumps(document, indent=2)
