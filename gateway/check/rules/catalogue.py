"""What tools, prompts and resources are called and how they describe themselves."""

from gateway.check.rule import Rule, Severity

NO_NAME = Rule(
    "catalogue.no-name",
    Severity.ERROR,
    "A definition has no name",
    "Give it one, and resources and templates also their `uri` or `uriTemplate`: some clients "
    "refuse the whole list otherwise.",
    "MCP schema of the revision",
)
DUPLICATE = Rule(
    "catalogue.duplicate",
    Severity.ERROR,
    "A name is there twice",
    "Make names unique: clients and gateways keep one of the two.",
    "MCP 2025-11-25, Tools: unique identifier",
)
NAME_CHARACTERS = Rule(
    "catalogue.name-characters",
    Severity.WARNING,
    "A tool's name is not of `[a-zA-Z0-9_-]`, 1 to 64 characters",
    "Rename it: model providers refuse a whole list for one such name.",
    "function-name rules of model providers; MCP 2025-11-25, Tool Names; metamcp#249",
)
NAME_LENGTH = Rule(
    "catalogue.name-prefix",
    Severity.NOTE,
    "A tool's name exceeds 64 characters once a client or gateway prefixes it",
    "Keep names below 40 characters.",
    "metamcp#249",
)
NO_DESCRIPTION = Rule(
    "catalogue.no-description",
    Severity.NOTE,
    "A tool has no description",
    "Say what it does: a model chooses by it.",
    "MCP 2025-11-25, Tools",
)
INPUT_SCHEMA = Rule(
    "catalogue.input-schema",
    Severity.ERROR,
    "A tool's `inputSchema` is missing or is not an object's JSON Schema",
    'Send a valid schema with `type: "object"`, even without properties.',
    "MCP 2025-11-25, Tools: MUST be a valid JSON Schema object",
)
OUTPUT_SCHEMA = Rule(
    "catalogue.output-schema",
    Severity.ERROR,
    "A tool's `outputSchema` is not a JSON Schema",
    "Send a valid one or none: clients check results against it.",
    "MCP 2025-06-18, Tools, Output Schema",
)
NETWORK_REF = Rule(
    "catalogue.network-ref",
    Severity.WARNING,
    "A schema refers to the network",
    "Put what it refers to into `$defs`: clients must not fetch it.",
    "MCP 2026-07-28, Tools, Schemas: MUST NOT",
)
HEADER_ANNOTATION = Rule(
    "catalogue.x-mcp-header",
    Severity.ERROR,
    "An `x-mcp-header` is invalid",
    "Put a unique header name on a string, integer or boolean reached by `properties` alone: "
    "modern clients drop the tool.",
    "MCP 2026-07-28, Custom headers from tool parameters",
)
LONG_DESCRIPTION = Rule(
    "catalogue.long-description",
    Severity.WARNING,
    "A description is longer than 2 048 characters",
    "Shorten it: clients cut it, and it is paid for in every conversation.",
    "clients' limits on descriptions",
)
LARGE_SCHEMA = Rule(
    "catalogue.large-schema",
    Severity.WARNING,
    "A tool's definition is larger than 16 KiB",
    "Split the tool or shorten its schema: it fills the model's context.",
    "clients' limits on schemas; toolhive#5861",
)
LARGE_LIST = Rule(
    "catalogue.large-list",
    Severity.WARNING,
    "All tools together are larger than 256 KiB",
    "Offer fewer, or several endpoints with a part each.",
    "clients' limits on tools",
)
HIDDEN_TEXT = Rule(
    "catalogue.hidden-text",
    Severity.ERROR,
    "A definition has characters that a person cannot see",
    "Remove them: a model reads what nobody reviewed.",
    "MCP security best practices; Unicode TR 36 and TR 39",
)
EMPTY_CURSOR = Rule(
    "catalogue.empty-cursor",
    Severity.WARNING,
    "The last page has a `nextCursor`, empty or null",
    "Leave it out: an empty string is a cursor, and clients ask again for ever.",
    "MCP 2025-11-25, Pagination: missing nextCursor is the end",
)
CURSOR_LOOP = Rule(
    "catalogue.cursor-loop",
    Severity.ERROR,
    "A cursor comes again: the list never ends",
    "Give every page another cursor and the last none.",
    "MCP 2025-11-25, Pagination",
)
MANY_PAGES = Rule(
    "catalogue.many-pages",
    Severity.NOTE,
    "A list has more pages than were read",
    "Use larger pages.",
    "this check's own bounds",
)
BAD_URI = Rule(
    "catalogue.uri",
    Severity.WARNING,
    "A resource's URI has no scheme or is no URI",
    "Use an absolute URI (RFC 3986) or a template (RFC 6570) of one.",
    "MCP 2025-11-25, Resources",
)
