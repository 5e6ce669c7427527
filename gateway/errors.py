"""What a request can fail with on the road. `error_responses` says what a client is told.

GatewayError
 |  the caller's fault
 +- MalformedMessage
 |   +- ParseError              not JSON, invalid UTF-8, too deep
 |   +- InvalidRequest          JSON, and not one JSON-RPC message
 +- InvalidParams               bad `_meta`, params, cursor or sealed value
 +- HeaderMismatch              modern: a mirrored header is missing or differs from the body
 +- UnsupportedProtocolVersion  carries the versions that are served
 +- MissingCapability           modern: needs a capability that the request did not declare
 +- UnknownMethod
 +- UnknownTool, UnknownPrompt, UnknownResource
 +- SessionRequired, AlreadyInitialized
 +- PayloadTooLarge, UnsupportedMediaType, NotAcceptable, BadMethod
 +- BadOrigin, BadHost, BadRequestLine
 +- RequestTimeout              the body did not arrive in time
 +- CallCancelled               its own client cancelled it: legacy, `notifications/cancelled`
 |  ours, for now
 +- RateLimited, Overloaded, Draining
 |  behind us
 +- BackendUnavailable          nothing was sent: safe to repeat
 +- BackendTimeout              a deadline passed after sending
 +- OutcomeUnknown              cut, or an answer that is none, after sending
 +- BackendRefused              the backend's own JSON-RPC error, to be handed on
 +- EraImpossible               client and backend speak different eras
"""

from collections.abc import Sequence
from typing import ClassVar


class GatewayError(Exception):
    """Base of everything that this floor raises on purpose. The message is safe for clients."""

    reason: ClassVar[str]


class MalformedMessage(GatewayError):
    """The body is not a JSON-RPC message.

    `request_id` is the raw JSON of the request's id where one could be read all the same.
    """

    def __init__(self, message: str = "", *, request_id: bytes | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class ParseError(MalformedMessage):
    """Not JSON, not UTF-8, or deeper or larger than any message may be."""

    reason = "parse_error"


class InvalidRequest(MalformedMessage):
    """JSON, and not exactly one valid JSON-RPC message of this revision."""

    reason = "invalid_request"


class InvalidParams(GatewayError):
    """The parameters, `_meta`, a cursor or a sealed value are not acceptable."""

    reason = "invalid_params"


class HeaderMismatch(GatewayError):
    """A mirrored header is missing, duplicated, malformed or differs from the body."""

    reason = "header_mismatch"


class UnsupportedProtocolVersion(GatewayError):
    """A version that is not served here."""

    reason = "unsupported_version"

    def __init__(self, requested: str, supported: Sequence[str]) -> None:
        super().__init__("Unsupported protocol version")
        self.requested = requested
        self.supported = tuple(supported)


class MissingCapability(GatewayError):
    """The request needs a capability that it does not declare. `required` is raw JSON."""

    reason = "missing_capability"

    def __init__(self, required: bytes) -> None:
        super().__init__("A required capability is not declared")
        self.required = required


class UnknownMethod(GatewayError):
    """No such method in this revision."""

    reason = "unknown_method"


class UnknownTool(GatewayError):
    """Not there, or denied: the caller cannot tell which."""

    reason = "unknown_tool"


class UnknownPrompt(GatewayError):
    """Not there, or denied."""

    reason = "unknown_prompt"


class UnknownResource(GatewayError):
    """No backend of the endpoint owns this URI."""

    reason = "unknown_resource"


class SessionRequired(GatewayError):
    """Legacy traffic other than `initialize` without a session id."""

    reason = "session_required"


class AlreadyInitialized(GatewayError):
    """`initialize` on a live session."""

    reason = "already_initialized"


class PayloadTooLarge(GatewayError):
    """The body exceeds its limit."""

    reason = "payload_too_large"


class UnsupportedMediaType(GatewayError):
    """Not `application/json`, or content-encoded."""

    reason = "unsupported_media_type"


class NotAcceptable(GatewayError):
    """The Accept header leaves no form in which to answer."""

    reason = "not_acceptable"


class BadMethod(GatewayError):
    """The HTTP method is not served here; `allow` is."""

    reason = "bad_method"

    def __init__(self, allow: str) -> None:
        super().__init__(f"Allowed: {allow}")
        self.allow = allow


class BadOrigin(GatewayError):
    """An Origin that may not call this endpoint."""

    reason = "bad_origin"


class BadHost(GatewayError):
    """A Host that this gateway is not."""

    reason = "bad_host"


class BadRequestLine(GatewayError):
    """Request framing or headers that are not grammatical HTTP."""

    reason = "bad_request"


class RequestTimeout(GatewayError):
    """The request did not arrive in time."""

    reason = "request_timeout"


class CallCancelled(GatewayError):
    """The caller cancelled its own call.

    A legacy stream ends with a response only, so that the official SDK answers with LSP's
    RequestCancelled, and so do we. The modern era forbids an answer: there the stream just ends.
    """

    reason = "call_cancelled"


class RateLimited(GatewayError):
    """A quota or a concurrency limit of the caller, its tenant or its backend is used up."""

    reason = "rate_limited"

    def __init__(self, which: str, *, retry_after_s: int = 1) -> None:
        super().__init__(f"{which} is used up; try again in {retry_after_s} s")
        self.which = which
        self.retry_after_s = retry_after_s


class Overloaded(GatewayError):
    """The process as a whole has no room."""

    reason = "overloaded"


class Draining(GatewayError):
    """This node is leaving."""

    reason = "draining"


class BackendFailure(GatewayError):
    """Something behind the gateway failed; `backend` is its registered name."""

    def __init__(self, backend: str, message: str = "") -> None:
        super().__init__(message or self.reason)
        self.backend = backend


class BackendUnavailable(BackendFailure):
    """Nothing of the request reached the backend, or it proved that nothing ran."""

    reason = "backend_unavailable"


class BackendTimeout(BackendFailure):
    """The deadline passed after the request was sent."""

    reason = "backend_timeout"


class OutcomeUnknown(BackendFailure):
    """Cut, or answered with something that is no answer, after the request was sent."""

    reason = "outcome_unknown"


class BackendRefused(BackendFailure):
    """The backend's own JSON-RPC error. `data` is its raw JSON, or None."""

    reason = "backend_error"

    def __init__(self, backend: str, *, code: int, message: str, data: bytes | None) -> None:
        super().__init__(backend, message)
        self.code = code
        self.message = message
        self.data = data


class EraImpossible(BackendFailure):
    """Client and backend speak revisions that cannot be joined (yet)."""

    reason = "era_impossible"

    def __init__(self, backend: str, *, client_revision: str, backend_revision: str) -> None:
        super().__init__(
            backend, f"client speaks {client_revision}, backend speaks {backend_revision}"
        )
        self.client_revision = client_revision
        self.backend_revision = backend_revision
