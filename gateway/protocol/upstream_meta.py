"""`_meta` as a backend gets it.

Rules
- The gateway speaks for itself: revision, capabilities and identity are its own.
- The client's trace context ends here; the gateway's own span is the parent of what follows.
  Baggage crosses in neither direction.
- Everything else, known or not, goes on as the bytes that came.
"""

from collections.abc import Mapping

from gateway.protocol.envelope import (
    BAGGAGE_KEY,
    CAPABILITIES_KEY,
    CLIENT_INFO_KEY,
    META,
    REVISION_KEY,
    TRACE_PARENT_KEY,
    TRACE_STATE_KEY,
)
from gateway.protocol.raw_json import write_object, write_value

_DROPPED = frozenset({TRACE_PARENT_KEY, TRACE_STATE_KEY, BAGGAGE_KEY})


def modern_meta(
    client_meta: Mapping[str, bytes],
    *,
    revision: str,
    capabilities: bytes,
    identity: bytes,
    traceparent: str | None = None,
    tracestate: str | None = None,
) -> bytes:
    """`_meta` of a request to a modern backend.

    `client_meta` is empty for a call of the gateway's own; `capabilities` are those that the
    backend may see, `identity` the gateway's `Implementation`, both raw.
    """
    members = {
        REVISION_KEY: write_value(revision),
        CLIENT_INFO_KEY: identity,
        CAPABILITIES_KEY: capabilities,
    }
    kept = {name: raw for name, raw in _kept(client_meta).items() if name not in members}
    return write_object(members | kept | _trace(traceparent, tracestate))


def legacy_meta(
    client_meta: Mapping[str, bytes],
    *,
    traceparent: str | None = None,
    tracestate: str | None = None,
) -> bytes | None:
    """`_meta` of a request to a legacy backend, None when nothing is to be said."""
    members = _kept(client_meta) | _trace(traceparent, tracestate)
    return write_object(members) if members else None


def with_meta(params: Mapping[str, bytes] | None, meta: bytes | None) -> dict[str, bytes]:
    """Params whose `_meta` is this one, or that have none."""
    members = dict(params or {})
    members.pop(META, None)
    if meta is not None:
        members[META] = meta
    return members


def _kept(client_meta: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: raw for name, raw in client_meta.items() if name not in _DROPPED}


def _trace(traceparent: str | None, tracestate: str | None) -> dict[str, bytes]:
    if traceparent is None:
        return {}
    members = {TRACE_PARENT_KEY: write_value(traceparent)}
    if tracestate:
        members[TRACE_STATE_KEY] = write_value(tracestate)
    return members
