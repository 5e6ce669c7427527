"""Which era a backend speaks, found by asking (protocol: `auto`).

`server/discover` is sent in the modern form, then:
- a DiscoverResult that names a mutual modern revision, or a modern error (-32020, -32021): modern;
- -32022 with a list of what is supported: modern if that names a mutual revision, in which it is
  asked once more to describe itself, else legacy;
- 400, 404, 405, another JSON-RPC error, or an answer that is none: legacy, so `initialize`;
- no connection, 5xx, a timeout: an outage, not a verdict. 401 and 403: a credential, not a verdict.
"""

from http import HTTPStatus

from gateway.backends.description import BackendDescription
from gateway.backends.exchange import Exchange, finish
from gateway.backends.handshake import open_session, own_meta, read_discovery
from gateway.backends.line import BackendSession, Line
from gateway.errors import BackendFailure, BackendRefused, BackendUnavailable, OutcomeUnknown
from gateway.protocol.raw_json import read_array, read_object, read_string
from gateway.protocol.revisions import LATEST_MODERN, MODERN, Era
from tenants.model import BackendProtocol

__all__ = ["BackendDescription", "Found", "probe"]

HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022

# A modern backend that will not describe itself is asked for everything.
_UNDESCRIBED = BackendDescription(
    era=Era.MODERN,
    revision=LATEST_MODERN,
    capabilities=b'{"tools":{},"prompts":{},"resources":{},"completions":{}}',
)

Found = tuple[BackendDescription, BackendSession | None]
"""A description, and in the legacy era the session that was opened to get it."""


async def probe(line: Line, protocol: BackendProtocol) -> Found:
    """Describe a backend, in the era that is configured or found.

    Raises:
        BackendUnavailable: it cannot be had now, or does not speak what is configured.
    """
    if protocol is not BackendProtocol.LEGACY:
        description = await _discover(line)
        if description is not None:
            return description, None
        if protocol is BackendProtocol.MODERN:
            raise BackendUnavailable(line.backend, "the backend does not speak the modern era")
    session, description = await open_session(line)
    return description, session


async def _discover(line: Line) -> BackendDescription | None:
    """The modern description, None when the backend is not modern."""
    try:
        return await _asked(line)
    except BackendRefused as refused:
        if not _is_for_another_revision(refused):
            return _verdict(refused)
    except OutcomeUnknown:
        return None
    try:
        return await _asked(line)
    except (BackendRefused, OutcomeUnknown):
        return _UNDESCRIBED


async def _asked(line: Line) -> BackendDescription | None:
    """What it says of itself; an outage is told apart from an answer."""
    exchange = line.ask(
        "server/discover",
        {"_meta": own_meta(LATEST_MODERN)},
        revision=LATEST_MODERN,
        timeout_s=line.limits.handshake_s,
    )
    try:
        return read_discovery(await finish(exchange))
    except BackendUnavailable:
        raise
    except BackendFailure as failure:
        if _is_outage(failure, exchange):
            raise BackendUnavailable(line.backend) from failure
        raise


def _is_outage(failure: BackendFailure, exchange: Exchange) -> bool:
    status = exchange.status
    if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return True
    return not isinstance(failure, BackendRefused | OutcomeUnknown)


def _verdict(refused: BackendRefused) -> BackendDescription | None:
    is_modern = refused.code in {HEADER_MISMATCH, MISSING_CAPABILITY}
    return _UNDESCRIBED if is_modern else None


def _is_for_another_revision(refused: BackendRefused) -> bool:
    return refused.code == UNSUPPORTED_VERSION and _names_mutual_revision(refused.data)


def _names_mutual_revision(data: bytes | None) -> bool:
    members = read_object(data or b"{}") or {}
    supported = read_array(members.get("supported", b"[]")) or []
    return any(read_string(version) in MODERN for version in supported)
