"""The OpenTelemetry names that this house uses, in one place.

The MCP conventions are in development (semantic-conventions 1.4x, `mcp.*`, `gen_ai.*`): when a
name moves, it moves here and in `docs/telemetry.md` only.
"""

from typing import Final

# Resource
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
THIS_SERVICE: Final = "portcullis"

# Span attributes
MCP_METHOD_NAME: Final = "mcp.method.name"
MCP_PROTOCOL_VERSION: Final = "mcp.protocol.version"
MCP_SESSION_ID: Final = "mcp.session.id"
MCP_RESOURCE_URI: Final = "mcp.resource.uri"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
EXECUTE_TOOL: Final = "execute_tool"
JSONRPC_REQUEST_ID: Final = "jsonrpc.request.id"
RPC_RESPONSE_STATUS_CODE: Final = "rpc.response.status_code"
ERROR_TYPE: Final = "error.type"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
NETWORK_TRANSPORT: Final = "network.transport"
NETWORK_PROTOCOL_NAME: Final = "network.protocol.name"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

# Ours
PORTCULLIS_TENANT: Final = "portcullis.tenant"
PORTCULLIS_ENDPOINT: Final = "portcullis.endpoint"
PORTCULLIS_BACKEND: Final = "portcullis.backend"
PORTCULLIS_OUTCOME_REASON: Final = "portcullis.reason"
PORTCULLIS_REQUEST_ID: Final = "portcullis.request.id"

# Values
OTHER: Final = "_OTHER"
TOOL_ERROR: Final = "tool_error"
TIMEOUT: Final = "timeout"
TOOLS_CALL: Final = "tools/call"
PROMPTS_GET: Final = "prompts/get"

# Metrics, seconds
SERVER_DURATION: Final = "mcp.server.operation.duration"
CLIENT_DURATION: Final = "mcp.client.operation.duration"
SERVER_SESSION_DURATION: Final = "mcp.server.session.duration"
CLIENT_SESSION_DURATION: Final = "mcp.client.session.duration"
DURATION_BUCKETS_S: Final = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip
OVERHEAD_BUCKETS_S: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
)  # fmt: skip

MCP_METHODS: Final = frozenset(
    {
        "initialize", "ping", "server/discover", "subscriptions/listen",
        "tools/list", "tools/call", "prompts/list", "prompts/get",
        "resources/list", "resources/read", "resources/templates/list",
        "resources/subscribe", "resources/unsubscribe",
        "completion/complete", "logging/setLevel",
        "sampling/createMessage", "elicitation/create", "roots/list",
        "tasks/get", "tasks/list", "tasks/cancel", "tasks/result", "tasks/update",
        "notifications/initialized", "notifications/cancelled", "notifications/progress",
        "notifications/message", "notifications/roots/list_changed",
        "notifications/tools/list_changed", "notifications/prompts/list_changed",
        "notifications/resources/list_changed", "notifications/resources/updated",
        "notifications/elicitation/complete", "notifications/tasks/status",
        "notifications/tasks", "notifications/subscriptions/acknowledged",
    }
)  # fmt: skip
"""Methods of any revision. Any other is `_OTHER` in metrics and span names."""

RPC_CODES: Final = frozenset(
    map(str, (
        -32700, -32600, -32601, -32602, -32603, -32002, -32020, -32021, -32022,
        -31001, -31002, -31003, -31004, -31005, -31006, -31007, -31008,
    ))
)  # fmt: skip
"""Codes that are labels; a backend may invent others, which are `_OTHER` in metrics."""

CALLER_FAULT_CODES: Final = frozenset({-32700, -32600, -32601, -32602, -32002})
"""On the server side these leave the span's status unset: the caller erred, not we."""
