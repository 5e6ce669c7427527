"""What a client is told: the one table from failures to HTTP statuses and JSON-RPC errors.

Rules:
 1. Only this file knows status codes of failures. A test asserts that every leaf of the error
    trees has a row.
 2. Every refused token answers the same bytes, and so does every session that is not to be had.
 3. A message is ours, never a library's; names shown are the client's own or registered ones.
 4. Unclear means refuse: what has no row is `internal_error`, and a bug.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType

import msgspec

from auth.challenges import Challenges
from auth.errors import (
    DocumentUnavailable,
    EgressRefused,
    InsufficientScope,
    InvalidToken,
    IssuerUnavailable,
    MalformedCredentials,
    MissingToken,
)
from gateway import errors as gw
from gateway.protocol.messages import write_error
from gateway.protocol.revisions import Era
from tenants import errors as tn

INTERNAL_ERROR = "internal_error"
CLIENT_GONE = "client_gone"
SESSION_RETRY_S = 5
NO_STORE: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})


class Challenged(Enum):
    """Which WWW-Authenticate header a failure carries (RFC 9110 section 11.6.1)."""

    NO = auto()
    MISSING = auto()
    INVALID = auto()
    MALFORMED = auto()
    INSUFFICIENT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `legacy_*` differ from the modern answer only where given."""

    status: int
    code: int | None
    remedy: str = ""
    legacy_status: int | None = None
    legacy_code: int | None = None
    challenge: Challenged = Challenged.NO
    closes: bool = False
    retry_after_s: int | None = None
    shown_as: str | None = None
    """The reason that the client reads where the exact one is not for it."""
    coarse: bool = False
    """The message says no more than "temporarily unavailable"."""
    says_reason: bool = True


def _auth(status: int, challenge: Challenged) -> Row:
    return Row(status=status, code=None, challenge=challenge)


def _caller(code: int, remedy: str, *, legacy_code: int | None = None) -> Row:
    """Bad parameters: 400 in the modern era, a JSON-RPC error on 200 in the legacy one."""
    return Row(status=400, code=code, remedy=remedy, legacy_status=200, legacy_code=legacy_code)


def _malformed(code: int, remedy: str) -> Row:
    return Row(status=400, code=code, remedy=remedy)


def _http(status: int, remedy: str, *, closes: bool = False) -> Row:
    return Row(status=status, code=None, remedy=remedy, closes=closes)


def _behind(code: int, remedy: str) -> Row:
    """Failures behind the gateway are 200: official clients hand the error to the model."""
    return Row(status=200, code=code, remedy=remedy)


def _unavailable(shown_as: str | None = None) -> Row:
    return Row(
        status=503,
        code=-31007,
        remedy="Try again shortly.",
        retry_after_s=2,
        coarse=True,
        shown_as=shown_as,
    )


TABLE: Mapping[type[Exception], Row] = {
    MissingToken: _auth(401, Challenged.MISSING),
    MalformedCredentials: _auth(400, Challenged.MALFORMED),
    InvalidToken: _auth(401, Challenged.INVALID),
    InsufficientScope: _auth(403, Challenged.INSUFFICIENT),
    IssuerUnavailable: _unavailable(),
    EgressRefused: _unavailable(shown_as="issuer_unavailable"),
    DocumentUnavailable: _unavailable(shown_as="issuer_unavailable"),
    tn.UnknownTenant: _http(404, "Check the endpoint's URL."),
    tn.TenantSuspended: Row(status=403, code=-31006, remedy="Ask the tenant's administrator."),
    tn.UnknownSession: Row(
        status=404, code=-32600, remedy="Send initialize for a new session.", says_reason=False
    ),
    tn.SessionLimit: Row(
        status=429,
        code=-31004,
        remedy="End a session, or wait for one.",
        retry_after_s=SESSION_RETRY_S,
    ),
    tn.SessionTooLarge: _caller(-32602, "Send smaller `capabilities` and `clientInfo`."),
    tn.StoreUnavailable: _unavailable(),
    tn.RegistryUnavailable: _unavailable(shown_as="store_unavailable"),
    tn.ViewStale: _unavailable(),
    tn.SessionAhead: _unavailable(),
    tn.InvalidDefinition: _malformed(-32602, "Correct the definition."),
    gw.ParseError: _malformed(-32700, "Send one JSON-RPC 2.0 message as UTF-8 JSON."),
    gw.InvalidRequest: _malformed(-32600, "Send exactly one valid JSON-RPC 2.0 message."),
    gw.InvalidParams: _caller(-32602, "Correct the parameters."),
    gw.HeaderMismatch: _malformed(-32020, "Make the mirrored headers equal the body."),
    gw.UnsupportedProtocolVersion: _malformed(-32022, "Use a supported version."),
    gw.MissingCapability: _malformed(-32021, "Declare the capability in `_meta`."),
    gw.UnknownMethod: Row(
        status=404, code=-32601, legacy_status=200, remedy="Use a method of this revision."
    ),
    gw.UnknownTool: _caller(-32602, "List the tools and use one of them."),
    gw.UnknownPrompt: _caller(-32602, "List the prompts and use one of them."),
    gw.UnknownResource: _caller(
        -32602, "List the resources and use one of them.", legacy_code=-32002
    ),
    gw.SessionRequired: _malformed(-32600, "Send initialize first, then its Mcp-Session-Id."),
    gw.AlreadyInitialized: _malformed(-32600, "Use the session that is open."),
    gw.PayloadTooLarge: Row(status=413, code=None, remedy="Send a smaller message.", closes=True),
    gw.UnsupportedMediaType: _http(415, "Send application/json without a content encoding."),
    gw.NotAcceptable: _http(406, "Accept application/json and text/event-stream."),
    gw.BadMethod: _http(405, "Use an allowed method."),
    gw.BadOrigin: _http(403, "This origin may not call this endpoint."),
    gw.BadHost: _http(421, "Use the gateway's public URL."),
    gw.BadRequestLine: _http(400, "Send grammatical HTTP.", closes=True),
    gw.RequestTimeout: _http(408, "Send the whole request sooner.", closes=True),
    gw.CallCancelled: Row(status=200, code=-32800, remedy="Call again if it is still wanted."),
    gw.RateLimited: Row(status=429, code=-31004, remedy="Wait, then try again."),
    gw.Overloaded: Row(status=503, code=-31005, remedy="Try again shortly.", retry_after_s=1),
    gw.Draining: Row(
        status=503, code=-31005, remedy="Connect again.", retry_after_s=1, closes=True
    ),
    gw.BackendUnavailable: _behind(-31001, "Nothing was executed; it is safe to try again."),
    gw.BackendTimeout: _behind(-31002, "Check whether it was executed before trying again."),
    gw.OutcomeUnknown: _behind(
        -31003, "It may have been executed; repeat it only if that does no harm."
    ),
    gw.EraImpossible: _behind(
        -31008, "Use a client of the backend's revision, or another backend."
    ),
}

_INTERNAL = Row(status=500, code=-32603, remedy="Report the X-Request-Id to the operator.")

# The backend's own codes decide the status that its error travels under in the modern era.
_STATUS_OF_BACKEND_CODE = {
    -32700: 400,
    -32600: 400,
    -32601: 404,
    -32602: 400,
    -32020: 400,
    -32021: 400,
    -32022: 400,
}

_UNAUTHORIZED_BODY = {
    Challenged.MISSING: b'{"error":"missing_token"}',
    Challenged.MALFORMED: b'{"error":"invalid_request"}',
    Challenged.INVALID: b'{"error":"invalid_token"}',
    Challenged.INSUFFICIENT: b'{"error":"insufficient_scope"}',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorResponse:
    """A finished refusal. `code` and `reason` are for the log and the metrics."""

    status: int
    body: bytes
    reason: str
    code: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """What a refusal needs to know of the request: never who sent it."""

    era: Era | None = None
    rpc_id: bytes | None = None
    challenges: Challenges | None = None
    wants_jsonrpc: bool = True


def error_response(error: Exception, asker: Asker) -> ErrorResponse:
    """Map a failure to what the client is told. Total: an unknown one is a 500."""
    if isinstance(error, gw.BackendRefused):
        return _backend_error(error, asker)
    row = _row(error)
    if row is None:
        return _rpc(_INTERNAL, "internal error", INTERNAL_ERROR, asker, NO_STORE)
    if row.challenge is not Challenged.NO:
        return _challenged(error, row, asker)
    reason = str(getattr(error, "reason", INTERNAL_ERROR))
    message = "temporarily unavailable" if row.coarse else _message(error, row)
    headers = _headers(error, row)
    if row.code is None and not asker.wants_jsonrpc:
        return _plain(row, reason, headers)
    return _rpc(row, message, reason, asker, headers, extra=_extra(error))


def _row(error: Exception) -> Row | None:
    return next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)


def _challenged(error: Exception, row: Row, asker: Asker) -> ErrorResponse:
    headers = dict(NO_STORE)
    if asker.challenges is not None:
        headers["WWW-Authenticate"] = _challenge(error, row.challenge, asker.challenges)
    return ErrorResponse(
        status=row.status,
        body=_UNAUTHORIZED_BODY[row.challenge],
        reason=str(getattr(error, "reason", INTERNAL_ERROR)),
        headers=headers,
    )


def _challenge(error: Exception, kind: Challenged, challenges: Challenges) -> str:
    if isinstance(error, InsufficientScope):
        return challenges.insufficient(error.scopes)
    if kind is Challenged.MISSING:
        return challenges.missing
    return challenges.malformed if kind is Challenged.MALFORMED else challenges.invalid


def _plain(row: Row, reason: str, headers: Mapping[str, str]) -> ErrorResponse:
    body = msgspec.json.encode({"error": reason, "remedy": row.remedy})
    return ErrorResponse(
        status=row.status, body=body, reason=reason, headers=headers, closes=row.closes
    )


def _rpc(
    row: Row,
    message: str,
    reason: str,
    asker: Asker,
    headers: Mapping[str, str],
    *,
    extra: Mapping[str, object] | None = None,
) -> ErrorResponse:
    legacy = asker.era is Era.LEGACY
    status = row.legacy_status if legacy and row.legacy_status else row.status
    code = row.legacy_code if legacy and row.legacy_code else row.code
    if code is None:
        return _plain(row, reason, headers)
    shown = {"reason": row.shown_as or reason, "remedy": row.remedy, **(extra or {})}
    data = shown if row.says_reason else None
    raw = None if data is None else msgspec.json.encode(data)
    return ErrorResponse(
        status=status,
        code=code,
        body=write_error(asker.rpc_id, code, message, raw),
        reason=reason,
        headers=headers,
        closes=row.closes,
    )


def _message(error: Exception, row: Row) -> str:
    if isinstance(error, tn.UnknownSession):
        return "session not found"
    if isinstance(error, tn.TenantError):
        return error.reason.replace("_", " ")
    return str(error) or str(getattr(error, "reason", "")).replace("_", " ") or row.remedy


def _headers(error: Exception, row: Row) -> dict[str, str]:
    headers = dict(NO_STORE)
    retry_after_s = row.retry_after_s
    if isinstance(error, gw.RateLimited):
        retry_after_s = error.retry_after_s
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if isinstance(error, gw.BadMethod):
        headers["Allow"] = error.allow
    return headers


def _extra(error: Exception) -> dict[str, object]:
    """Members of `data` besides the reason and the remedy, by kind of failure."""
    match error:
        case gw.UnsupportedProtocolVersion():
            return {"supported": list(error.supported), "requested": error.requested}
        case gw.MissingCapability():
            return {"requiredCapabilities": msgspec.Raw(error.required)}
        case gw.OutcomeUnknown():
            return {"backend": error.backend, "outcome": "unknown"}
        case gw.EraImpossible():
            return {
                "backend": error.backend,
                "clientRevision": error.client_revision,
                "backendRevision": error.backend_revision,
            }
        case gw.BackendFailure():
            return {"backend": error.backend}
        case tn.SessionLimit():
            return {"quota": "live sessions", "retryAfterSeconds": SESSION_RETRY_S}
        case gw.RateLimited():
            return {"quota": error.which, "retryAfterSeconds": error.retry_after_s}
        case _:
            return {}


def _backend_error(error: gw.BackendRefused, asker: Asker) -> ErrorResponse:
    modern = asker.era is Era.MODERN
    return ErrorResponse(
        status=_STATUS_OF_BACKEND_CODE.get(error.code, 200) if modern else 200,
        code=error.code,
        body=write_error(asker.rpc_id, error.code, error.message, error.data),
        reason=error.reason,
        headers=NO_STORE,
    )
