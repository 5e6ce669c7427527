"""What a revocation or a block covers.

Rule: a scope names exactly the members of its kind. `tenant` narrows any of them but `global` to
one tenant; without it a user, client, session or token is meant in every tenant. `issuer` is part
of a user, because a subject means nothing without it, and narrows a client or a token, whose ids
are only as unique as their issuers make them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ScopeKind(StrEnum):
    """The breadth of a scope, widest first."""

    GLOBAL = "global"
    TENANT = "tenant"
    USER = "user"
    CLIENT = "client"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind of scope, not a secret


_NEEDED: Mapping[ScopeKind, frozenset[str]] = {
    ScopeKind.GLOBAL: frozenset(),
    ScopeKind.TENANT: frozenset({"tenant"}),
    ScopeKind.USER: frozenset({"issuer", "subject"}),
    ScopeKind.CLIENT: frozenset({"client_id"}),
    ScopeKind.SESSION: frozenset({"session_key"}),
    ScopeKind.TOKEN: frozenset({"token_id"}),
}
_NARROWING: Mapping[ScopeKind, frozenset[str]] = {
    ScopeKind.GLOBAL: frozenset(),
    ScopeKind.TENANT: frozenset(),
    ScopeKind.USER: frozenset({"tenant"}),
    ScopeKind.CLIENT: frozenset({"tenant", "issuer"}),
    ScopeKind.SESSION: frozenset({"tenant"}),
    ScopeKind.TOKEN: frozenset({"tenant", "issuer"}),
}
_MEMBERS = ("tenant", "issuer", "subject", "client_id", "session_key", "token_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationScope:
    """Everything, a tenant, a user (iss, sub), a client, a session or a token (`jti`).

    Raises:
        ValueError: a member of the kind is missing or empty, or one does not belong to it.
    """

    kind: ScopeKind
    tenant: str | None = None
    issuer: str | None = None
    subject: str | None = None
    client_id: str | None = None
    session_key: str | None = None
    token_id: str | None = None

    def __post_init__(self) -> None:
        given = self.members()
        needed = _NEEDED[self.kind]
        for name in sorted(needed - given.keys()):
            raise ValueError(f"a {self.kind} scope needs {name}")
        for name in sorted(given.keys() - needed - _NARROWING[self.kind]):
            raise ValueError(f"a {self.kind} scope has no {name}")
        for name, value in given.items():
            if not value:
                raise ValueError(f"{name} of a {self.kind} scope is empty")

    def members(self) -> dict[str, str]:
        """The members that are given, by name."""
        pairs = ((name, getattr(self, name)) for name in _MEMBERS)
        return {name: value for name, value in pairs if value is not None}
