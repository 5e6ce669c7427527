"""A change as a row of the log and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenants.changes import Change, ChangeKind, TenantsTouched
from tenants.revocation_scope import RevocationScope
from tenants.tenant_rows import decode, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """What only some kinds of change have."""

    until: float | None = None
    touched: TenantsTouched | None = None


def row_of(change: Change) -> dict[str, Any]:
    """The row to insert."""
    return {
        "seq": change.seq,
        "kind": change.kind.value,
        "scope": encode(change.scope) if change.scope else None,
        "at": change.at,
        "actor": change.actor,
        "reason": change.reason,
        "body": encode(_Body(until=change.until, touched=change.touched)),
    }


def change_of(row: Mapping[Any, Any]) -> Change:
    """The change that this row is. Raises RegistryUnavailable when it is none."""
    body = decode(row["body"], _Body) if row["body"] else _Body()
    return Change(
        seq=row["seq"],
        kind=ChangeKind(row["kind"]),
        at=row["at"],
        actor=row["actor"],
        reason=row["reason"],
        scope=decode(row["scope"], RevocationScope) if row["scope"] else None,
        until=body.until,
        touched=body.touched,
    )
