"""What is asked of a server: requests of both eras, right ones and deliberately wrong ones.

Rules: nothing is sent here; a request is a value. Its JSON-RPC id is given when it is sent, unless
the id is the point. Headers replace those of their name, so that a wrong one is as easily made as
a right one; None leaves one out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.protocol.methods import MIRRORED_PARAM
from gateway.protocol.mirrored_headers import (
    METHOD_HEADER,
    NAME_HEADER,
    VERSION_HEADER,
    encode_value,
)
from gateway.protocol.revisions import MODERN
from gateway.version import VERSION

META = "io.modelcontextprotocol/"
SESSION_HEADER = "Mcp-Session-Id"
CLIENT_INFO = {"name": "portcullis-check", "version": VERSION}

Json = dict[str, Any]
Values = str | Sequence[str] | None
"""One value of a header, several, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. `raw` is sent as it is; else `message`, with an id unless it is to have none."""

    where: str
    http_method: str = "POST"
    headers: Mapping[str, Values] = field(default_factory=dict)
    message: Json | None = None
    raw: bytes | None = None
    has_id: bool = True
    is_anonymous: bool = False
    reads_s: float | None = None
    """An event stream is read for at most so long: a stream that does not end by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation: its revision, and in the legacy era the session that the server gave."""

    revision: str
    session: str | None = None

    @property
    def is_modern(self) -> bool:
        """Whether requests carry the modern envelope."""
        return self.revision in MODERN

    def ask(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        where: str = "",
        headers: Mapping[str, Values] | None = None,
        meta: Mapping[str, Any] | None = None,
        reads_s: float | None = None,
    ) -> Asked:
        """A request of this conversation. `meta` replaces members of the envelope; None drops."""
        given = dict(params or {})
        if self.is_modern:
            envelope = self._meta() | dict(meta or {})
            given["_meta"] = {key: each for key, each in envelope.items() if each is not None}
        message: Json = {"jsonrpc": "2.0", "method": method}
        if given:
            message["params"] = given
        return Asked(
            where=self._place(where or method),
            headers=self._headers(method, given) | dict(headers or {}),
            message=message,
            reads_s=reads_s,
        )

    def notify(self, method: str) -> Asked:
        """A notification of this conversation."""
        message = {"jsonrpc": "2.0", "method": method}
        return Asked(
            where=self._place(method),
            headers=self._headers(method, {}),
            message=message,
            has_id=False,
        )

    def send_raw(self, raw: bytes, *, where: str) -> Asked:
        """Any bytes, under the headers of a ping or a discovery."""
        method = "server/discover" if self.is_modern else "ping"
        return Asked(where=self._place(where), headers=self._headers(method, {}), raw=raw)

    def plain(self, http_method: str, *, where: str = "", reads_s: float | None = None) -> Asked:
        """GET or DELETE in this conversation."""
        return Asked(
            where=self._place(where or http_method),
            http_method=http_method,
            headers=self._headers("", {}) | {"Content-Type": None, "Accept": "text/event-stream"},
            raw=b"",
            reads_s=reads_s,
        )

    def _place(self, what: str) -> str:
        return f"{what} ({self.revision})"

    def _headers(self, method: str, params: Mapping[str, Any]) -> dict[str, Values]:
        headers: dict[str, Values] = {VERSION_HEADER: self.revision}
        if self.session is not None:
            headers[SESSION_HEADER] = self.session
        if self.is_modern and method:
            headers[METHOD_HEADER] = method
            name = params.get(MIRRORED_PARAM.get(method, ""))
            headers[NAME_HEADER] = encode_value(name) if isinstance(name, str) else None
        return headers

    def _meta(self) -> Json:
        return {
            f"{META}protocolVersion": self.revision,
            f"{META}clientInfo": CLIENT_INFO,
            f"{META}clientCapabilities": {},
        }


def initialize(revision: str) -> Asked:
    """The handshake of the legacy era."""
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": CLIENT_INFO}
    message = {"jsonrpc": "2.0", "method": "initialize", "params": params}
    return Asked(where=f"initialize ({revision})", message=message)
