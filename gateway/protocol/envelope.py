"""What a request says about itself in `params._meta`, and the era that it belongs to.

Rules
- The era is known from one request alone: the body's `_meta` and method first, then the version
  header. Never from `Mcp-Method` (a legacy client sends it) nor from a missing session id.
- A modern request climbs a ladder, and the first rung that breaks answers: `_meta`, headers equal
  to the body, version, method.
- A modern version in the header or body never ends up in the legacy era.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import HeaderMismatch, InvalidParams, UnsupportedProtocolVersion
from gateway.protocol.messages import Message, Notification, Request, Response
from gateway.protocol.methods import LOG_LEVELS, check_request_method
from gateway.protocol.mirrored_headers import (
    METHOD_HEADER,
    VERSION_HEADER,
    HeaderValues,
    check_routing_headers,
    single_header,
)
from gateway.protocol.raw_json import read_object, read_string
from gateway.protocol.revisions import LEGACY, MODERN, SERVED

META = "_meta"
REVISION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
CLIENT_INFO_KEY = "io.modelcontextprotocol/clientInfo"
LOG_LEVEL_KEY = "io.modelcontextprotocol/logLevel"
SERVER_INFO_KEY = "io.modelcontextprotocol/serverInfo"
PROGRESS_TOKEN_KEY = "progressToken"  # noqa: S105 - a correlation id, no secret
TRACE_PARENT_KEY = "traceparent"
TRACE_STATE_KEY = "tracestate"
BAGGAGE_KEY = "baggage"

_INTEGER = re.compile(rb"-?[0-9]{1,256}").fullmatch
_MAX_TRACE_MEMBER = 512
"""W3C Trace Context 3.3.1.5: 512 characters are what has to be carried."""


@dataclass(frozen=True, slots=True)
class RequestMeta:
    """The part of `_meta` that every era knows. `members` are all of it, raw."""

    members: Mapping[str, bytes]
    progress_token: bytes | None
    traceparent: str | None
    tracestate: str | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a modern request says about itself. `meta` are all members of `_meta`, raw."""

    revision: str
    client_capabilities: bytes
    client_info: bytes | None
    log_level: str | None
    progress_token: bytes | None
    traceparent: str | None
    tracestate: str | None
    meta: Mapping[str, bytes]


def is_modern(message: Message, version_header: str | None) -> bool:
    """Whether a message belongs to the modern era; without I/O and without a session."""
    if version_header in MODERN or _claims_revision(message):
        return True
    if isinstance(message, Request) and message.method == "initialize":
        return False
    return version_header is not None and version_header not in LEGACY


def _claims_revision(message: Message) -> bool:
    if isinstance(message, Response) or not message.params or META not in message.params:
        return False
    return REVISION_KEY in (read_object(message.params[META]) or {})


def read_request_meta(request: Request | Notification) -> RequestMeta:
    """`_meta` of a request of any era; absent is empty.

    Raises:
        InvalidParams: `_meta` is not an object, or its progress token no token.
    """
    members = _meta_members(request)
    return RequestMeta(
        members,
        _progress_token(members),
        _trace_member(members, TRACE_PARENT_KEY),
        _trace_member(members, TRACE_STATE_KEY),
    )


def read_envelope(request: Request) -> Envelope:
    """The envelope of a modern request.

    Raises:
        InvalidParams: a required member of `_meta` is missing, or one is of the wrong kind.
    """
    members = _meta_members(request)
    return Envelope(
        _revision(members),
        _capabilities(members),
        _client_info(members),
        _log_level(members),
        _progress_token(members),
        _trace_member(members, TRACE_PARENT_KEY),
        _trace_member(members, TRACE_STATE_KEY),
        members,
    )


def climb(request: Request, headers: HeaderValues) -> Envelope:
    """The envelope of a modern request that is fit to be served, rung by rung.

    Raises:
        InvalidParams, HeaderMismatch, UnsupportedProtocolVersion, UnknownMethod: in this order.
    """
    envelope = read_envelope(request)
    check_mirrored_headers(headers, request, envelope)
    _check_revision(envelope.revision)
    check_request_method(request.method, envelope.revision)
    return envelope


def check_mirrored_headers(headers: HeaderValues, request: Request, envelope: Envelope) -> None:
    """Compare the routing headers with the body.

    Raises:
        HeaderMismatch: one of them is missing, doubled, malformed or different.
    """
    check_routing_headers(headers, request, envelope.revision)


def check_modern_notification(headers: HeaderValues, notification: Notification) -> None:
    """What holds for a modern notification, which needs no envelope.

    Nothing is done about it, so its method need not be mirrored: real clients leave that out.

    Raises:
        HeaderMismatch, UnsupportedProtocolVersion: by its headers.
    """
    revision = single_header(headers, VERSION_HEADER)
    claimed = read_string(_meta_members(notification).get(REVISION_KEY))
    if revision is None or claimed not in {None, revision}:
        raise HeaderMismatch(f"{VERSION_HEADER} does not match the version in `_meta`")
    if single_header(headers, METHOD_HEADER) not in {None, notification.method}:
        raise HeaderMismatch(f"{METHOD_HEADER} does not match the method in the body")
    _check_revision(revision)


def _check_revision(revision: str) -> None:
    if revision not in MODERN:
        raise UnsupportedProtocolVersion(revision, SERVED)


def _meta_members(request: Request | Notification) -> Mapping[str, bytes]:
    raw = (request.params or {}).get(META)
    members = {} if raw is None else read_object(raw)
    if members is None:
        raise InvalidParams("`_meta` must be an object")
    return members


def _revision(members: Mapping[str, bytes]) -> str:
    revision = read_string(members.get(REVISION_KEY))
    if revision is None:
        raise InvalidParams(f"`_meta` lacks `{REVISION_KEY}`, a string")
    return revision


def _capabilities(members: Mapping[str, bytes]) -> bytes:
    raw = members.get(CAPABILITIES_KEY, b"")
    if not raw.startswith(b"{"):
        raise InvalidParams(f"`_meta` lacks `{CAPABILITIES_KEY}`, an object")
    return raw


def _client_info(members: Mapping[str, bytes]) -> bytes | None:
    raw = members.get(CLIENT_INFO_KEY)
    if raw is not None and not raw.startswith(b"{"):
        raise InvalidParams(f"`{CLIENT_INFO_KEY}` must be an object")
    return raw


def _log_level(members: Mapping[str, bytes]) -> str | None:
    if LOG_LEVEL_KEY not in members:
        return None
    level = read_string(members[LOG_LEVEL_KEY])
    if level not in LOG_LEVELS:
        raise InvalidParams(f"`{LOG_LEVEL_KEY}` must be one of {', '.join(LOG_LEVELS)}")
    return level


def _progress_token(members: Mapping[str, bytes]) -> bytes | None:
    raw = members.get(PROGRESS_TOKEN_KEY)
    if raw is None or raw.startswith(b'"') or _INTEGER(raw):
        return raw
    raise InvalidParams("`progressToken` must be a string or an integer")


def _trace_member(members: Mapping[str, bytes], key: str) -> str | None:
    """A trace member; a malformed one is as none, so that a new trace begins here."""
    text = read_string(members.get(key))
    return text if text is not None and len(text) <= _MAX_TRACE_MEMBER else None
