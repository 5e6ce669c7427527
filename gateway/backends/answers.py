"""What one message of a backend is: pure judgement, no network (security cases U15 and U16).

Rules
1. Every message is strictly scanned before anything in it is believed.
2. An answer is ours only if it carries exactly our id, and only the first one is.
3. What is not understood proves nothing about the call: OutcomeUnknown.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import BackendRefused, MalformedMessage, OutcomeUnknown
from gateway.protocol.messages import Notification, Request, Response, read_message
from gateway.protocol.scan import RESPONSE_LIMITS


@dataclass(frozen=True, slots=True)
class BackendNotification:
    """A notification that belongs to the call. `raw` is the whole message."""

    message: Notification
    raw: bytes


@dataclass(frozen=True, slots=True)
class BackendResult:
    """The answer: `raw` is the result, a JSON object."""

    raw: bytes


BackendMessage = BackendNotification | BackendResult
Verdict = BackendMessage | BackendRefused | Request


class AnswerJudge:
    """Tells what each message on the stream of one call means."""

    def __init__(self, backend: str, request_id: int) -> None:
        self._backend = backend
        self._id = str(request_id).encode()
        self._is_answered = False

    def judge(self, raw: bytes) -> Verdict:
        """One message: a notification, a request of the backend's own, or the answer.

        Raises:
            OutcomeUnknown: none of these.
        """
        message = self._read(raw)
        match message:
            case Notification():
                return BackendNotification(message, raw)
            case Request():
                return message
            case Response():
                return self._answer(message, message.id)

    def judge_error(self, raw: bytes) -> BackendRefused | None:
        """The body of a 4xx or 5xx: the refusal in it, None when it holds none.

        Here the id may be null: the backend may have refused before it read one.
        """
        try:
            message = self._read(raw)
        except OutcomeUnknown:
            return None
        if not isinstance(message, Response) or message.error is None:
            return None
        if message.id not in {None, self._id}:
            return None
        return self._refusal(message)

    def _read(self, raw: bytes) -> Notification | Request | Response:
        try:
            return read_message(raw, RESPONSE_LIMITS)
        except MalformedMessage as error:
            raise OutcomeUnknown(
                self._backend, "the backend's answer is not a JSON-RPC message"
            ) from error

    def _answer(
        self, message: Response, message_id: bytes | None
    ) -> BackendResult | BackendRefused:
        if message_id != self._id:
            raise OutcomeUnknown(self._backend, "the backend answered another request")
        if self._is_answered:
            raise OutcomeUnknown(self._backend, "the backend answered twice")
        self._is_answered = True
        if message.result is not None:
            return BackendResult(message.result)
        return self._refusal(message)

    def _refusal(self, message: Response) -> BackendRefused:
        error = message.error
        if error is None:
            raise OutcomeUnknown(self._backend)
        return BackendRefused(
            self._backend, code=error.code, message=error.message, data=error.data
        )


class EventRate:
    """Counts events in windows of one second."""

    def __init__(self, per_s: int, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._clock = clock
        self._window = clock()
        self._count = 0

    def is_exceeded_by(self, events: int) -> bool:
        """Whether so many more are too many for this second."""
        now = self._clock()
        if now - self._window >= 1:
            self._window, self._count = now, 0
        self._count += events
        return self._count > self._per_s
