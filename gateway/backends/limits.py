"""How much of one backend is borne. Sizes in bytes, durations in seconds.

The figures are for one answer or one catalogue; what breaks a limit is cut, its connection too.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendLimits:
    """The bounds of everything that a backend may send or keep waiting."""

    connect_s: float = 3
    header_bytes: int = 16 * 1024
    json_bytes: int = 10 * 1024 * 1024
    event_bytes: int = 1024 * 1024
    events_per_s: int = 1000
    idle_s: float = 60
    write_stall_s: float = 30
    settle_s: float = 0.02
    """How long a finished stream may take to end, so that its connection can be kept."""
    server_requests: int = 100
    """How many requests of its own a backend may send within one answer."""
    cancel_s: float = 1
    handshake_s: float = 10
    session_id_chars: int = 1024
    client_idle_s: float = 600
    """After so long without a call, connections and the gateway's own session are dropped."""
    tools: int = 1000
    schema_bytes: int = 256 * 1024
    catalogue_bytes: int = 16 * 1024 * 1024
    pages: int = 100
