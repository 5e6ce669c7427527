"""What a client needs to find its way from a 401 to a token."""

from gateway.check.rule import Rule, Severity

NEEDED = Rule(
    "authorization.needed",
    Severity.NOTE,
    "The server wants credentials: only the way to them was judged",
    "Repeat the check with --token-env or --header.",
    "this check's own bounds",
)
NOT_401 = Rule(
    "authorization.status",
    Severity.ERROR,
    "A request without or with an invalid token is not refused with 401",
    "Answer 401: clients begin to sign in on nothing else.",
    "MCP 2025-11-25, Authorization, Error Handling: MUST",
)
NO_CHALLENGE = Rule(
    "authorization.challenge",
    Severity.WARNING,
    "A 401 does not name the metadata",
    "Send `WWW-Authenticate: Bearer resource_metadata=...`; before 2025-11-25 clients have no "
    "other way.",
    "RFC 9728, 5.1; MCP 2025-06-18, Authorization: MUST; fastmcp#2123",
)
NO_ERROR = Rule(
    "authorization.invalid-token",
    Severity.NOTE,
    'A 401 for a bad token does not say `error="invalid_token"`',
    "Say it, so that clients know that the token and not its absence is the reason.",
    "RFC 6750, 3.1",
)
NO_SCOPE = Rule(
    "authorization.scope",
    Severity.NOTE,
    "A 401 does not name the scopes to ask for",
    "Add `scope` to the challenge.",
    "MCP 2025-11-25, Authorization, Scope Selection: SHOULD",
)
NO_METADATA = Rule(
    "authorization.metadata",
    Severity.ERROR,
    "There is no protected resource metadata",
    "Serve it at the path-inserted well-known place of the URL.",
    "RFC 9728, 3; MCP 2025-06-18, Authorization: MUST",
)
METADATA_PLACE = Rule(
    "authorization.place",
    Severity.WARNING,
    "The metadata is not at the path-inserted place",
    "Serve it there as well: clients look there when they did not see the challenge.",
    "RFC 9728, 3.1; MCP 2025-11-25, Protected Resource Metadata Discovery",
)
RESOURCE = Rule(
    "authorization.resource",
    Severity.ERROR,
    "The metadata is another resource's",
    "`resource` must be the URL, character by character; else clients must reject the document.",
    "RFC 9728, 3.3: MUST be identical; fastmcp#4513",
)
RESOURCE_PARENT = Rule(
    "authorization.resource-parent",
    Severity.WARNING,
    "`resource` is not the URL but one above it",
    "Name the URL itself: only lenient clients take a parent.",
    "RFC 9728, 3.3: MUST be identical",
)
NO_ISSUER = Rule(
    "authorization.servers",
    Severity.ERROR,
    "The metadata names no authorization server",
    "List at least one issuer in `authorization_servers`.",
    "MCP 2025-06-18, Authorization Server Location: MUST",
)
ISSUER_METADATA = Rule(
    "authorization.issuer",
    Severity.ERROR,
    "An authorization server has no usable metadata",
    "Serve RFC 8414 or OpenID Connect discovery whose `issuer` is exactly the listed one.",
    "RFC 8414, 3.3; MCP 2026-07-28, Authorization Server Metadata Discovery: MUST",
)
NOT_JUDGED = Rule(
    "authorization.not-judged",
    Severity.NOTE,
    "An authorization server is where this check may not connect",
    "Allow private addresses if that is meant.",
    "this check's own bounds",
)
PKCE = Rule(
    "authorization.pkce",
    Severity.ERROR,
    "An authorization server does not advertise PKCE with S256",
    "Name S256 in `code_challenge_methods_supported`; clients must refuse to go on otherwise.",
    "MCP 2025-11-25, Authorization Code Protection: MUST",
)
NO_REGISTRATION = Rule(
    "authorization.registration",
    Severity.NOTE,
    "Clients cannot introduce themselves to an authorization server",
    "Offer client id metadata documents or dynamic registration, or register each client by hand.",
    "MCP 2025-11-25, Client Registration; ai-gateway#2074",
)
