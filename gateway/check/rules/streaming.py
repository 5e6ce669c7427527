"""Event streams."""

from gateway.check.rule import Rule, Severity

BAD_STREAM = Rule(
    "streaming.framing",
    Severity.ERROR,
    "An event stream cannot be read",
    "Send UTF-8 lines, end every event with an empty line, keep events below a megabyte.",
    "WHATWG HTML, 9.2 Server-sent events",
)
UNFINISHED_EVENT = Rule(
    "streaming.unfinished",
    Severity.ERROR,
    "A stream ends within an event",
    "End every event with an empty line, also the last one: without it, it never happened.",
    "WHATWG HTML, 9.2.6",
)
NO_RESPONSE = Rule(
    "streaming.no-response",
    Severity.ERROR,
    "A stream ends without the response",
    "Send the response before closing, or `id` and `retry` so that a client can come back.",
    "MCP 2025-11-25, Transports, Sending Messages",
)
FOREIGN_EVENT = Rule(
    "streaming.event-name",
    Severity.WARNING,
    "An event has another name than `message`",
    "Leave `event:` out or say `message`: clients ignore other events.",
    "MCP SDKs; WHATWG HTML, 9.2.6",
)
LEFT_OPEN = Rule(
    "streaming.left-open",
    Severity.NOTE,
    "A stream stays open after its response",
    "Close the stream after the response.",
    "MCP 2025-11-25, Transports, Sending Messages: SHOULD",
)
REPEATED_ID = Rule(
    "streaming.event-id",
    Severity.ERROR,
    "Two events of a session have one id",
    "Make event ids unique over all streams of a session: resumption depends on it.",
    "MCP 2025-11-25, Transports, Resumability: MUST be globally unique",
)
MODERN_EVENT_ID = Rule(
    "streaming.modern-event-id",
    Severity.NOTE,
    "A modern stream has event ids",
    "Leave them out: the modern era does not resume.",
    "MCP 2026-07-28, Key Changes",
)
BUFFERING = Rule(
    "streaming.buffering",
    Severity.NOTE,
    "A modern stream does not say `X-Accel-Buffering: no`",
    "Send it: nginx otherwise holds events back.",
    "MCP 2026-07-28, Transports: SHOULD",
)
GET_STREAM = Rule(
    "streaming.get",
    Severity.ERROR,
    "GET is answered with neither an event stream nor 405",
    "Open a stream, or answer 405 when there is none: clients try it after `initialize`.",
    "MCP 2025-11-25, Transports, Listening for Messages: MUST",
)
LISTEN = Rule(
    "streaming.listen",
    Severity.ERROR,
    "`subscriptions/listen` does not begin with its acknowledgement",
    "Send `notifications/subscriptions/acknowledged` first, with the id of the request as "
    "`io.modelcontextprotocol/subscriptionId`.",
    "MCP 2026-07-28, Subscriptions",
)
