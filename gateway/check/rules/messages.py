"""Answers as such: JSON-RPC, their members, how long they take."""

from gateway.check.rule import Rule, Severity

NO_ANSWER = Rule(
    "messages.no-answer",
    Severity.ERROR,
    "A request was not answered",
    "Answer every request within the time that a client waits, bad ones too.",
    "JSON-RPC 2.0, 5; MCP 2025-11-25, Lifecycle, Timeouts",
)
REDIRECTED = Rule(
    "messages.redirect",
    Severity.ERROR,
    "The URL redirects",
    "Serve the endpoint at exactly the URL that is given to clients (often a slash at the end is "
    "the difference): a POST does not survive every redirect, and a token must not follow one.",
    "RFC 9110, 15.4; MCP security best practices, SSRF",
)
NOT_JSON = Rule(
    "messages.not-json",
    Severity.ERROR,
    "An answer is not JSON that all parsers read alike",
    "Send UTF-8 JSON without duplicate members, NaN or Infinity.",
    "JSON-RPC 2.0, 3; RFC 8259, 4",
)
CONTENT_TYPE = Rule(
    "messages.content-type",
    Severity.ERROR,
    "A result comes as neither application/json nor text/event-stream",
    "Set Content-Type to what the body is: clients decide by it.",
    "MCP 2025-11-25, Transports, Sending Messages: MUST",
)
NOT_RPC = Rule(
    "messages.not-rpc",
    Severity.ERROR,
    "An answer is not a JSON-RPC response",
    'Answer `jsonrpc: "2.0"`, the id, and either `result` (an object) or `error` with an integer '
    "code and a message.",
    "JSON-RPC 2.0, 5; MCP 2025-11-25, Base Protocol",
)
WRONG_ID = Rule(
    "messages.id",
    Severity.ERROR,
    "A response does not carry the id of its request",
    "Echo the id as it came, a string as a string: clients drop an answer to nobody.",
    "JSON-RPC 2.0, 5: MUST be the same",
)
FAILED = Rule(
    "messages.failed",
    Severity.ERROR,
    "A method that the capabilities announce fails",
    "Serve the method, or do not announce its capability.",
    "MCP 2025-11-25, Lifecycle, Capability Negotiation",
)
INCOMPLETE_RESULT = Rule(
    "messages.result",
    Severity.ERROR,
    "A result lacks what its method promises",
    "Send the member that the schema of the revision requires.",
    "MCP schema of the revision",
)
NO_RESULT_TYPE = Rule(
    "messages.result-type",
    Severity.ERROR,
    "A modern result has no valid `resultType`",
    'Send `resultType: "complete"` (or `input_required`).',
    "MCP 2026-07-28, Results: REQUIRED",
)
NO_CACHING = Rule(
    "messages.caching",
    Severity.ERROR,
    "A cacheable modern result lacks `ttlMs` or `cacheScope`",
    "Send `ttlMs` (0 is allowed) and `cacheScope` (`private` is always right) on discovery, lists "
    "and resources.",
    "MCP 2026-07-28, Caching (SEP-2549): REQUIRED",
)
NOTIFICATION_STATUS = Rule(
    "messages.notification",
    Severity.WARNING,
    "A notification is not answered with 202 and nothing",
    "Answer 202 Accepted without a body.",
    "MCP 2025-11-25, Transports, Sending Messages: MUST return 202",
)
UNASKED_REQUEST = Rule(
    "messages.undeclared",
    Severity.WARNING,
    "The server asks a client for something that it did not declare",
    "Look at the client's capabilities before asking it for roots, sampling or elicitation.",
    "MCP 2025-11-25, Lifecycle, Operation: MUST only use negotiated capabilities",
)
SLOW = Rule(
    "messages.slow",
    Severity.WARNING,
    "The simplest request takes more than a second",
    "Look for what stands between: cold starts, a connection to somewhere on each request.",
    "MCP 2025-11-25, Utilities, Ping",
)
CALL_FAILED = Rule(
    "messages.call",
    Severity.WARNING,
    "The tool that was called says that it failed",
    "See what it said; the arguments may be wrong.",
    "MCP 2025-11-25, Tools, Error Handling",
)
INCOMPLETE_CHECK = Rule(
    "messages.incomplete",
    Severity.WARNING,
    "The check ended before everything was asked",
    "Give it more time with --timeout; if it does not help, the server is too slow.",
    "this check's own bounds",
)
