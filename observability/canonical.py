"""The canonical line: one a request, written at the edge, with everything that was learnt.

Its fields are the allow-list: what has no name here is not logged about a request. Tool
arguments, results, query strings and tokens have none. Fields that stay unset are left out.
"""

from enum import StrEnum

import msgspec

from observability import events
from observability.logs import timestamp, write_line


class Outcome(StrEnum):
    """How a request ended, coarsely; `reason` says it exactly."""

    OK = "ok"
    TOOL_ERROR = "tool_error"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CanonicalLine(
    msgspec.Struct,
    kw_only=True,
    omit_defaults=True,
    tag_field="event",
    tag=events.REQUEST_SERVED,
):
    """What one request came to. Rooms fill it on the way; `emit` writes it.

    `principal` and `session` are hashes (`redaction.hash_identifier`), never the identifiers.
    Durations are seconds; `gateway_s` is what the gateway itself added.
    """

    level: str = ""
    timestamp: str = ""
    request_id: str = ""
    trace_id: str = ""
    tenant: str = ""
    endpoint: str = ""
    principal: str = ""
    session: str = ""
    client: str = ""
    era: str = ""
    revision: str = ""
    method: str = ""
    tool: str = ""
    backend: str = ""
    backend_revision: str = ""
    outcome: str = ""
    reason: str = ""
    http_method: str = ""
    http_status: int = 0
    rpc_code: int | None = None
    unavailable_backends: list[str] = []  # msgspec copies an empty default for each instance
    bytes_in: int = 0
    bytes_out: int = 0
    duration_s: float = 0.0
    backend_s: float = 0.0
    gateway_s: float = 0.0


def emit(line: CanonicalLine) -> None:
    """Write the line, once, when the last byte of the answer is out."""
    line.timestamp = timestamp()
    line.level = "error" if line.reason == "internal_error" else "info"
    line.duration_s = round(line.duration_s, 6)
    if line.backend_s:  # what stays unset stays out
        line.backend_s = round(line.backend_s, 6)
    if line.gateway_s:
        line.gateway_s = round(line.gateway_s, 6)
    write_line(line, level=line.level)
