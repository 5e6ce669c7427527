"""Finer shades of the failures behind the gateway, each still one of `gateway.errors`.

BackendUnavailable      nothing ran
 +- SessionForgotten    a legacy backend does not know our session; a new one may be opened
 +- CredentialRefused   the backend's 401 or 403: the gateway's credential for it is not good
 +- HandshakeRefused    the backend answered `initialize`, and not with a session
OutcomeUnknown
 +- NoAnswer            a status without a JSON-RPC message in it
 +- StreamPaused        a stream that can be gone on with ended before its answer
NoStream                the backend offers no stream of its own: no failure, it need not
"""

from gateway.errors import BackendFailure, BackendUnavailable, OutcomeUnknown


class SessionForgotten(BackendUnavailable):
    """The backend answered 404 for a session: it ended, and nothing ran."""

    def __init__(self, backend: str) -> None:
        super().__init__(backend, "the backend has forgotten the session")


class CredentialRefused(BackendUnavailable):
    """The backend refused what the gateway presented; the client's token never went there."""

    def __init__(self, backend: str) -> None:
        super().__init__(backend, "the backend refused the gateway's credential")


class HandshakeRefused(BackendUnavailable):
    """The backend is there and refuses to initialize: it does not serve the legacy era."""

    def __init__(self, backend: str) -> None:
        super().__init__(backend, "the backend refused to initialize")


class NoAnswer(OutcomeUnknown):
    """The backend answered with an HTTP status and no JSON-RPC message."""

    def __init__(self, backend: str, status: int) -> None:
        super().__init__(backend, "the backend's answer is not a JSON-RPC message")
        self.status = status


class StreamPaused(OutcomeUnknown):
    """The stream ended behind an event with an id, and can be gone on with in a while."""

    def __init__(self, backend: str, *, event_id: str, retry_s: float) -> None:
        super().__init__(backend, "the stream ended without an answer")
        self.event_id = event_id
        self.retry_s = retry_s


class NoStream(BackendFailure):
    """The backend has nothing to say outside of answers, which every revision allows."""

    reason = "no_stream"
