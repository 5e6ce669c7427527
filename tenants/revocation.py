"""Who is signed out and who is refused: the part of the change log that every request asks.

Rules
- A revocation signs out. A token passes iff `iat > CUT + clock_ahead_s` of its issuer for every
  scope that covers it, and its `jti` is not revoked. A session passes iff no `E` that covers it is
  above the sequence of its creation.
- A block refuses a token whatever its age, until it is lifted or its `until` has passed. It moves
  neither CUT nor E: what was not revoked works again afterwards.
- A session id is never minted twice, so a block of a session is its end, for good.
- CUT and E never fall.

Lookups are O(1) in the number of revocations. They visit only the shapes of scope that are in use:
with none, a check is two empty loops.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import NamedTuple, Self, TypeVar

from auth.access_token import AccessToken
from auth.errors import InvalidToken, TokenFault
from auth.principal import Principal
from tenants.changes import Change, ChangeKind
from tenants.revocation_scope import RevocationScope, ScopeKind

__all__ = ["RevocationScope", "Revocations", "ScopeKind"]

T = TypeVar("T")
_KeyOf = Callable[[str, Principal, str], Hashable]


class _Shape(NamedTuple):
    """A kind of scope and which of the narrowing members are given."""

    kind: ScopeKind
    in_tenant: bool
    at_issuer: bool


class _Mark(NamedTuple):
    """The cut-off and the epoch of one scope."""

    cut: float
    epoch: int


_Marks = Mapping[_Shape, Mapping[Hashable, _Mark]]
_Blocks = Mapping[_Shape, Mapping[Hashable, float]]

# How a scope of each shape is found again from (tenant, principal, token id or session key).
_KEYS: Mapping[_Shape, _KeyOf] = {
    _Shape(ScopeKind.GLOBAL, in_tenant=False, at_issuer=False): lambda _t, _p, _i: (),
    _Shape(ScopeKind.TENANT, in_tenant=True, at_issuer=False): lambda t, _p, _i: t,
    _Shape(ScopeKind.USER, in_tenant=False, at_issuer=True): (
        lambda _t, p, _i: (p.issuer, p.subject)
    ),
    _Shape(ScopeKind.USER, in_tenant=True, at_issuer=True): (
        lambda t, p, _i: (t, p.issuer, p.subject)
    ),
    _Shape(ScopeKind.CLIENT, in_tenant=False, at_issuer=False): lambda _t, p, _i: p.client_id,
    _Shape(ScopeKind.CLIENT, in_tenant=True, at_issuer=False): lambda t, p, _i: (t, p.client_id),
    _Shape(ScopeKind.CLIENT, in_tenant=False, at_issuer=True): (
        lambda _t, p, _i: (p.issuer, p.client_id)
    ),
    _Shape(ScopeKind.CLIENT, in_tenant=True, at_issuer=True): (
        lambda t, p, _i: (t, p.issuer, p.client_id)
    ),
    _Shape(ScopeKind.SESSION, in_tenant=False, at_issuer=False): lambda _t, _p, i: i,
    _Shape(ScopeKind.SESSION, in_tenant=True, at_issuer=False): lambda t, _p, i: (t, i),
    _Shape(ScopeKind.TOKEN, in_tenant=False, at_issuer=False): lambda _t, _p, i: i,
    _Shape(ScopeKind.TOKEN, in_tenant=True, at_issuer=False): lambda t, _p, i: (t, i),
    _Shape(ScopeKind.TOKEN, in_tenant=False, at_issuer=True): lambda _t, p, i: (p.issuer, i),
    _Shape(ScopeKind.TOKEN, in_tenant=True, at_issuer=True): lambda t, p, i: (t, p.issuer, i),
}


@dataclass(frozen=True, slots=True)
class Revocations:
    """All revocations and blocks as of one sequence number. Immutable; `applying` makes the next.

    Make the first with `Revocations()`.
    """

    seq: int = 0
    _marks: _Marks = field(default_factory=dict)
    _blocks: _Blocks = field(default_factory=dict)
    _token_marks: tuple[tuple[_KeyOf, Mapping[Hashable, _Mark]], ...] = ()
    _session_marks: tuple[tuple[_KeyOf, Mapping[Hashable, _Mark]], ...] = ()
    _token_blocks: tuple[tuple[_KeyOf, Mapping[Hashable, float]], ...] = ()

    def check_token(self, tenant: str, token: AccessToken, now: float) -> None:
        """Let the token pass, or not. `now` is in seconds since the epoch.

        Raises:
            InvalidToken: BLOCKED or REVOKED.
        """
        for key_of, blocks in self._token_blocks:
            until = blocks.get(key_of(tenant, token.principal, token.token_id))
            if until is not None and now < until:
                raise InvalidToken(TokenFault.BLOCKED)
        for key_of, marks in self._token_marks:
            mark = marks.get(key_of(tenant, token.principal, token.token_id))
            if mark is not None and not token.issued_at > mark.cut + token.clock_ahead_s:
                raise InvalidToken(TokenFault.REVOKED)

    def session_epoch(self, tenant: str, principal: Principal, session_key: str) -> int:
        """The highest E that covers the session; one created at a lower sequence has ended."""
        epoch = 0
        for key_of, marks in self._session_marks:
            mark = marks.get(key_of(tenant, principal, session_key))
            if mark is not None and mark.epoch > epoch:
                epoch = mark.epoch
        return epoch

    @property
    def global_cut(self) -> float:
        """The cut-off of everything; 0 when there is none."""
        marks = self._marks.get(_Shape(ScopeKind.GLOBAL, in_tenant=False, at_issuer=False), {})
        return max((mark.cut for mark in marks.values()), default=0)

    def at(self, seq: int) -> Self:
        """The same, known to be true up to `seq`."""
        return replace(self, seq=seq)

    def applying(self, changes: Iterable[Change]) -> Self:
        """The next value: `changes` in the order of the log; what was applied before is skipped."""
        news = [change for change in changes if change.seq > self.seq]
        if not news:
            return self
        marks = {shape: dict(table) for shape, table in self._marks.items()}
        blocks = {shape: dict(table) for shape, table in self._blocks.items()}
        for change in news:
            if change.scope is not None:
                _apply(change, change.scope, marks, blocks)
        return type(self)(
            news[-1].seq,
            marks,
            blocks,
            _token_marks=_tables(marks, leaving_out=ScopeKind.SESSION),
            _session_marks=_tables(marks, leaving_out=ScopeKind.TOKEN),
            _token_blocks=_tables(blocks, leaving_out=ScopeKind.SESSION),
        )


def _tables(
    by_shape: Mapping[_Shape, Mapping[Hashable, T]], *, leaving_out: ScopeKind
) -> tuple[tuple[_KeyOf, Mapping[Hashable, T]], ...]:
    return tuple(
        (_KEYS[shape], table)
        for shape, table in by_shape.items()
        if table and shape.kind is not leaving_out
    )


def _apply(
    change: Change,
    scope: RevocationScope,
    marks: dict[_Shape, dict[Hashable, _Mark]],
    blocks: dict[_Shape, dict[Hashable, float]],
) -> None:
    shape, key = _place(scope)
    is_block = change.kind is ChangeKind.BLOCK and scope.kind is not ScopeKind.SESSION
    if change.kind is ChangeKind.UNBLOCK:
        blocks.get(shape, {}).pop(key, None)
    elif is_block:
        blocks.setdefault(shape, {})[key] = inf if change.until is None else change.until
    else:
        table = marks.setdefault(shape, {})
        before = table.get(key, _Mark(0, 0))
        # A revoked `jti` is denied whatever its `iat` says.
        cut = inf if scope.kind is ScopeKind.TOKEN else change.cut
        table[key] = _Mark(max(before.cut, cut), max(before.epoch, change.seq))


def _place(scope: RevocationScope) -> tuple[_Shape, Hashable]:
    shape = _Shape(scope.kind, scope.tenant is not None, scope.issuer is not None)
    named = Principal(
        issuer=scope.issuer or "", subject=scope.subject or "", client_id=scope.client_id or ""
    )
    last = scope.token_id or scope.session_key or ""
    return shape, _KEYS[shape](scope.tenant or "", named, last)
