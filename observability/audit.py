"""The audit's words: decisions about security and administration, each with a stable reason.

Rules
- Every refusal and every administrative act is an event. What an event may say are the members of
  `AuditEvent`; identifiers of people and sessions come hashed.
- Refusals on the data path are written one by one up to `MAX_REFUSALS_PER_S` for each tenant,
  reason and source; what is above is one line with a count when its second is over. Acts of
  administrators are never folded.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from observability import events
from observability.logs import timestamp, write_fields
from observability.semconv import OTHER

MAX_REFUSALS_PER_S = 100
MAX_COUNTED_SOURCES = 10_000


class AuditKind(StrEnum):
    """What happened."""

    ACCESS_REFUSED = "access_refused"
    ANSWER_UNSOLICITED = "answer_unsolicited"
    SESSION_CREATED = "session_created"
    SESSION_ENDED = "session_ended"
    SIGNED_OUT = "signed_out"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    CONFIGURATION_CHANGED = "configuration_changed"
    TENANT_CHANGED = "tenant_changed"
    KEYS_CHANGED = "keys_changed"
    EGRESS_REFUSED = "egress_refused"
    DEFINITION_CHANGED = "definition_changed"

    @property
    def is_foldable(self) -> bool:
        """Whether clients can cause it as often as they like."""
        return self in {self.ACCESS_REFUSED, self.ANSWER_UNSOLICITED, self.EGRESS_REFUSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One decision. Empty members are not known or do not apply.

    `principal`, `session` are hashes; `actor` is the administrator or RFC 8693 actor; `source` the
    client's address; `scope` what an act covered, in words; `seq` its place in the change log.
    """

    kind: AuditKind
    reason: str
    tenant: str = ""
    endpoint: str = ""
    principal: str = ""
    session: str = ""
    actor: str = ""
    source: str = ""
    request_id: str = ""
    scope: str = ""
    seq: int | None = None


@dataclass(slots=True)
class _Second:
    """Who was refused how often within one second."""

    number: int = -1
    counts: dict[tuple[str, str, str, str], int] = field(default_factory=dict)


class AuditTrail:
    """Takes audit events; writes them to the log. `now` is a clock in seconds."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        write: Callable[[dict[str, Any]], None] = write_fields,
    ) -> None:
        self._now = now
        self._write = write
        self._second = _Second()

    def record(self, event: AuditEvent) -> None:
        """Write the event, or count it when its like were too many in this second."""
        self._turn(int(self._now()))
        if not event.kind.is_foldable or self._count(event) <= MAX_REFUSALS_PER_S:
            self._write(_fields(event))

    def flush(self) -> None:
        """Write the counts of what was folded, whether or not its second is over."""
        folded, self._second.counts = self._second.counts, {}
        for (kind, tenant, reason, source), count in folded.items():
            if count > MAX_REFUSALS_PER_S:
                self._write(_folded(kind, tenant, reason, source, count - MAX_REFUSALS_PER_S))

    def _turn(self, second: int) -> None:
        if second != self._second.number:
            self.flush()
            self._second.number = second

    def _count(self, event: AuditEvent) -> int:
        counts = self._second.counts
        key = (event.kind.value, event.tenant, event.reason, event.source)
        if key not in counts and len(counts) >= MAX_COUNTED_SOURCES:
            key = (event.kind.value, event.tenant, event.reason, OTHER)
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


def _fields(event: AuditEvent) -> dict[str, Any]:
    members = {
        "kind": event.kind.value,
        "reason": event.reason,
        "tenant": event.tenant,
        "endpoint": event.endpoint,
        "principal": event.principal,
        "session": event.session,
        "actor": event.actor,
        "source": event.source,
        "request_id": event.request_id,
        "scope": event.scope,
        "seq": event.seq,
    }
    return _head() | {name: value for name, value in members.items() if value not in {"", None}}


def _folded(kind: str, tenant: str, reason: str, source: str, count: int) -> dict[str, Any]:
    members = {"tenant": tenant, "source": source}
    known = {name: value for name, value in members.items() if value}
    return _head() | {"kind": kind, "reason": reason, **known, "folded": count}


def _head() -> dict[str, Any]:
    return {"event": events.AUDIT, "level": "info", "timestamp": timestamp()}
