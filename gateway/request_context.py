"""What is observed of one request while it walks through the rooms.

Rule: it carries no identity and decides nothing. Rooms write to it; only the edge reads it, to
render a refusal, to write the one canonical log line and to finish the trace.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.error_responses import Asker
from gateway.protocol.revisions import Era
from observability.canonical import CanonicalLine
from observability.tracing import CallTrace, UpstreamCall

if TYPE_CHECKING:
    from gateway.replies import Reply
    from gateway.runtime import EndpointRuntime

REQUEST_ID_BYTES = 12


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """One request as its observers see it. `started` is monotonic seconds, `_ns` wall time."""

    trace: CallTrace
    started: float = field(default_factory=time.perf_counter)
    started_ns: int = field(default_factory=time.time_ns)
    request_id: str = field(default_factory=lambda: secrets.token_hex(REQUEST_ID_BYTES))
    line: CanonicalLine = field(default_factory=CanonicalLine)
    endpoint: "EndpointRuntime | None" = None
    era: Era | None = None
    rpc_id: bytes | None = None
    wants_jsonrpc: bool = False
    reply: "Reply | None" = None
    source: str = ""
    cors: Mapping[str, str] = field(default_factory=dict)
    """What lets the page of an origin that may call read the answer, a refusal as well."""
    is_tool_error: bool = False
    upstream: list[UpstreamCall] = field(default_factory=list)

    def asker(self) -> Asker:
        """What a refusal needs to know."""
        endpoint = self.endpoint
        return Asker(
            era=self.era,
            rpc_id=self.rpc_id,
            challenges=None if endpoint is None else endpoint.challenges,
            wants_jsonrpc=self.wants_jsonrpc,
        )
