"""An OTLP/HTTP collector in a thread: takes spans over a real socket and decodes them.

with OtlpSink() as sink:
    ...send to sink.endpoint...
    spans = sink.wait_for(2)
"""

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SERVER = int(Span.SpanKind.SPAN_KIND_SERVER)
CLIENT = int(Span.SpanKind.SPAN_KIND_CLIENT)
UNSET = int(Status.StatusCode.STATUS_CODE_UNSET)
ERROR = int(Status.StatusCode.STATUS_CODE_ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSpan:
    """One span as it arrived. Ids are lower-case hex, empty where there is none."""

    name: str
    kind: int
    status: int
    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    links: list[tuple[str, str]]
    started_ns: int
    ended_ns: int


@dataclass(slots=True)
class OtlpSink:
    """Collects spans until it is closed. A `status` but 200 refuses, an unset `stall` waits."""

    status: int = 200
    stall: threading.Event | None = None
    raw: list[bytes] = field(default_factory=list)
    _spans: list[ReceivedSpan] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        """The base URL, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def spans(self) -> list[ReceivedSpan]:
        """What has arrived so far."""
        with self._arrived:
            return list(self._spans)

    def wait_for(
        self,
        count: int,
        *,
        timeout_s: float = 5,
        where: Callable[[ReceivedSpan], bool] = lambda _span: True,
    ) -> list[ReceivedSpan]:
        """Block until `count` spans that satisfy `where` are here; in async tests use a thread."""
        with self._arrived:
            done = self._arrived.wait_for(lambda: len(self._select(where)) >= count, timeout_s)
            found = self._select(where)
        assert done, f"{len(found)} of {count} spans arrived within {timeout_s} s"
        return found

    def close(self) -> None:
        """Stop listening. What was received stays readable."""
        if self.stall is not None:
            self.stall.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(5)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def accept(self, body: bytes) -> None:
        """Decode one export request and keep its spans."""
        received = _decode(body)
        with self._arrived:
            self.raw.append(body)
            self._spans.extend(received)
            self._arrived.notify_all()

    def _select(self, where: Callable[[ReceivedSpan], bool]) -> list[ReceivedSpan]:
        return [span for span in self._spans if where(span)]


def _handler_of(sink: OtlpSink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if sink.stall is not None:
                sink.stall.wait(30)
            if self.path != "/v1/traces":
                self._answer(404)
                return
            if sink.status == 200:
                sink.accept(body)
            self._answer(sink.status)

        def _answer(self, status: int) -> None:
            payload = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            """Say nothing on stderr."""

    return Handler


def _decode(body: bytes) -> list[ReceivedSpan]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        _received(span, _values(of_resource.resource.attributes))
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def _received(span: Span, resource: dict[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        kind=int(span.kind),
        status=int(span.status.code),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        trace_state=span.trace_state,
        attributes=_values(span.attributes),
        resource=resource,
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
    )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair) for pair in pairs}


def _value(pair: KeyValue) -> Any:
    value: AnyValue = pair.value
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)
