"""What is open on behalf of somebody, and ends when that somebody is signed out.

Rules
1. A revocation, a block or the suspension of the tenant ends what is open with the change of the
   view that tells of it (security case S08). Nobody polls.
2. A session that ends takes along what is open in it, and nothing else.
3. A view that is merely old ends nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from auth.errors import AuthError
from gateway.admission import Admission
from tenants.errors import TenantError
from tenants.model import TenantStatus
from tenants.session_records import Session
from tenants.session_rules import check_epoch
from tenants.view import View


@dataclass(slots=True, kw_only=True, eq=False)
class Held:
    """One open thing. `cut` ends it, at once and without waiting."""

    admission: Admission
    session: Session
    cut: Callable[[], object]
    is_cut: bool = False

    def end(self) -> None:
        """Cut it, once."""
        if not self.is_cut:
            self.is_cut = True
            self.cut()


@dataclass(slots=True)
class CutOffs:
    """Everything that is open in legacy sessions in this process. `now` is wall time."""

    now: Callable[[], float]
    _held: dict[Held, None] = field(default_factory=dict)

    @contextmanager
    def watching(
        self, admission: Admission, session: Session, cut: Callable[[], object]
    ) -> Iterator[Held]:
        """Have `cut` called if the caller is signed out, or the session ends, in the block."""
        held = Held(admission=admission, session=session, cut=cut)
        self._held[held] = None
        try:
            yield held
        finally:
            del self._held[held]

    def revisit(self, view: View) -> None:
        """Judge everything anew; for `View.on_change`."""
        for held in tuple(self._held):
            if not self._is_good(held, view):
                held.end()

    def end_session(self, session: Session) -> None:
        """This session is over."""
        for held in tuple(self._held):
            if held.session.key == session.key and held.session.owner == session.owner:
                held.end()

    def _is_good(self, held: Held, view: View) -> bool:
        admission, session = held.admission, held.session
        tenant = view.snapshot.tenants.get(admission.endpoint.tenant.tenant.slug)
        if tenant is None or tenant.status is not TenantStatus.ACTIVE:
            return False
        revocations = view.revocations
        epoch = revocations.session_epoch(admission.tenant, admission.principal, session.key)
        try:
            revocations.check_token(admission.tenant, admission.token, self.now())
            check_epoch(
                session,
                incarnation=view.snapshot.incarnation,
                epoch=epoch,
                seq_now=max(view.snapshot.seq, session.seq),
            )
        except (AuthError, TenantError):
            return False
        return True
