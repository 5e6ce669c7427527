"""W3C Trace Context: `traceparent` and `tracestate`, strictly, and what goes on to a backend.

Rules
- What does not follow the grammar to the letter is ignored whole: a new trace begins.
- The incoming sampled flag is read and never obeyed: a client does not decide what we store.
- `baggage` has no place here: it is dropped in both directions.
"""

import re
from dataclasses import dataclass

MAX_TRACEPARENT = 128
MAX_TRACESTATE = 512
MAX_TRACESTATE_MEMBERS = 32

# Trace Context section 3.2.2: lower-case hex; version ff is forbidden; 00 has nothing behind.
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z"
)
# Section 3.3.1.3: simple keys and tenant@system keys; values printable, no comma, no equals sign.
_MEMBER = re.compile(
    r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """One span's place in a trace, as it travels."""

    trace_id: int
    span_id: int
    sampled: bool
    tracestate: str = ""

    @property
    def traceparent(self) -> str:
        """The header or `_meta` value that names this span as the parent."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{'01' if self.sampled else '00'}"


def parse_traceparent(value: str | None, tracestate: str | None = None) -> TraceContext | None:
    """Read a `traceparent` with its `tracestate`; None when absent or not to the letter.

    Several headers of either name are the caller's matter: several `traceparent` are none,
    several `tracestate` are joined with commas.
    """
    if not value or len(value) > MAX_TRACEPARENT:
        return None
    found = _TRACEPARENT.match(value)
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "00" and rest:
        return None
    return TraceContext(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        sampled=bool(int(flags, 16) & 1),
        tracestate=parse_tracestate(tracestate),
    )


def parse_tracestate(value: str | None) -> str:
    """Read a `tracestate`; empty when absent, over its caps or not to the letter."""
    if not value or len(value) > MAX_TRACESTATE:
        return ""
    members = [member for member in (part.strip(" \t") for part in value.split(",")) if member]
    if len(members) > MAX_TRACESTATE_MEMBERS or not all(map(_MEMBER.match, members)):
        return ""
    keys = {member.partition("=")[0] for member in members}
    return ",".join(members) if len(keys) == len(members) else ""
