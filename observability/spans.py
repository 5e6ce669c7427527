"""Finished spans, built after the fact from what a request came to, under the ids already sent.

SERVER towards the client, CLIENT towards each backend. Values from outside pass the same
redaction as the log, and are cut.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from observability import semconv
from observability.call_trace import CallTrace
from observability.failures import is_servers_fault
from observability.redaction import scrub_text
from observability.trace_context import TraceContext

MAX_ATTRIBUTE_CHARS = 256
SCOPE = InstrumentationScope(semconv.THIS_SERVICE)
Attributes = dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCall:
    """What a request came to. Times are nanoseconds since the epoch; empty means not known.

    `session` is the hash of the session's id; `target` the tool's or prompt's resolved name;
    `rpc_id` the JSON-RPC id as text. `error_type` comes from `failures.error_type`.
    """

    tenant: str
    method: str
    started_ns: int
    ended_ns: int
    endpoint: str = ""
    target: str = ""
    rpc_id: str = ""
    request_id: str = ""
    session: str = ""
    revision: str = ""
    resource_uri: str = ""
    reason: str = ""
    http_status: int | None = None
    rpc_code: int | None = None
    error_type: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether the span is marked as failed."""
        return is_servers_fault(
            self.error_type, rpc_code=self.rpc_code, http_status=self.http_status
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCall:
    """One exchange with a backend; `context` is what `CallTrace.client_context` gave for it."""

    context: TraceContext
    backend: str
    method: str
    started_ns: int
    ended_ns: int
    target: str = ""
    rpc_id: str = ""
    session: str = ""
    revision: str = ""
    address: str = ""
    port: int | None = None
    http_status: int | None = None
    rpc_code: int | None = None
    error_type: str | None = None


def server_span(trace: CallTrace, call: ServedCall, resource: Resource) -> ReadableSpan:
    """The span towards the client."""
    attributes = _call_attributes(call) | _present(
        {
            semconv.PORTCULLIS_TENANT: call.tenant,
            semconv.PORTCULLIS_ENDPOINT: call.endpoint,
            semconv.PORTCULLIS_OUTCOME_REASON: call.reason,
            semconv.PORTCULLIS_REQUEST_ID: call.request_id,
            semconv.MCP_RESOURCE_URI: call.resource_uri,
        }
    )
    return ReadableSpan(
        name=span_name(call),
        context=_context(trace.trace_id, trace.server_span_id, trace.parent),
        parent=_remote(trace.parent),
        resource=resource,
        attributes=attributes,
        links=_links(trace.link),
        kind=SpanKind.SERVER,
        status=_status(is_error=call.is_error),
        start_time=call.started_ns,
        end_time=call.ended_ns,
        instrumentation_scope=SCOPE,
    )


def client_span(
    trace: CallTrace, call: UpstreamCall, resource: Resource, *, tenant: str
) -> ReadableSpan:
    """The span towards a backend, a child of the server span."""
    attributes = _call_attributes(call) | _present(
        {
            semconv.PORTCULLIS_TENANT: tenant,
            semconv.PORTCULLIS_BACKEND: call.backend,
            semconv.SERVER_ADDRESS: call.address,
            semconv.SERVER_PORT: call.port,
        }
    )
    return ReadableSpan(
        name=span_name(call),
        context=_context(call.context.trace_id, call.context.span_id, call.context),
        parent=_context(trace.trace_id, trace.server_span_id, trace.parent),
        resource=resource,
        attributes=attributes,
        kind=SpanKind.CLIENT,
        status=_status(is_error=call.error_type is not None),
        start_time=call.started_ns,
        end_time=call.ended_ns,
        instrumentation_scope=SCOPE,
    )


def span_name(call: ServedCall | UpstreamCall) -> str:
    """`{mcp.method.name} {tool|prompt}`; a method that MCP does not know is `_OTHER`."""
    method = known_method(call.method)
    return f"{method} {_safe(call.target)}" if call.target else method


def known_method(method: str) -> str:
    """The method, or `_OTHER`: a client's invention names nothing here."""
    return method if method in semconv.MCP_METHODS else semconv.OTHER


def _call_attributes(call: ServedCall | UpstreamCall) -> Attributes:
    is_tool = call.method == semconv.TOOLS_CALL
    return _present(
        {
            semconv.MCP_METHOD_NAME: known_method(call.method),
            semconv.GEN_AI_TOOL_NAME: call.target if is_tool else None,
            semconv.GEN_AI_OPERATION_NAME: semconv.EXECUTE_TOOL if is_tool else None,
            semconv.GEN_AI_PROMPT_NAME: (
                call.target if call.method == semconv.PROMPTS_GET else None
            ),
            semconv.JSONRPC_REQUEST_ID: call.rpc_id,
            semconv.MCP_SESSION_ID: call.session,
            semconv.MCP_PROTOCOL_VERSION: call.revision,
            semconv.NETWORK_TRANSPORT: "tcp",
            semconv.NETWORK_PROTOCOL_NAME: "http",
            semconv.HTTP_RESPONSE_STATUS_CODE: call.http_status,
            semconv.RPC_RESPONSE_STATUS_CODE: None if call.rpc_code is None else str(call.rpc_code),
            semconv.ERROR_TYPE: call.error_type,
        }
    )


def _present(values: Mapping[str, str | int | None]) -> Attributes:
    return {
        name: _safe(value) if isinstance(value, str) else value
        for name, value in values.items()
        if value is not None and value != ""
    }


def _safe(text: str) -> str:
    # A lone surrogate cannot be encoded, and would cost the whole batch.
    clean = text[: 4 * MAX_ATTRIBUTE_CHARS].encode("utf-8", "replace").decode()
    return scrub_text(clean)[:MAX_ATTRIBUTE_CHARS]


def _status(*, is_error: bool) -> Status:
    return Status(StatusCode.ERROR if is_error else StatusCode.UNSET)


def _context(trace_id: int, span_id: int, from_client: TraceContext | None) -> SpanContext:
    # Sampled always: what is built here is meant to be kept.
    return SpanContext(
        trace_id=trace_id,
        span_id=span_id,
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=_trace_state(from_client),
    )


def _remote(context: TraceContext | None) -> SpanContext | None:
    if context is None:
        return None
    return SpanContext(
        trace_id=context.trace_id,
        span_id=context.span_id,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT),
        trace_state=_trace_state(context),
    )


def _trace_state(context: TraceContext | None) -> TraceState | None:
    if context is None or not context.tracestate:
        return None
    return TraceState.from_header([context.tracestate])


def _links(context: TraceContext | None) -> tuple[Link, ...]:
    remote = _remote(context)
    return () if remote is None else (Link(remote),)
