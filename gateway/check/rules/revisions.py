"""Which revisions a server speaks, and how it says so."""

from gateway.check.rule import Rule, Severity

NONE_SPOKEN = Rule(
    "revisions.none",
    Severity.ERROR,
    "No revision of the protocol is spoken at this URL",
    "Check the path (many servers listen at /mcp); it must answer POST with JSON-RPC.",
    "MCP 2025-11-25 and 2026-07-28, Transports",
)
UNKNOWN_AGREED = Rule(
    "revisions.unknown",
    Severity.ERROR,
    "`initialize` is answered with a revision that does not exist",
    "Answer with the requested revision if it is served, else with one that is.",
    "MCP 2025-11-25, Lifecycle, Version Negotiation",
)
MODERN_BY_HANDSHAKE = Rule(
    "revisions.modern-by-initialize",
    Severity.ERROR,
    "`initialize` agrees on a revision that has no `initialize`",
    "Answer `initialize` with 2025-11-25 or older; 2026-07-28 begins without a handshake.",
    "MCP 2026-07-28, Versioning",
)
NOT_NEGOTIATED = Rule(
    "revisions.not-negotiated",
    Severity.ERROR,
    "`initialize` with a revision that is not served is refused instead of negotiated",
    "Answer with a result that names the newest revision that is served.",
    "MCP 2025-11-25, Lifecycle, Version Negotiation: MUST respond with another version",
)
OLD_ONLY = Rule(
    "revisions.old-only",
    Severity.NOTE,
    "The newest revision that is spoken is older than 2025-11-25",
    "Upgrade the server's SDK; newer clients still work, without what came later.",
    "MCP 2025-11-25, Key Changes",
)
DEPRECATED_TRANSPORT = Rule(
    "revisions.http-sse",
    Severity.WARNING,
    "Only the HTTP+SSE transport of 2024-11-05 is served here",
    "Serve Streamable HTTP as well; new clients no longer try HTTP+SSE.",
    "MCP 2026-07-28, Deprecated features",
)
PROBE_FAILS = Rule(
    "revisions.probe-outage",
    Severity.ERROR,
    "A request of the other era looks like an outage",
    "Refuse `server/discover` with 400, 404 or a JSON-RPC error: on a 5xx or silence a client that "
    "serves both eras cannot know that it must fall back to `initialize`.",
    "MCP 2026-07-28, Versioning, Backward compatibility; agentgateway#2982",
)
DISCOVERY_INCOMPLETE = Rule(
    "revisions.discovery",
    Severity.ERROR,
    "`server/discover` lacks a member",
    "Answer `supportedVersions` and `capabilities`.",
    "MCP 2026-07-28, Discovery",
)
HANDSHAKE_INCOMPLETE = Rule(
    "revisions.handshake",
    Severity.ERROR,
    "The answer to `initialize` lacks a member",
    "Answer `protocolVersion`, `capabilities` and `serverInfo` with name and version.",
    "MCP 2025-11-25, Lifecycle, Initialization",
)
NO_SERVER_INFO = Rule(
    "revisions.server-info",
    Severity.NOTE,
    "Modern results do not name the server",
    "Put `io.modelcontextprotocol/serverInfo` into `_meta` of every result.",
    "MCP 2026-07-28, Results: SHOULD",
)
