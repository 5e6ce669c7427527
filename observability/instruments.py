"""The house's metrics: one object, made once, handed to whoever counts.

Names follow the MCP conventions where they have one, in Prometheus's spelling. Labels are
operators' words (tenant, backend), enumerations (method, outcome, reason, error type) and resolved
tool names; never users, sessions, request ids, or anything that a client made up.
"""

from observability import failures, semconv
from observability.exposition import Registry
from observability.metrics import MAX_SERIES, Label

TENANT = Label("tenant")
BACKEND = Label("backend")
METHOD = Label("mcp_method_name", semconv.MCP_METHODS.__contains__)
TOOL = Label("gen_ai_tool_name")


def is_error_type(text: str) -> bool:
    """Whether `text` is an `error.type` that this house makes, not a backend's own code."""
    return text in semconv.RPC_CODES or failures.is_reason(text)


ERROR = Label("error_type", is_error_type)
REASON = Label("reason", failures.is_reason)
OUTCOME = Label("outcome", failures.is_reason)


class Instruments:
    """Every metric. Durations in seconds; `error_type` is empty when nothing failed."""

    def __init__(self, *, max_series: int = MAX_SERIES) -> None:
        self.registry = Registry(max_series=max_series)
        self._make_calls()
        self._make_decisions()
        self._make_state()

    def render(self) -> bytes:
        """The Prometheus text of all of them."""
        return self.registry.render()

    def _make_calls(self) -> None:
        registry = self.registry
        self.server_duration = registry.histogram(
            _prometheus(semconv.SERVER_DURATION),
            "Requests of clients, from the first byte in to the last byte out.",
            (TENANT, METHOD, TOOL, ERROR),
            ("gen_ai_tool_name", "mcp_method_name", "error_type"),
            bounds=semconv.DURATION_BUCKETS_S,
        )
        self.client_duration = registry.histogram(
            _prometheus(semconv.CLIENT_DURATION),
            "Exchanges with backends, from sending to the last byte of the answer.",
            (TENANT, BACKEND, METHOD, ERROR),
            ("mcp_method_name", "error_type", "backend"),
            bounds=semconv.DURATION_BUCKETS_S,
        )
        self.server_session_duration = registry.histogram(
            _prometheus(semconv.SERVER_SESSION_DURATION),
            "Sessions of clients, from their creation to their end.",
            (TENANT,),
            bounds=semconv.DURATION_BUCKETS_S,
        )
        self.client_session_duration = registry.histogram(
            _prometheus(semconv.CLIENT_SESSION_DURATION),
            "Sessions at backends, from their creation to their end.",
            (TENANT, BACKEND),
            ("backend",),
            bounds=semconv.DURATION_BUCKETS_S,
        )
        self.gateway_overhead = registry.histogram(
            "portcullis_gateway_overhead_seconds",
            "What the gateway itself added to a request, waiting for backends not counted.",
            (TENANT,),
            bounds=semconv.OVERHEAD_BUCKETS_S,
        )

    def _make_decisions(self) -> None:
        registry = self.registry
        self.auth_decisions = registry.counter(
            "portcullis_auth_decisions",
            "What was decided about credentials: outcome, and the reason of a refusal.",
            (OUTCOME, REASON),
        )
        self.requests_refused = registry.counter(
            "portcullis_requests_refused",
            "Requests that were answered with an error, by reason; the tenant where it is known.",
            (TENANT, REASON),
            ("tenant",),
        )
        self.rate_limit_decisions = registry.counter(
            "portcullis_rate_limit_decisions",
            "Requests that met a quota or a concurrency limit.",
            (TENANT, OUTCOME),
            ("tenant",),
        )
        self.server_requests = registry.counter(
            "portcullis_server_requests",
            "What backends asked clients, by what became of it.",
            (TENANT, METHOD, OUTCOME),
            ("mcp_method_name", "tenant"),
        )
        self.subscriptions_refused = registry.counter(
            "portcullis_subscriptions_refused",
            "Subscriptions beyond the limit of a user or a tenant.",
            (TENANT,),
        )
        self.internal_errors = registry.counter(
            "portcullis_internal_errors", "Bugs: requests that ended with internal_error."
        )
        self.spans_dropped = registry.counter(
            "portcullis_spans_dropped", "Spans that did not reach the collector.", (REASON,)
        )

    def _make_state(self) -> None:
        registry = self.registry
        self.requests_in_flight = registry.gauge(
            "portcullis_requests_in_flight", "Requests being served.", (TENANT,)
        )
        self.sessions_active = registry.gauge(
            "portcullis_sessions_active", "Live sessions that this process knows.", (TENANT,)
        )
        self.streams_active = registry.gauge(
            "portcullis_streams_active", "Open event streams.", (TENANT,)
        )
        self.subscriptions_active = registry.gauge(
            "portcullis_subscriptions_active", "Open subscriptions/listen streams.", (TENANT,)
        )
        self.view_age = registry.gauge(
            "portcullis_revocation_view_age_seconds",
            "Age of this process's picture of the change log; the lease is 2 s.",
        )
        self.jwks_age = registry.gauge(
            "portcullis_jwks_age_seconds",
            "Age of the oldest key set that a tenant's issuers are verified with.",
            (TENANT,),
        )
        self.issuer_clock_ahead = registry.gauge(
            "portcullis_issuer_clock_ahead_seconds",
            "Largest iat - now seen of a tenant's issuers; above clock_ahead revocation is late.",
            (TENANT,),
        )
        self.revocation_propagation = registry.histogram(
            "portcullis_revocation_propagation_seconds",
            "From a revocation's commit to its effect in this process.",
            bounds=semconv.DURATION_BUCKETS_S,
        )

    def count_dropped_spans(self, reason: str, how_many: int) -> None:
        """For `configure_tracing(on_dropped=...)`."""
        self.spans_dropped.labels(reason=reason).inc(how_many)


def _prometheus(name: str) -> str:
    return f"{name.replace('.', '_')}_seconds"
