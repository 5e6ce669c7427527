"""A modern backend's result on its way to a modern client: judged, sealed where it has to be.

What it may be: complete, a question back (`input_required`), or a task. Whatever else it is, or is
to a client that did not ask for it, is no answer: the outcome is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import InvalidRequest, MalformedMessage, OutcomeUnknown
from gateway.permits import Permit
from gateway.protocol.input_required import (
    ASKING_METHODS,
    INPUT_REQUESTS,
    INPUT_REQUIRED,
    REQUEST_STATE,
    check_input_requests,
    read_input_required,
)
from gateway.protocol.raw_json import read_object, read_value, write_object, write_value
from gateway.protocol.results import COMPLETE, read_result_type, stamp, with_server_info
from gateway.protocol.tasks import (
    TASK,
    TASK_ID,
    TASK_METHODS,
    declares_tasks,
    read_life_s,
    read_task_id,
)
from gateway.request_states import RequestStates, is_retry
from gateway.task_handles import TaskHandles


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call as its client asked it: what its answer may be depends on both."""

    permit: Permit
    params: Mapping[str, bytes]
    client_capabilities: bytes
    server_info: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModernResults:
    """Judges results."""

    states: RequestStates
    tasks: TaskHandles

    def judged(self, result: bytes, asked: Asked) -> bytes:
        """The result as the client gets it.

        Raises:
            OutcomeUnknown: it is none for this client.
        """
        try:
            return self._by_type(result, asked)
        except MalformedMessage as error:
            backend = asked.permit.peer.name
            raise OutcomeUnknown(backend, "the answer is not a result") from error

    def _by_type(self, result: bytes, asked: Asked) -> bytes:
        method = asked.permit.method
        match read_result_type(result):
            case "complete" if method in TASK_METHODS:
                return self._about_task(result, asked)
            case "complete":
                may_be_cached = not is_retry(asked.params)
                return stamp(
                    result,
                    method=method,
                    server_info=asked.server_info,
                    may_be_cached=may_be_cached,
                )
            case kind if kind == INPUT_REQUIRED and method in ASKING_METHODS:
                return self._question(result, asked)
            case kind if kind == TASK and method == "tools/call":
                return self._new_task(result, asked)
            case _:
                raise InvalidRequest("A result of a type that this request does not have")

    def _question(self, result: bytes, asked: Asked) -> bytes:
        found = read_input_required(result, asked.client_capabilities)
        members = dict(found.members)
        if found.state is not None:
            members[REQUEST_STATE] = self.states.seal(found.state, asked.permit)
        return _written(members, asked)

    def _new_task(self, result: bytes, asked: Asked) -> bytes:
        if not declares_tasks(asked.client_capabilities):
            raise InvalidRequest("A task for a client that does not know tasks")
        members = read_object(result) or {}
        own_id = read_task_id(members.get(TASK_ID))
        life_s = read_life_s(members.get("ttlMs"))
        members[TASK_ID] = write_value(self.tasks.seal(own_id, asked.permit, life_s))
        return _written(members, asked)

    def _about_task(self, result: bytes, asked: Asked) -> bytes:
        members = read_object(result) or {}
        return _written(task_shown(members, asked) | {"resultType": COMPLETE}, asked)


def task_shown(members: Mapping[str, bytes], asked: Asked) -> dict[str, bytes]:
    """The state of a task, under the id that its client knows, if the client may be asked that.

    Raises:
        InvalidRequest: it is another task's, or asks what this client may not be asked.
    """
    shown = dict(members)
    if TASK_ID in shown:
        if read_value(shown[TASK_ID]) != read_value(asked.permit.params[TASK_ID]):
            raise InvalidRequest("The state of another task")
        shown[TASK_ID] = asked.params[TASK_ID]
    if INPUT_REQUESTS in shown:
        check_input_requests(shown[INPUT_REQUESTS], asked.client_capabilities)
    return shown


def _written(members: Mapping[str, bytes], asked: Asked) -> bytes:
    return write_object(with_server_info(members, asked.server_info))
