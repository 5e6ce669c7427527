"""Opening a conversation with a backend in either era, in the gateway's name.

Rules
1. Modern: `server/discover` says everything. Legacy: `initialize`, then
   `notifications/initialized`, and from then on the session id and the agreed revision.
2. A session id is visible ASCII (MCP 2025-11-25, transports); no id at all is fine.
3. Nothing of a caller's request is in it, so every failure is BackendUnavailable: safe to repeat.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

from gateway.backends.description import BackendDescription
from gateway.backends.errors import HandshakeRefused, NoAnswer
from gateway.backends.exchange import finish
from gateway.backends.heads import SESSION_HEADER
from gateway.backends.line import BackendSession, Line
from gateway.errors import BackendFailure, BackendRefused, BackendUnavailable
from gateway.protocol.raw_json import read_array, read_object, read_string, write_value
from gateway.protocol.revisions import LATEST_LEGACY, LEGACY, MODERN, Era
from gateway.version import VERSION

_SESSION_ID = re.compile(r"[\x21-\x7e]+").fullmatch
_META = "io.modelcontextprotocol/"

CLIENT_INFO = write_value({"name": "portcullis", "version": VERSION})
NO_CAPABILITIES = b"{}"


def own_meta(revision: str) -> bytes:
    """The `_meta` of a modern request that the gateway makes for itself."""
    return write_value(
        {
            f"{_META}protocolVersion": revision,
            f"{_META}clientInfo": {"name": "portcullis", "version": VERSION},
            f"{_META}clientCapabilities": {},
        }
    )


def read_discovery(result: bytes) -> BackendDescription | None:
    """What `server/discover` answered; None when it names no revision that is modern here."""
    members = read_object(result) or {}
    supported = read_array(members.get("supportedVersions", b"[]")) or []
    versions = {read_string(version) for version in supported}
    mutual = [revision for revision in MODERN if revision in versions]
    if not mutual:
        return None
    meta = read_object(members.get("_meta", b"{}")) or {}
    return BackendDescription(
        era=Era.MODERN,
        revision=mutual[-1],
        capabilities=_object(members.get("capabilities")) or b"{}",
        server_info=_object(meta.get(f"{_META}serverInfo")),
        instructions=read_string(members.get("instructions")),
    )


async def open_session(
    line: Line,
    *,
    revision: str = LATEST_LEGACY,
    capabilities: bytes = NO_CAPABILITIES,
    client_info: bytes = CLIENT_INFO,
) -> tuple[BackendSession, BackendDescription]:
    """Shake hands in the legacy era.

    Raises:
        BackendUnavailable: the backend cannot be had, or does not speak this: HandshakeRefused.
    """
    try:
        session, description = await _initialize(line, revision, capabilities, client_info)
        await line.notify("notifications/initialized", None, session=session)
    except BackendUnavailable:
        raise
    except BackendRefused as failure:
        raise HandshakeRefused(line.backend) from failure
    except NoAnswer as failure:
        is_refusal = failure.status < HTTPStatus.INTERNAL_SERVER_ERROR
        kind = HandshakeRefused if is_refusal else BackendUnavailable
        raise kind(line.backend) from failure
    except BackendFailure as failure:
        raise BackendUnavailable(line.backend, "the backend did not initialize") from failure
    return session, description


async def _initialize(
    line: Line, revision: str, capabilities: bytes, client_info: bytes
) -> tuple[BackendSession, BackendDescription]:
    params = {
        "protocolVersion": write_value(revision),
        "capabilities": capabilities,
        "clientInfo": client_info,
    }
    exchange = line.ask("initialize", params, revision=None, timeout_s=line.limits.handshake_s)
    description = _read_initialized(line, await finish(exchange))
    session_id = _checked_session_id(line, exchange.headers)
    return BackendSession(id=session_id, revision=description.revision), description


def _read_initialized(line: Line, result: bytes) -> BackendDescription:
    members = read_object(result) or {}
    revision = read_string(members.get("protocolVersion"))
    if revision not in LEGACY:
        raise BackendUnavailable(line.backend, "the backend speaks no revision known here")
    return BackendDescription(
        era=Era.LEGACY,
        revision=revision,
        capabilities=_object(members.get("capabilities")) or b"{}",
        server_info=_object(members.get("serverInfo")),
        instructions=read_string(members.get("instructions")),
    )


def _checked_session_id(line: Line, headers: Mapping[str, str]) -> str | None:
    session_id = headers.get(SESSION_HEADER)
    if session_id is None:
        return None
    if len(session_id) > line.limits.session_id_chars or not _SESSION_ID(session_id):
        raise BackendUnavailable(line.backend, "the backend's session id is not one")
    return session_id


def _object(raw: bytes | None) -> bytes | None:
    return raw if raw is not None and read_object(raw) is not None else None
