"""From finished spans to a collector: bounded, counted, and with an end.

The SDK's batch processor drops the oldest span of a full queue without a word that a program
could hear. `SpanDelivery` therefore keeps count of what waits and refuses the newest itself.
"""

import threading
from collections.abc import Callable, Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

MAX_QUEUED_SPANS = 2048
BATCH_SPANS = 512
EXPORT_TIMEOUT_S = 5.0

OnDropped = Callable[[str, int], None]
"""Told a reason (`queue_full`, `export_failed`, `shut_down`) and how many, from any thread."""


class SpanDelivery:
    """A bounded queue of spans in front of one exporter, emptied by one thread."""

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        on_dropped: OnDropped,
        max_queued: int = MAX_QUEUED_SPANS,
        schedule_delay_s: float = 1.0,
    ) -> None:
        self._exporter = _CountingExporter(exporter, on_dropped)
        self._on_dropped = on_dropped
        self._max_queued = max_queued
        self._handed = 0
        self._is_open = True
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=max_queued,
            schedule_delay_millis=schedule_delay_s * 1000,
            max_export_batch_size=min(BATCH_SPANS, max_queued),
        )

    @property
    def waiting(self) -> int:
        """How many spans the exporter has not taken yet."""
        return self._handed - self._exporter.taken

    def deliver(self, span: ReadableSpan) -> None:
        """Queue a span, or drop it and say so. Never waits. Called from one thread only."""
        if not self._is_open:
            self._on_dropped("shut_down", 1)
        elif self.waiting >= self._max_queued:
            self._on_dropped("queue_full", 1)
        else:
            self._handed += 1
            self._processor.on_end(span)

    def shutdown(self, timeout_s: float) -> bool:
        """Export what waits and stop, within about `timeout_s`; blocks this thread.

        Returns False when the collector took longer: the rest is lost and counted.
        """
        self._is_open = False
        closing = threading.Thread(target=self._processor.shutdown, daemon=True)
        closing.start()
        closing.join(timeout_s)
        self._exporter.shutdown()  # ends a retry that is still asleep
        lost = self.waiting
        if lost:
            self._on_dropped("shut_down", lost)
        return not closing.is_alive() and not lost


class _CountingExporter(SpanExporter):
    """Counts what is taken off the queue, and what then does not arrive."""

    def __init__(self, exporter: SpanExporter, on_dropped: OnDropped) -> None:
        self._exporter = exporter
        self._on_dropped = on_dropped
        self.taken = 0
        self._is_open = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._on_dropped("export_failed", len(spans))
        return result

    def shutdown(self) -> None:
        if self._is_open:
            self._is_open = False
            self._exporter.shutdown()


def otlp_exporter(endpoint: str, *, headers: Mapping[str, str] | None = None) -> SpanExporter:
    """An exporter to an OTLP/HTTP collector; `endpoint` is the base URL or ends in /v1/traces."""
    url = endpoint.rstrip("/")
    return OTLPSpanExporter(
        endpoint=url if url.endswith("/v1/traces") else f"{url}/v1/traces",
        headers=dict(headers) if headers else None,
        timeout=EXPORT_TIMEOUT_S,
    )
