"""What a client holds for the gateway and brings back: sealed to whom it was given.

Rules (security case J27)
1. A handle opens for the tenant, principal and endpoint that it was sealed for, and for what else
   it is bound to, and for nobody and nothing else.
2. It remembers the change log's sequence at the admission of the request that it answers. A
   revocation after that, of anything that covers the principal, is its end: a new sign-in does not
   bring it back. So is a registry that begins another history.
3. Whatever is wrong with a handle, it is only ever invalid.
"""

import struct
from collections.abc import Callable

from gateway.admission import Admission
from tenants.keyspace import framed
from tenants.seals import InvalidSeal, Seal
from tenants.view import View

_HEAD = struct.Struct(">Qd")
"""The sequence, and the time from which on it is not accepted."""


class SealedHandles:
    """Handles of one purpose."""

    def __init__(self, seal: Seal, view: View, *, now: Callable[[], float]) -> None:
        self._seal = seal
        self._view = view
        self._now = now

    def seal(
        self, payload: bytes, admission: Admission, *bound_to: str | bytes, life_s: float
    ) -> str:
        """A handle for `payload`, good for `life_s`."""
        head = _HEAD.pack(admission.seq, self._now() + life_s)
        return self._seal.seal(head + payload, bound_to=_binding(admission, *bound_to))

    def open(
        self, handle: str, admission: Admission, *bound_to: str | bytes, max_life_s: float
    ) -> bytes:
        """Give the payload back.

        Raises:
            InvalidSeal: whatever is wrong with it.
        """
        plain = self._seal.open(
            handle, bound_to=_binding(admission, *bound_to), max_age_s=max_life_s
        )
        seq, until = _HEAD.unpack_from(plain)
        if self._now() > until:
            raise InvalidSeal("too old")
        epoch = self._view.revocations.session_epoch(admission.tenant, admission.principal, "")
        if epoch > seq:
            raise InvalidSeal("revoked")
        return plain[_HEAD.size :]


def _binding(admission: Admission, *bound_to: str | bytes) -> bytes:
    principal = admission.principal
    return framed(
        admission.tenant,
        admission.endpoint.endpoint.name,
        principal.issuer,
        principal.subject,
        principal.client_id,
        admission.incarnation,
        *bound_to,
    )
