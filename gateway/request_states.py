"""`requestState` of multi round-trip requests: the backend's own, sealed for one client and call.

Rule: it is given back to the backend that made it, within 15 minutes, for the same method with the
same params. `_meta`, `inputResponses` and `requestState` do not count: they are what a retry
changes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from gateway.errors import InvalidParams
from gateway.permits import Permit
from gateway.protocol.envelope import META
from gateway.protocol.input_required import INPUT_RESPONSES, REQUEST_STATE
from gateway.protocol.raw_json import read_string, read_value, write_value
from gateway.sealed_handles import SealedHandles
from tenants.keyspace import framed
from tenants.seals import InvalidSeal

STATE_PURPOSE = "request state"
STATE_LIFE_S = 900.0

_CHANGED_BY_RETRY = frozenset({META, INPUT_RESPONSES, REQUEST_STATE})


class RequestStates:
    """Seals what backends remember by their clients, and opens what comes back."""

    def __init__(self, handles: SealedHandles) -> None:
        self._handles = handles

    def seal(self, state: str, permit: Permit) -> bytes:
        """The raw JSON string that the client gets for a backend's `state`."""
        handle = self._handles.seal(
            state.encode("utf-8", "surrogatepass"),
            permit.admission,
            *_binding(permit),
            life_s=STATE_LIFE_S,
        )
        return write_value(handle)

    def opened(self, permit: Permit) -> Permit:
        """The call as its backend gets it: with its own state in place of the sealed one.

        Raises:
            InvalidParams: it was not sealed here, for this client and this very call.
        """
        raw = permit.params.get(REQUEST_STATE)
        if raw is None:
            return permit
        try:
            state = self._handles.open(
                read_string(raw) or "",
                permit.admission,
                *_binding(permit),
                max_life_s=STATE_LIFE_S,
            )
        except InvalidSeal as error:
            raise InvalidParams("Invalid `requestState`") from error
        own = write_value(state.decode("utf-8", "surrogatepass"))
        return replace(permit, params={**permit.params, REQUEST_STATE: own})


def is_retry(params: Mapping[str, bytes]) -> bool:
    """Whether a call answers what a backend asked before."""
    return REQUEST_STATE in params or INPUT_RESPONSES in params


def _binding(permit: Permit) -> tuple[str | bytes, ...]:
    return permit.peer.name, permit.method, _digest(permit.params)


def _digest(params: Mapping[str, bytes]) -> bytes:
    """Of the params as values: a client may write the same ones in another order."""
    kept = sorted(name for name in params if name not in _CHANGED_BY_RETRY)
    parts = [part for name in kept for part in (name, _canonical(params[name]))]
    return hashlib.sha256(framed(*parts)).digest()


def _canonical(raw: bytes) -> str:
    return json.dumps(read_value(raw), sort_keys=True)
