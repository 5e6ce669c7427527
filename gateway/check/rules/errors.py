"""How a server refuses."""

from gateway.check.rule import Rule, Severity

SERVER_ERROR = Rule(
    "errors.5xx",
    Severity.ERROR,
    "A bad request is answered as the server's own failure",
    "Answer 4xx or a JSON-RPC error: clients and balancers repeat what was a 5xx.",
    "RFC 9110, 15.6",
)
UNKNOWN_METHOD = Rule(
    "errors.unknown-method",
    Severity.ERROR,
    "An unknown method is not refused",
    "Answer a JSON-RPC error -32601: clients find out by it what a server can do.",
    "JSON-RPC 2.0, 5.1; MCP schema",
)
UNKNOWN_METHOD_CODE = Rule(
    "errors.unknown-method-code",
    Severity.WARNING,
    "An unknown method is refused, but not with -32601",
    "Answer a JSON-RPC error -32601: clients find out by it what a server can do.",
    "JSON-RPC 2.0, 5.1; MCP schema",
)
UNKNOWN_METHOD_STATUS = Rule(
    "errors.unknown-method-status",
    Severity.ERROR,
    "An unknown modern method is not answered with 404",
    "Send the error -32601 with HTTP 404.",
    "MCP 2026-07-28, Transports, Status codes",
)
LEGACY_METHOD_SERVED = Rule(
    "errors.removed-method",
    Severity.ERROR,
    "A method that 2026-07-28 removed is served in its envelope",
    "Refuse it with 404 and -32601.",
    "MCP 2026-07-28, Key Changes",
)
BAD_JSON = Rule(
    "errors.bad-json",
    Severity.ERROR,
    "A body that is not JSON is not refused",
    "Answer 400 with -32700.",
    "JSON-RPC 2.0, 5.1",
)
BAD_JSON_STATUS = Rule(
    "errors.bad-json-code",
    Severity.NOTE,
    "A body that is not JSON is refused, but not with 400 and -32700",
    "Answer 400 with -32700.",
    "JSON-RPC 2.0, 5.1; MCP 2026-07-28, Status codes",
)
UNKNOWN_TOOL = Rule(
    "errors.unknown-tool",
    Severity.ERROR,
    "A tool that does not exist can be called",
    "Refuse it with -32602.",
    "MCP 2025-11-25, Tools, Error Handling",
)
UNKNOWN_TOOL_RESULT = Rule(
    "errors.unknown-tool-result",
    Severity.NOTE,
    "An unknown tool is answered with a result that says `isError`",
    "Refuse it with the JSON-RPC error -32602; `isError` is for tools that ran.",
    "MCP 2025-11-25, Tools, Error Handling: protocol errors",
)
NOT_FOUND_CODE = Rule(
    "errors.not-found-code",
    Severity.NOTE,
    "Something unknown is refused with another code than the specification names",
    "Answer -32602; for a resource of the legacy era -32002 is right too.",
    "MCP 2025-11-25, Tools, Prompts, Resources, Error Handling",
)
NOT_FOUND_SERVED = Rule(
    "errors.not-found",
    Severity.WARNING,
    "A prompt or resource that does not exist is answered with a result",
    "Refuse it with a JSON-RPC error.",
    "MCP 2025-11-25, Prompts, Resources, Error Handling",
)
RESERVED_CODE = Rule(
    "errors.reserved-code",
    Severity.WARNING,
    "An error of the legacy era reaches a modern client",
    "Use -32602 instead of -32002 and `input_required` instead of -32042.",
    "MCP 2026-07-28, Error codes: MUST NOT",
)
VERSION_NOT_REFUSED = Rule(
    "errors.version",
    Severity.ERROR,
    "A version that is not served is not refused with -32022",
    "Answer 400, -32022 and `data.supported`.",
    "MCP 2026-07-28, Versioning",
)
NO_SUPPORTED = Rule(
    "errors.version-data",
    Severity.ERROR,
    "-32022 does not say which versions are served",
    "Put the list into `data.supported`: clients choose from it.",
    "MCP 2026-07-28, Versioning",
)
HEADER_MISMATCH = Rule(
    "errors.header-mismatch",
    Severity.ERROR,
    "A routing header that is missing or contradicts the body is not refused",
    "Answer 400 and -32020: what routes by the header must not be fooled.",
    "MCP 2026-07-28, Transports, Standard headers: MUST",
)
HEADER_MISMATCH_CODE = Rule(
    "errors.header-mismatch-code",
    Severity.WARNING,
    "A wrong routing header is refused, but not with -32020",
    "Answer 400 and -32020; a client that sees it lists the tools again and repeats.",
    "MCP 2026-07-28, Transports, Standard headers",
)
DUPLICATE_HEADER = Rule(
    "errors.duplicate-header",
    Severity.NOTE,
    "A routing header that is given twice, differently, is accepted",
    "Refuse it: two readers of the request may each believe another one.",
    "RFC 9110, 5.3; request smuggling",
)
META_REQUIRED = Rule(
    "errors.meta",
    Severity.ERROR,
    "A modern request without `clientCapabilities` is not refused with 400 and -32602",
    "Refuse an envelope that is not complete.",
    "MCP 2026-07-28, Request envelope: MUST",
)
VERSION_HEADER_IGNORED = Rule(
    "errors.version-header",
    Severity.ERROR,
    "An invalid `MCP-Protocol-Version` is not refused",
    "Answer 400.",
    "MCP 2025-06-18, Transports, Protocol Version Header: MUST respond with 400",
)
VERSION_HEADER_REQUIRED = Rule(
    "errors.version-header-required",
    Severity.WARNING,
    "A request without `MCP-Protocol-Version` is refused",
    "Assume 2025-03-26, as clients of that revision do not send it.",
    "MCP 2025-06-18, Transports, Protocol Version Header: SHOULD assume",
)
BATCH_REFUSED = Rule(
    "errors.batch-refused",
    Severity.WARNING,
    "A batch is refused though 2025-03-26 was agreed",
    "Serve batches at 2025-03-26, or do not agree on it. Hardly any client sends one.",
    "MCP 2025-03-26, Base Protocol, Batching: MUST support receiving",
)
BATCH_SERVED = Rule(
    "errors.batch-served",
    Severity.NOTE,
    "A batch is served at a revision that has none",
    "Refuse it with 400 and -32600.",
    "MCP 2025-06-18, Key Changes",
)
BAD_CURSOR = Rule(
    "errors.cursor",
    Severity.NOTE,
    "A cursor that nobody gave out is accepted",
    "Refuse it with -32602.",
    "MCP 2025-11-25, Pagination: SHOULD",
)
MODERN_METHOD_NOT_ALLOWED = Rule(
    "errors.modern-get",
    Severity.WARNING,
    "GET or DELETE with the modern version is not answered with 405",
    "Answer 405 with `Allow: POST`.",
    "MCP 2026-07-28, Transports",
)
