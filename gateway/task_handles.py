"""Task ids as clients get them: the owner and its own id, sealed.

Rule: a handle lives as long as the task's `ttlMs` says, and at most a day. To whom it belongs is
`sealed_handles`' rule; that the caller may still use the tool that began it is asked each time.
"""

from dataclasses import dataclass

import msgspec

from gateway.admission import Admission
from gateway.errors import InvalidParams
from gateway.permits import Permit
from gateway.sealed_handles import SealedHandles
from tenants.seals import InvalidSeal

TASK_PURPOSE = "task id"
TASK_LIFE_S = 24 * 3600.0
MAX_HANDLE_CHARS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedTask:
    """A task at its backend. `tool` is the name of the tool that began it, as it is shown."""

    backend: str
    own_id: str
    tool: str


class TaskHandles:
    """Seals and opens them."""

    def __init__(self, handles: SealedHandles) -> None:
        self._handles = handles

    def seal(self, own_id: str, permit: Permit, life_s: float | None) -> str:
        """The id that the client of a call gets for the task that it began."""
        payload = msgspec.json.encode([permit.peer.name, own_id, permit.target])
        life_s = TASK_LIFE_S if life_s is None else min(life_s, TASK_LIFE_S)
        return self._handles.seal(payload, permit.admission, life_s=life_s)

    def open(self, handle: str, admission: Admission) -> OwnedTask:
        """Whose task it is.

        Raises:
            InvalidParams: nobody's, or not this caller's.
        """
        try:
            if len(handle) > MAX_HANDLE_CHARS:
                raise InvalidSeal("too long")
            payload = self._handles.open(handle, admission, max_life_s=TASK_LIFE_S)
        except InvalidSeal as error:
            raise InvalidParams("Unknown task") from error
        backend, own_id, tool = msgspec.json.decode(payload, type=tuple[str, str, str])
        return OwnedTask(backend=backend, own_id=own_id, tool=tool)
