"""The headers of a request to a backend, built from empty (security cases U08 and U11).

Rules
1. Nothing of the client's request is copied. What mirrors the message (`Mcp-Name`, `Mcp-Param-*`)
   and the trace context are made by the gateway and named here; anything else is dropped.
2. A value is printable ASCII, so that it cannot begin another header.
"""

import re
from collections.abc import Iterable

from gateway.backends.channel import RequestHead

Headers = tuple[tuple[str, str], ...]

SESSION_HEADER = "Mcp-Session-Id"
VERSION_HEADER = "MCP-Protocol-Version"

_BASE: Headers = (
    ("Content-Type", "application/json"),
    ("Accept", "application/json, text/event-stream"),
    ("Accept-Encoding", "identity"),
)
_ALLOWED = re.compile(
    r"mcp-name|mcp-param-[!#$%&'*+.^_`|~0-9a-z-]+|traceparent|tracestate", re.IGNORECASE
).fullmatch
_VALUE = re.compile(r"[\x20-\x7e]{0,8190}").fullmatch


def build_listen_head(
    *,
    revision: str,
    session_id: str | None,
    last_event_id: str | None = None,
    credential: tuple[str, str] | None = None,
) -> RequestHead:
    """All headers of a legacy GET, which opens a stream or goes on with one."""
    headers = [("Accept", "text/event-stream"), ("Accept-Encoding", "identity")]
    headers.append((VERSION_HEADER, revision))
    if session_id is not None:
        headers.append((SESSION_HEADER, session_id))
    if last_event_id and _VALUE(last_event_id):
        headers.append(("Last-Event-ID", last_event_id))
    if credential is not None:
        headers.append(credential)
    return RequestHead(tuple(headers))


def build_head(
    *,
    revision: str | None,
    method: str | None = None,
    session_id: str | None = None,
    extra: Iterable[tuple[str, str]] = (),
    credential: tuple[str, str] | None = None,
) -> RequestHead:
    """All headers of one request.

    `revision` is None for `initialize` alone, `method` is given for the modern era.
    """
    headers = list(_BASE)
    if revision is not None:
        headers.append((VERSION_HEADER, revision))
    if method is not None:
        headers.append(("Mcp-Method", method))
    if session_id is not None:
        headers.append((SESSION_HEADER, session_id))
    headers += [pair for pair in extra if _ALLOWED(pair[0]) and _VALUE(pair[1])]
    if credential is not None:
        headers.append(credential)
    return RequestHead(tuple(headers))
