"""What failed, in the conventions' words: `error.type` and the status of a span.

Server side: the caller's own faults carry `error.type` and leave the status unset. Client side:
every JSON-RPC error is an error. A tool result with `isError` is one on both sides, though HTTP
says 200.
"""

from observability.semconv import CALLER_FAULT_CODES, OTHER, TIMEOUT, TOOL_ERROR

_CLIENT_ERRORS = range(400, 500)
_MAX_REASON = 40


def error_type(
    *,
    rpc_code: int | None = None,
    is_tool_error: bool = False,
    is_timeout: bool = False,
    reason: str | None = None,
) -> str | None:
    """The value of `error.type`, or None when nothing failed.

    A JSON-RPC code says most, then `isError`, then a timeout, then our own reason code.
    """
    if rpc_code is not None:
        return str(rpc_code)
    if is_tool_error:
        return TOOL_ERROR
    if is_timeout:
        return TIMEOUT
    return (reason if is_reason(reason) else OTHER) if reason else None


def is_reason(text: str) -> bool:
    """Whether `text` has the shape of one of our reason codes, and of no client's invention."""
    return len(text) <= _MAX_REASON and text.replace("_", "").isalpha() and text.islower()


def is_servers_fault(
    error: str | None, *, rpc_code: int | None = None, http_status: int | None = None
) -> bool:
    """Whether a failed request marks its server span as failed."""
    if error is None or rpc_code in CALLER_FAULT_CODES:
        return False
    return http_status is None or http_status not in _CLIENT_ERRORS
