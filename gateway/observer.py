"""The outermost layer: what every request leaves behind.

One canonical line, a server span and a client span per exchange, RED metrics with the tenant, and
an audit event for every refusal of a caller. Rooms note facts in the `RequestContext`; only this
file turns them into telemetry.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from auth.errors import AuthError, InvalidToken
from auth.principal import Principal
from gateway.admission import Admission
from gateway.error_responses import INTERNAL_ERROR, ErrorResponse
from gateway.errors import (
    BackendFailure,
    CallCancelled,
    EraImpossible,
    GatewayError,
    Overloaded,
    RateLimited,
)
from gateway.request_context import RequestContext
from observability import events
from observability.audit import AuditEvent, AuditKind, AuditTrail
from observability.canonical import Outcome, emit
from observability.failures import error_type
from observability.instruments import Instruments
from observability.logs import get_logger
from observability.redaction import hash_identifier
from observability.spans import ServedCall, known_method
from observability.trace_context import TraceContext, parse_traceparent
from observability.tracing import Tracer
from tenants.errors import SessionLimit, TenantError
from tenants.keyspace import framed

CLIENT_CLOSED_REQUEST = 499
"""What a log shows for a client that went away; never sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Makes the telemetry of every request. `salt` keys the hashes of identifiers."""

    tracer: Tracer
    instruments: Instruments
    audit: AuditTrail
    salt: bytes
    source_of: Callable[[web.BaseRequest], str]

    def begin(self, request: web.BaseRequest) -> RequestContext:
        """Start to observe a request, before anything of it is believed."""
        context = RequestContext(trace=self.tracer.start(header_context=_header_context(request)))
        context.source = self.source_of(request)
        context.line.request_id = context.request_id
        context.line.http_method = request.method if request.method.isalpha() else "_OTHER"
        return context

    def admitted(self, context: RequestContext, admission: Admission) -> None:
        """Note on whose behalf it runs."""
        line = context.line
        line.tenant = admission.tenant
        line.endpoint = admission.endpoint.path
        line.principal = self.principal_hash(admission.principal)
        self.instruments.auth_decisions.labels(outcome="allowed", reason="").inc()

    def principal_hash(self, principal: Principal) -> str:
        """Who, as logs may know it."""
        parts = framed(principal.issuer, principal.subject, principal.client_id)
        return hash_identifier(parts.decode("latin-1"), self.salt)

    def session_hash(self, key: str) -> str:
        """Which session, as logs may know it."""
        return hash_identifier(key, self.salt)

    def refused(self, context: RequestContext, error: Exception, refusal: ErrorResponse) -> None:
        """Note a failure; the audit gets the exact cause, the client never does."""
        line = context.line
        line.reason = refusal.reason
        line.rpc_code = refusal.code
        line.outcome = _outcome(error, refusal)
        if isinstance(error, BackendFailure):
            line.backend = line.backend or error.backend
        tenant = "" if context.endpoint is None else context.endpoint.tenant.slug
        line.tenant = line.tenant or tenant
        self.instruments.requests_refused.labels(tenant=tenant, reason=refusal.reason).inc()
        if isinstance(error, RateLimited | Overloaded | SessionLimit):
            self.instruments.rate_limit_decisions.labels(tenant=tenant, outcome="refused").inc()
        if refusal.reason == INTERNAL_ERROR:
            self._note_bug(context, error)
        if isinstance(error, AuthError | TenantError):
            self._audit(context, error, tenant)
        elif isinstance(error, GatewayError) and not isinstance(error, BackendFailure):
            self._record(context, error.reason, tenant)

    def count_server_request(self, tenant: str, method: str, fate: str) -> None:
        """Note what became of something that a backend asked a client."""
        self.instruments.server_requests.labels(
            tenant=tenant, mcp_method_name=known_method(method), outcome=fate
        ).inc()

    def unsolicited(self, context: RequestContext) -> None:
        """Note an answer to something that was never asked in that session, or not any more."""
        line = context.line
        self.audit.record(
            AuditEvent(
                kind=AuditKind.ANSWER_UNSOLICITED,
                reason="answer_unsolicited",
                tenant=line.tenant,
                endpoint=line.endpoint,
                principal=line.principal,
                session=line.session,
                source=context.source,
                request_id=context.request_id,
            )
        )

    def cancelled(self, context: RequestContext) -> None:
        """Note that the client went away and its call was cancelled."""
        context.line.outcome = Outcome.CANCELLED
        context.line.reason = "client_gone"
        self.end(context, CLIENT_CLOSED_REQUEST)

    def end(self, context: RequestContext, status: int) -> None:
        """Write the line, the spans and the metrics of a request that is over."""
        line = context.line
        line.http_status = status
        line.duration_s = time.perf_counter() - context.started
        line.gateway_s = max(0.0, line.duration_s - line.backend_s)
        line.trace_id = context.trace.trace_id_hex
        if context.reply is not None:
            line.bytes_out = context.reply.bytes_out
        failure = self._failure(context)
        if not line.outcome:
            line.outcome = Outcome.TOOL_ERROR if context.is_tool_error else Outcome.OK
        self._measure(context, failure)
        self.tracer.finish(context.trace, self._served(context, failure), context.upstream)
        emit(line)

    def _failure(self, context: RequestContext) -> str | None:
        return error_type(
            rpc_code=context.line.rpc_code,
            is_tool_error=context.is_tool_error,
            is_timeout=context.line.reason == "backend_timeout",
            reason=context.line.reason or None,
        )

    def _measure(self, context: RequestContext, failure: str | None) -> None:
        line = context.line
        self.instruments.server_duration.labels(
            tenant=line.tenant,
            mcp_method_name=known_method(line.method),
            gen_ai_tool_name=line.tool,
            error_type=failure or "",
        ).observe(line.duration_s)
        self.instruments.gateway_overhead.labels(tenant=line.tenant).observe(line.gateway_s)
        for call in context.upstream:
            self.instruments.client_duration.labels(
                tenant=line.tenant,
                backend=call.backend,
                mcp_method_name=known_method(call.method),
                error_type=call.error_type or "",
            ).observe((call.ended_ns - call.started_ns) / 1e9)

    def _served(self, context: RequestContext, failure: str | None) -> ServedCall:
        line = context.line
        return ServedCall(
            tenant=line.tenant,
            endpoint=line.endpoint,
            method=line.method,
            target=line.tool,
            rpc_id="" if context.rpc_id is None else context.rpc_id.decode(),
            request_id=context.request_id,
            session=line.session,
            revision=line.revision,
            reason=line.reason,
            http_status=line.http_status,
            rpc_code=line.rpc_code,
            error_type=failure,
            started_ns=context.started_ns,
            ended_ns=context.started_ns + int(line.duration_s * 1e9),
        )

    def _audit(self, context: RequestContext, error: AuthError | TenantError, tenant: str) -> None:
        cause = str(error.fault) if isinstance(error, InvalidToken) else error.reason
        self.instruments.auth_decisions.labels(outcome="refused", reason=cause).inc()
        self._record(context, cause, tenant)

    def _record(self, context: RequestContext, cause: str, tenant: str) -> None:
        self.audit.record(
            AuditEvent(
                kind=AuditKind.ACCESS_REFUSED,
                reason=cause,
                tenant=tenant,
                endpoint="" if context.endpoint is None else context.endpoint.path,
                principal=context.line.principal,
                session=context.line.session,
                source=context.source,
                request_id=context.request_id,
            )
        )

    def _note_bug(self, context: RequestContext, error: Exception) -> None:
        self.instruments.internal_errors.labels().inc()
        get_logger().error(
            events.INTERNAL_ERROR_RAISED,
            request_id=context.request_id,
            exception=type(error).__name__,
            where=_where(error),
        )


def _outcome(error: Exception, refusal: ErrorResponse) -> Outcome:
    if isinstance(error, CallCancelled):
        return Outcome.CANCELLED
    is_behind = isinstance(error, BackendFailure) and not isinstance(error, EraImpossible)
    is_ours = refusal.status >= 500  # noqa: PLR2004 - server errors begin there
    return Outcome.FAILED if is_behind or is_ours else Outcome.REFUSED


def _header_context(request: web.BaseRequest) -> TraceContext | None:
    headers = request.headers
    if "traceparent" not in headers:
        return None
    parents = headers.getall("traceparent")
    states = ",".join(headers.getall("tracestate", []))
    return parse_traceparent(parents[0], states) if len(parents) == 1 else None


def _where(error: BaseException) -> str:
    """The innermost frame of a bug: file and line, no values."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    code = trace.tb_frame.f_code
    return f"{code.co_qualname}:{trace.tb_lineno}"
