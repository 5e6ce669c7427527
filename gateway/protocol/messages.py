"""One JSON-RPC 2.0 message, read from a scanned body and written from raw members.

Rules
- Exactly one message: an array is refused here, whatever the revision.
- `id` is a non-empty string or an integer. Every request of MCP has one, no notification has.
- Members that JSON-RPC does not name are tolerated and never handed on.
- Params and results stay the bytes that were scanned.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from gateway.errors import InvalidParams, InvalidRequest
from gateway.protocol.raw_json import read_string, write_object, write_value
from gateway.protocol.scan import REQUEST_LIMITS, ScanLimits, strict_scan

MAX_ID_LENGTH = 256
NOTIFICATION_PREFIX = "notifications/"

_ABSENT = msgspec.Raw()
_METHOD = re.compile(r"[A-Za-z0-9_.$:/-]{1,256}").fullmatch
_INTEGER = re.compile(rb"-?(?:0|[1-9][0-9]*)").fullmatch
_QUOTES = 2


@dataclass(frozen=True, slots=True)
class Request:
    """A call that wants an answer. `id` is raw JSON, `params` raw members in their order."""

    id: bytes
    method: str
    params: Mapping[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """A call that wants none."""

    method: str
    params: Mapping[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class RpcError:
    """A JSON-RPC error object. `data` is raw JSON."""

    code: int
    message: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: exactly one of `result` (a raw object) and `error`.

    `id` is None only with an error whose sender could not read the request's id.
    """

    id: bytes | None
    result: bytes | None = None
    error: RpcError | None = None


Message = Request | Notification | Response


class _WireMessage(msgspec.Struct):
    jsonrpc: Literal["2.0"]
    id: msgspec.Raw = _ABSENT
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: dict[str, msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


class _WireError(msgspec.Struct):
    code: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
    message: str
    data: msgspec.Raw = _ABSENT


_read_wire = msgspec.json.Decoder(_WireMessage).decode
_read_error = msgspec.json.Decoder(_WireError).decode


def read_message(body: bytes, limits: ScanLimits = REQUEST_LIMITS) -> Message:
    """The one message of a body.

    Raises:
        ParseError: not JSON in UTF-8, or over a limit.
        InvalidRequest: not one JSON-RPC message; carries `request_id` when one could be read.
    """
    value = strict_scan(body, limits)
    if not isinstance(value, dict):
        raise InvalidRequest("A single JSON-RPC message is required")
    try:
        return _message(_read_wire(body))
    except msgspec.ValidationError as error:
        raise InvalidRequest("Not a JSON-RPC 2.0 message", request_id=_id_of(value)) from error
    except InvalidRequest as refusal:
        refusal.request_id = _id_of(value)
        raise


def _message(wire: _WireMessage) -> Message:
    if isinstance(wire.method, msgspec.UnsetType):
        return _response(wire)
    if wire.result is not _ABSENT or wire.error is not _ABSENT:
        raise InvalidRequest("A message has either a method or a result")
    if not _METHOD(wire.method):
        raise InvalidRequest("`method` is not a method name")
    return _request(wire, wire.method)


def _request(wire: _WireMessage, method: str) -> Request | Notification:
    params = None
    if not isinstance(wire.params, msgspec.UnsetType):
        params = {name: bytes(value) for name, value in wire.params.items()}
    is_notification = method.startswith(NOTIFICATION_PREFIX)
    if is_notification != (wire.id is _ABSENT):
        raise InvalidRequest("Requests have an `id`, notifications have none")
    if is_notification:
        return Notification(method, params)
    return Request(_checked_id(bytes(wire.id)), method, params)


def _response(wire: _WireMessage) -> Response:
    if (wire.result is _ABSENT) == (wire.error is _ABSENT):
        raise InvalidRequest("A message has a method, a result or an error")
    if wire.error is not _ABSENT:
        unread = wire.id is _ABSENT or bytes(wire.id) == b"null"
        return Response(
            None if unread else _checked_id(bytes(wire.id)), error=_error(bytes(wire.error))
        )
    result = bytes(wire.result)
    if not result.startswith(b"{"):
        raise InvalidRequest("`result` is not an object")
    return Response(_checked_id(bytes(wire.id)), result=result)


def _error(raw: bytes) -> RpcError:
    error = _read_error(raw)
    data = None if error.data is _ABSENT else bytes(error.data)
    return RpcError(error.code, error.message, data)


def _checked_id(raw: bytes) -> bytes:
    is_string = raw.startswith(b'"') and len(raw) > _QUOTES
    if not (is_string or _INTEGER(raw)) or len(raw) > MAX_ID_LENGTH + _QUOTES:
        raise InvalidRequest("`id` must be a non-empty string or an integer")
    return raw


def _id_of(message: Mapping[str, Any]) -> bytes | None:
    """The id as far as it can be read, for the answer to a message that is refused."""
    value = message.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    raw = write_value(value)
    return raw if len(raw) <= MAX_ID_LENGTH + _QUOTES else None


def string_param(request: Request | Notification, name: str) -> str:
    """A parameter that must be a string.

    Raises:
        InvalidParams: absent or another kind of value.
    """
    value = read_string((request.params or {}).get(name))
    if value is None:
        raise InvalidParams(f"`{name}` must be a string")
    return value


def write_request(
    request_id: int | str, method: str, params: Mapping[str, bytes] | None = None
) -> bytes:
    """A request with the gateway's own id."""
    return b'{"jsonrpc":"2.0","id":%b,"method":%b%b}' % (
        write_value(request_id),
        write_value(method),
        _params(params),
    )


def write_notification(method: str, params: Mapping[str, bytes] | None = None) -> bytes:
    """A notification."""
    return b'{"jsonrpc":"2.0","method":%b%b}' % (write_value(method), _params(params))


def write_result(request_id: bytes, result: bytes) -> bytes:
    """An answer; both arguments are raw JSON."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (request_id, result)


def write_error(
    request_id: bytes | None, code: int, message: str, data: bytes | None = None
) -> bytes:
    """A refusal; `request_id` (None where none was read) and `data` are raw JSON."""
    members = {"code": write_value(code), "message": write_value(message)}
    if data is not None:
        members["data"] = data
    error = write_object(members)
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (request_id or b"null", error)


def _params(params: Mapping[str, bytes] | None) -> bytes:
    return b"" if params is None else b',"params":%b' % write_object(params)
