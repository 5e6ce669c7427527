"""Sessions of the legacy era."""

from gateway.check.rule import Rule, Severity

BAD_ID = Rule(
    "sessions.id",
    Severity.ERROR,
    "A session id has characters that it must not have",
    "Use visible ASCII (0x21 to 0x7E) only.",
    "MCP 2025-11-25, Transports, Session Management: MUST",
)
SHORT_ID = Rule(
    "sessions.guessable",
    Severity.WARNING,
    "A session id can be guessed",
    "Use a random UUID or longer: who knows the id may be taken for the user.",
    "MCP 2025-11-25, Session Management: SHOULD be cryptographically secure",
)
SAME_ID = Rule(
    "sessions.same",
    Severity.ERROR,
    "Two handshakes got the same session",
    "Give each `initialize` a session of its own: users share state otherwise.",
    "MCP 2025-11-25, Session Management: globally unique; IBM/mcp-context-forge#2055",
)
NOT_REQUIRED = Rule(
    "sessions.not-required",
    Severity.WARNING,
    "A server with sessions serves a request without one",
    "Answer 400.",
    "MCP 2025-11-25, Session Management: SHOULD respond with 400",
)
MISSING_STATUS = Rule(
    "sessions.missing-status",
    Severity.NOTE,
    "A request without session is refused, but not with 400",
    "Answer 400.",
    "MCP 2025-11-25, Session Management: SHOULD respond with 400",
)
UNKNOWN_SERVED = Rule(
    "sessions.unknown-served",
    Severity.ERROR,
    "A session that never was is served",
    "Answer 404.",
    "MCP 2025-11-25, Session Management",
)
UNKNOWN_STATUS = Rule(
    "sessions.unknown-status",
    Severity.WARNING,
    "A session that is not known is refused, but not with 404",
    "Answer 404: it is the only answer on which clients begin a new session, for instance after "
    "the server was restarted.",
    "MCP 2025-11-25, Session Management; agentgateway#754, mcp-hangar#877",
)
ENDED_SERVED = Rule(
    "sessions.ended-served",
    Severity.ERROR,
    "A session that was ended with DELETE is still served",
    "Answer 404 from then on.",
    "MCP 2025-11-25, Session Management: MUST respond with 404",
)
ENDED_STATUS = Rule(
    "sessions.ended-status",
    Severity.ERROR,
    "A session that was ended with DELETE is refused, but not with 404",
    "Answer 404: it is the only answer on which clients begin a new session.",
    "MCP 2025-11-25, Session Management: MUST respond with 404",
)
DELETE_STATUS = Rule(
    "sessions.delete",
    Severity.WARNING,
    "DELETE of a session is answered with neither success nor 405",
    "Answer 2xx, or 405 when clients may not end sessions.",
    "MCP 2025-11-25, Session Management",
)
ON_ERROR = Rule(
    "sessions.on-error",
    Severity.NOTE,
    "A refused request gets a session id",
    "Give out a session only with the result of `initialize`; each one that nobody uses leaks.",
    "MCP 2025-11-25, Session Management; IBM/mcp-context-forge#1549",
)
