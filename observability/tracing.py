"""Traces: what a request is given at its start, and what is kept of it at its end.

Spans are sampled before any SDK object exists (two always-recorded spans cost 80 us, none about
3). Whatever failed or was slow is recorded all the same: its spans are built afterwards from the
timings, under the ids that were sent on.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from opentelemetry.sdk.resources import Resource

from observability import semconv
from observability.call_trace import CallTrace, Sampler
from observability.span_delivery import OnDropped, SpanDelivery, otlp_exporter
from observability.spans import ServedCall, UpstreamCall, client_span, server_span
from observability.trace_context import TraceContext, parse_traceparent, parse_tracestate

__all__ = [
    "CallTrace",
    "Sampler",
    "ServedCall",
    "TraceContext",
    "Tracer",
    "UpstreamCall",
    "configure_tracing",
    "parse_traceparent",
    "parse_tracestate",
]

SLOW_CALL_S = 2.0
SHUTDOWN_S = 5.0


class Tracer:
    """Decides what is kept and hands it over. Without a delivery nothing is, at no cost."""

    def __init__(
        self,
        *,
        sampler: Sampler,
        delivery: SpanDelivery | None = None,
        resource: Resource | None = None,
        slow_s: float = SLOW_CALL_S,
    ) -> None:
        self.sampler = sampler
        self._delivery = delivery
        self._resource = resource or house_resource()
        self._slow_ns = int(slow_s * 1e9)

    def start(
        self,
        *,
        header_context: TraceContext | None = None,
        meta_context: TraceContext | None = None,
    ) -> CallTrace:
        """Begin the trace of a request under this tracer's sampler."""
        return CallTrace.start(
            sampler=self.sampler, header_context=header_context, meta_context=meta_context
        )

    def finish(
        self, trace: CallTrace, served: ServedCall, upstream: Sequence[UpstreamCall] = ()
    ) -> bool:
        """Record the request's spans if they are to be kept; says whether they were."""
        if self._delivery is None or not self._is_kept(trace, served, upstream):
            return False
        self._delivery.deliver(server_span(trace, served, self._resource))
        for call in upstream:
            span = client_span(trace, call, self._resource, tenant=served.tenant)
            self._delivery.deliver(span)
        return True

    def shutdown(self, timeout_s: float = SHUTDOWN_S) -> bool:
        """Send what waits, for at most `timeout_s`. Blocks: call it outside the event loop."""
        return self._delivery is None or self._delivery.shutdown(timeout_s)

    def _is_kept(
        self, trace: CallTrace, served: ServedCall, upstream: Sequence[UpstreamCall]
    ) -> bool:
        return (
            trace.is_sampled
            or served.is_error
            or served.ended_ns - served.started_ns >= self._slow_ns
            or any(call.error_type is not None for call in upstream)
        )


def configure_tracing(
    *,
    endpoint: str | None,
    ratio: float,
    on_dropped: OnDropped,
    headers: Mapping[str, str] | None = None,
    slow_s: float = SLOW_CALL_S,
) -> Tracer:
    """A tracer that sends to the OTLP/HTTP collector at `endpoint`, or nowhere when it is None."""
    delivery = None
    if endpoint:
        delivery = SpanDelivery(otlp_exporter(endpoint, headers=headers), on_dropped=on_dropped)
    return Tracer(sampler=Sampler(ratio), delivery=delivery, slow_s=slow_s)


def house_resource() -> Resource:
    """Who sends: this service, its version and process. `OTEL_RESOURCE_ATTRIBUTES` may add."""
    return Resource.create(
        {
            semconv.SERVICE_NAME: semconv.THIS_SERVICE,
            semconv.SERVICE_VERSION: _own_version(),
            semconv.SERVICE_INSTANCE_ID: f"{socket.gethostname()}:{os.getpid()}",
        }
    )


def _own_version() -> str:
    try:
        return version("mcp-portcullis")
    except PackageNotFoundError:
        return "0"
