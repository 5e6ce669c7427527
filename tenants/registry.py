"""The registry: what must survive anything. Tenants, and the change log that everyone follows.

Rules
- A write and its rows in the change log are one transaction. The sequence has no gaps: one
  increment is one change. Nothing that was written is acknowledged before it is on the disk.
- A slug is never given out again: a deleted tenant leaves a tombstone.
- A tenant that is switched on again is revoked as a whole in the same transaction: sessions and
  tokens from before its suspension stay dead.
- Revocations are kept for as long as something may live that they end (`RETENTION_S`).
"""

import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tenants.change_rows import change_of, row_of
from tenants.changes import Change, ChangeKind, Head, TenantsTouched
from tenants.configuration import difference, switched_on
from tenants.database import LOAD_TIMEOUT_S, Database, Transaction
from tenants.errors import Fault, InvalidDefinition
from tenants.model import Slug, Snapshot, Tenant
from tenants.revocation import Revocations
from tenants.revocation_scope import RevocationScope, ScopeKind
from tenants.tenant_rows import rows_of, tenants_of

RETENTION_S = (24 + 12) * 3600
"""The longest life of a token (`tenants.definitions`) and of a session, one after the other."""

_KINDS_OF_REVOCATIONS = frozenset(ChangeKind) - {ChangeKind.CONFIGURATION}
_KINDS_THAT_AGE = frozenset(
    {ChangeKind.REVOCATION, ChangeKind.SESSION_END, ChangeKind.CONFIGURATION}
)
_MANY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything a process must know, as of one moment."""

    snapshot: Snapshot
    revocations: Revocations


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened after a head that a process knows.

    `tenants` holds what `changes` touched, None for those that are gone. Both are empty when the
    head is of another incarnation: there is nothing to go on from.
    """

    head: Head
    changes: tuple[Change, ...] = ()
    tenants: Mapping[Slug, Tenant | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Author:
    """Who writes to the log, why and when."""

    actor: str
    reason: str
    at: float


class Registry:
    """The registry database, by meaning. Every method raises RegistryUnavailable."""

    def __init__(self, database: Database, *, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        now: Callable[[], float] = time.time,
        new_incarnation: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> Self:
        """Open the registry at a database URL, making or migrating it as needed.

        Any number of processes may do so at once.
        """
        database = await Database.open(url)
        try:
            await _begin_history(database, new_incarnation())
        except BaseException:
            await database.close()
            raise
        return cls(database, now=now)

    @property
    def commands(self) -> int:
        """How many statements were sent to the database so far."""
        return self._database.commands

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()

    async def head(self) -> tuple[str, int]:
        """The incarnation and the sequence number of the last change."""
        async with self._database.reading() as transaction:
            return await transaction.head()

    async def load(self) -> Snapshot:
        """All tenants."""
        async with self._database.reading(LOAD_TIMEOUT_S) as transaction:
            return await _snapshot(transaction)

    async def picture(self) -> Picture:
        """All tenants and all revocations, of the same moment."""
        async with self._database.reading(LOAD_TIMEOUT_S) as transaction:
            snapshot = await _snapshot(transaction)
            rows = await transaction.changes_after(0, _KINDS_OF_REVOCATIONS)
        revocations = Revocations().applying(map(change_of, rows)).at(snapshot.seq)
        return Picture(snapshot=snapshot, revocations=revocations)

    async def changes_after(self, seq: int) -> list[Change]:
        """The log after `seq`, in order."""
        async with self._database.reading() as transaction:
            return [change_of(row) for row in await transaction.changes_after(seq)]

    async def news(self, since: Head) -> News:
        """What happened after `since`, with the tenants that it touched, of the same moment."""
        async with self._database.reading(LOAD_TIMEOUT_S) as transaction:
            head = Head(*await transaction.head())
            if head.incarnation != since.incarnation or head.seq <= since.seq:
                return News(head=head)
            changes = tuple(map(change_of, await transaction.changes_after(since.seq)))
            touched = frozenset[str]().union(
                *(change.touched.every_slug() for change in changes if change.touched)
            )
            found = await _tenants(transaction, touched) if touched else {}
        return News(
            head=head,
            changes=changes,
            tenants={Slug(slug): found.get(Slug(slug)) for slug in sorted(touched)},
        )

    async def replace_tenants(
        self,
        tenants: Mapping[Slug, Tenant],
        *,
        actor: str = "configuration",
        reason: str = "",
        burn: bool = True,
    ) -> int:
        """Make `tenants` all there are; the sequence number in force. No difference, no change.

        `burn` is False in development alone: slugs of deleted tenants may come back.

        Raises:
            InvalidDefinition: a slug was deleted before.
        """
        async with self._database.writing(LOAD_TIMEOUT_S) as transaction:
            stored = await _tenants(transaction)
            touched = difference(stored, tenants)
            if not touched:
                return (await transaction.head())[1]
            if burn:
                _refuse_burned(await transaction.deleted_slugs() & tenants.keys())
            author = _Author(actor, reason, self._now())
            await _store(transaction, tenants, touched, deleted_at=author.at if burn else None)
            for slug in switched_on(stored, tenants):
                scope = RevocationScope(kind=ScopeKind.TENANT, tenant=slug)
                await _log(transaction, ChangeKind.REVOCATION, author, scope=scope)
            configured = await _log(transaction, ChangeKind.CONFIGURATION, author, touched=touched)
            return configured.seq

    async def revoke(self, scope: RevocationScope, *, actor: str, reason: str) -> Change:
        """Sign out whatever `scope` covers: what is older dies, a new sign-in works."""
        return await self._record(ChangeKind.REVOCATION, scope, actor, reason)

    async def block(
        self, scope: RevocationScope, *, until: float | None = None, actor: str, reason: str
    ) -> Change:
        """Refuse whatever `scope` covers until `until` (seconds since the epoch) or `unblock`.

        The last block of a scope counts. A session cannot be refused for a while: it ends.
        """
        return await self._record(ChangeKind.BLOCK, scope, actor, reason, until=until)

    async def unblock(self, scope: RevocationScope, *, actor: str = "", reason: str = "") -> Change:
        """Lift the block of exactly this scope."""
        return await self._record(ChangeKind.UNBLOCK, scope, actor, reason)

    async def end_session(
        self, session_key: str, *, tenant: str, actor: str, reason: str
    ) -> Change:
        """End one session, and that session only."""
        scope = RevocationScope(kind=ScopeKind.SESSION, tenant=tenant, session_key=session_key)
        return await self._record(ChangeKind.SESSION_END, scope, actor, reason)

    async def move_incarnation(self, expected: str, *, revoking_all: str | None = None) -> str:
        """Begin another incarnation unless somebody did already; the one in force.

        It ends every session. `revoking_all` is the reason for ending every token as well, when
        revocations may have been lost: nobody can say which, so all of them are covered.
        """
        async with self._database.writing() as transaction:
            current, _ = await transaction.head()
            if current != expected:
                return current
            new = secrets.token_hex(16)
            await transaction.replace_incarnation(expected, new)
            if revoking_all is not None:
                author = _Author("portcullis", revoking_all, self._now())
                scope = RevocationScope(kind=ScopeKind.GLOBAL)
                await _log(transaction, ChangeKind.REVOCATION, author, scope=scope)
            return new

    async def forget_old_changes(self) -> int:
        """Drop what nothing that still lives could be older than; how many rows went."""
        async with self._database.writing() as transaction:
            return await transaction.drop_changes(
                before=self._now() - RETENTION_S, kinds=_KINDS_THAT_AGE
            )

    async def _record(
        self,
        kind: ChangeKind,
        scope: RevocationScope,
        actor: str,
        reason: str,
        *,
        until: float | None = None,
    ) -> Change:
        author = _Author(actor, reason, self._now())
        async with self._database.writing() as transaction:
            return await _log(transaction, kind, author, scope=scope, until=until)


async def _begin_history(database: Database, incarnation: str) -> None:
    async with database.reading() as transaction:
        if await transaction.has_history():
            return
    async with database.writing() as transaction:
        # Asked again under the lock: another process may have been here in between.
        if not await transaction.has_history():
            await transaction.begin_history(incarnation)


async def _snapshot(transaction: Transaction) -> Snapshot:
    incarnation, seq = await transaction.head()
    return Snapshot(incarnation=incarnation, seq=seq, tenants=await _tenants(transaction))


async def _tenants(
    transaction: Transaction, slugs: Collection[str] | None = None
) -> dict[Slug, Tenant]:
    # Databases bound the number of parameters; so many are nearly all of them anyway.
    named = None if slugs is None or len(slugs) > _MANY else slugs
    return tenants_of(await transaction.tenant_rows(named))


def _refuse_burned(slugs: Collection[str]) -> None:
    if slugs:
        message = "was deleted, and its name is never given out again"
        raise InvalidDefinition([Fault(f"tenants.{slug}", message) for slug in sorted(slugs)])


async def _store(
    transaction: Transaction,
    tenants: Mapping[Slug, Tenant],
    touched: TenantsTouched,
    *,
    deleted_at: float | None,
) -> None:
    written = [tenants[Slug(slug)] for slug in (*touched.added, *touched.changed)]
    await transaction.erase_tenants(touched.every_slug())
    await transaction.add_rows(rows_of(written))
    if deleted_at is not None:
        await transaction.add_rows(
            {"tenants": [_tombstone(s, deleted_at) for s in touched.removed]}
        )


def _tombstone(slug: str, deleted_at: float) -> dict[str, Any]:
    return {"slug": slug, "definition": "", "deleted_at": deleted_at}


async def _log(
    transaction: Transaction,
    kind: ChangeKind,
    author: _Author,
    *,
    scope: RevocationScope | None = None,
    until: float | None = None,
    touched: TenantsTouched | None = None,
) -> Change:
    change = Change(
        seq=await transaction.next_seq(),
        kind=kind,
        at=author.at,
        actor=author.actor,
        reason=author.reason,
        scope=scope,
        until=until,
        touched=touched,
    )
    await transaction.add_change(row_of(change))
    return change
