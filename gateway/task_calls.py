"""`tasks/get`, `tasks/update` and `tasks/cancel`: routed to the backend whose task it is.

Rules
1. A client that does not declare the extension with the request is told to (-32021). Where no
   backend has it, its methods are unknown.
2. Who may not use the tool any more has no task of it either; foreign, unknown and ended handles
   answer the same bytes.
3. The backend gets its own id, in the body and in `Mcp-Name`; the client the one it came with.
"""

from auth.access import Allow, Deny, Needs
from auth.errors import InsufficientScope
from gateway.admission import Admission
from gateway.errors import BackendUnavailable, InvalidParams, MissingCapability, UnknownMethod
from gateway.permits import Permit, check_method
from gateway.protocol.capabilities import EXTENSIONS, TASKS_EXTENSION
from gateway.protocol.envelope import META
from gateway.protocol.messages import Request, string_param
from gateway.protocol.raw_json import write_value
from gateway.protocol.revisions import Era
from gateway.protocol.tasks import TASK_ID, declares_tasks
from gateway.task_handles import OwnedTask, TaskHandles

TASKS_REQUIRED = b'{"%b":{"%b":{}}}' % (EXTENSIONS.encode(), TASKS_EXTENSION.encode())


def check_declares_tasks(client_capabilities: bytes) -> None:
    """Refuse a client that did not declare the extension.

    Raises:
        MissingCapability: it did not.
    """
    if not declares_tasks(client_capabilities):
        raise MissingCapability(TASKS_REQUIRED)


def may_see(admission: Admission, task: OwnedTask) -> bool:
    """Whether this caller may still use the tool that began the task.

    Raises:
        InsufficientScope: with more scopes.
    """
    access = admission.endpoint.endpoint.access
    match access.decide(admission.token.scopes, method="tools/call", tool=task.tool):
        case Allow():
            return True
        case Deny():
            return False
        case Needs(scopes):
            raise InsufficientScope(scopes)


async def permit_task(
    admission: Admission, request: Request, client_capabilities: bytes, handles: TaskHandles
) -> Permit:
    """Route a task's method to its owner and judge it.

    Raises:
        MissingCapability, InvalidParams, InsufficientScope: the caller may not.
        UnknownMethod: nobody here has tasks.
        BackendFailure: the owner cannot be had.
    """
    check_method(admission, request.method)
    try:
        check_declares_tasks(client_capabilities)
        task = _opened(admission, string_param(request, TASK_ID), handles)
    except (MissingCapability, InvalidParams):
        await _check_served(admission)
        raise
    peer = admission.endpoint.backends.peer(task.backend)
    if peer is None:
        raise BackendUnavailable(task.backend, "the backend is not of this endpoint any more")
    await peer.in_era(Era.MODERN)
    params = {name: raw for name, raw in (request.params or {}).items() if name != META}
    params[TASK_ID] = write_value(task.own_id)
    return Permit(
        admission=admission, peer=peer, method=request.method, params=params, target=task.tool
    )


def _opened(admission: Admission, handle: str, handles: TaskHandles) -> OwnedTask:
    task = handles.open(handle, admission)
    if not may_see(admission, task):
        raise InvalidParams("Unknown task")
    return task


async def _check_served(admission: Admission) -> None:
    listing = await admission.endpoint.backends.listing(Era.MODERN)
    if not any(declares_tasks(one.description.capabilities) for one in listing.present):
        raise UnknownMethod("Method not found")
