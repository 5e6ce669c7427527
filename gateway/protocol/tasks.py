"""The tasks extension (SEP-2663, `io.modelcontextprotocol/tasks`): its names and its results.

Rules
- Only a client that declares the extension with the request gets a task, and may ask for one.
- A task's id is the backend's own; what a client sees in its place is the gateway's.
"""

from gateway.errors import InvalidRequest
from gateway.protocol.capabilities import EXTENSIONS, TASKS_EXTENSION
from gateway.protocol.methods import EXTENSION_REQUESTS
from gateway.protocol.raw_json import read_object, read_string, read_value
from gateway.protocol.revisions import LATEST_MODERN

TASK = "task"
TASK_ID = "taskId"
TASK_METHODS = EXTENSION_REQUESTS[LATEST_MODERN]
TASK_NOTIFICATION = "notifications/tasks"
MAX_TASK_ID_CHARS = 1024


def declares_tasks(capabilities: bytes) -> bool:
    """Whether raw capabilities, of either side, have the extension."""
    extensions = read_object((read_object(capabilities) or {}).get(EXTENSIONS, b"null")) or {}
    return extensions.get(TASKS_EXTENSION, b"").startswith(b"{")


def read_task_id(raw: bytes | None) -> str:
    """A backend's own id of a task.

    Raises:
        InvalidRequest: it is none.
    """
    own_id = read_string(raw)
    if not own_id or len(own_id) > MAX_TASK_ID_CHARS:
        raise InvalidRequest("A task has no id of a fair length")
    return own_id


def read_life_s(ttl_ms: bytes | None) -> float | None:
    """For how long a backend keeps a task, by its `ttlMs`; None when it does not say."""
    value = None if ttl_ms is None else read_value(ttl_ms)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return min(value, 10**15) / 1000
