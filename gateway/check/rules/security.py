"""What lets strangers in."""

from gateway.check.rule import Rule, Severity

ORIGIN = Rule(
    "security.origin",
    Severity.ERROR,
    "A request from a foreign web page is served",
    "Check `Origin` against those that may call, answer 403 otherwise: a page that a user opens "
    "can call a server on that user's machine or network.",
    "MCP 2025-11-25, Transports, Security Warning: MUST respond with 403",
)
ORIGIN_STATUS = Rule(
    "security.origin-status",
    Severity.NOTE,
    "A foreign Origin is refused, but not with 403",
    "Answer 403.",
    "MCP 2025-11-25, Transports, Security Warning",
)
HOST = Rule(
    "security.host",
    Severity.WARNING,
    "A server on loopback serves any Host",
    "Refuse a Host that is not its own: DNS rebinding otherwise reaches it from any web page.",
    "MCP conformance, dns-rebinding-protection",
)
PLAIN_HTTP = Rule(
    "security.plain-http",
    Severity.WARNING,
    "The URL is not https",
    "Serve https; only loopback may do without.",
    "MCP 2025-11-25, Authorization, Communication Security",
)
