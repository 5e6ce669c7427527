"""Finer shades of the failures behind the gateway, each still one of `gateway.errors`.

BackendUnavailable      nothing ran
 +- SessionForgotten    a legacy backend does not know our session; a new one may be opened
 +- CredentialRefused   the backend's 401 or 403: the gateway's credential for it is not good
 +- HandshakeRefused    the backend answered `initialize`, and not with a session
OutcomeUnknown
 +- NoAnswer            a status without a JSON-RPC message in it
"""

from gateway.errors import BackendUnavailable, OutcomeUnknown


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
