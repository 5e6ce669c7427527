"""How much of anything one caller, tenant or process may use: one value with every default.

The defaults are those of the threat model. Names end in their unit: `_s` seconds, `_bytes` bytes;
in the file the `_s` is left off and both may carry a unit (`30s`, `4MiB`).
"""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes, counts and times that bound every request. None can be switched off."""

    # Connections
    connections: int = 20_000
    connections_per_source: int = 100
    headers_s: float = 10
    header_bytes: int = 16 * KIB
    header_count: int = 100

    # One request
    body_bytes: int = 4 * MIB
    body_idle_s: float = 30
    json_depth: int = 64
    json_nodes: int = 100_000
    json_string_bytes: int = 1 * MIB
    request_s: float = 300
    idle_s: float = 60
    write_stall_s: float = 30

    # Streams
    sse_event_bytes: int = 1 * MIB
    sse_heartbeat_s: float = 15
    stream_s: float = 3600

    # Sessions and calls at the same time
    sessions_per_user: int = 20
    sessions_per_tenant: int = 1000
    subscriptions_per_user: int = 5
    subscriptions_per_tenant: int = 50
    in_flight_per_user: int = 128
    in_flight_per_tenant: int = 512
    in_flight: int = 4000

    # What a backend may answer
    response_bytes: int = 10 * MIB
    tools_per_backend: int = 1000
    tool_schema_bytes: int = 256 * KIB
    list_page_bytes: int = 256 * KIB

    # Leaving
    drain_delay_s: float = 5
    drain_s: float = 25
