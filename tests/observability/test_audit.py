"""What the audit trail writes, and what it folds."""

from dataclasses import replace

import pytest

from observability.audit import MAX_COUNTED_SOURCES, AuditEvent, AuditKind, AuditTrail
from tests.observability.conftest import ReadableLog

REFUSAL = AuditEvent(
    kind=AuditKind.ACCESS_REFUSED,
    reason="expired",
    tenant="acme",
    source="192.0.2.1",
    request_id="r1",
)


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_refusal_is_a_line_with_its_reason_and_nothing_that_is_not_known(
    log: ReadableLog, clock: Clock
) -> None:
    AuditTrail(now=clock).record(REFUSAL)
    (line,) = log.lines()

    assert line.pop("timestamp")
    assert line == {
        "event": "audit",
        "level": "info",
        "kind": "access_refused",
        "reason": "expired",
        "tenant": "acme",
        "source": "192.0.2.1",
        "request_id": "r1",
    }


def test_above_100_a_second_refusals_are_folded_into_one_line_with_their_count(
    log: ReadableLog, clock: Clock
) -> None:
    trail = AuditTrail(now=clock)
    for _ in range(1000):
        trail.record(REFUSAL)
    assert len(log.lines()) == 100

    clock.time += 1
    trail.record(REFUSAL)
    lines = log.lines()

    assert len(lines) == 102
    assert lines[100]["folded"] == 900
    assert (lines[100]["tenant"], lines[100]["reason"]) == ("acme", "expired")
    assert "folded" not in lines[101]


def test_one_tenants_flood_does_not_hide_anothers_refusal(log: ReadableLog, clock: Clock) -> None:
    trail = AuditTrail(now=clock)
    for _ in range(500):
        trail.record(REFUSAL)
    trail.record(replace(REFUSAL, tenant="globex"))
    trail.record(replace(REFUSAL, reason="revoked"))
    trail.record(replace(REFUSAL, source="192.0.2.2"))

    assert len(log.lines()) == 103


def test_acts_of_administrators_are_never_folded(log: ReadableLog, clock: Clock) -> None:
    trail = AuditTrail(now=clock)
    act = AuditEvent(
        kind=AuditKind.SIGNED_OUT, reason="requested", actor="cli", scope="tenant", seq=0
    )
    for _ in range(500):
        trail.record(act)

    assert len(log.lines()) == 500
    assert log.lines()[0]["seq"] == 0


def test_what_was_folded_is_written_at_the_end_too(log: ReadableLog, clock: Clock) -> None:
    trail = AuditTrail(now=clock)
    for _ in range(101):
        trail.record(REFUSAL)
    trail.flush()
    trail.flush()

    assert [line.get("folded") for line in log.lines()[100:]] == [1]


def test_a_flood_from_many_sources_does_not_fill_the_memory(clock: Clock) -> None:
    written: list[object] = []
    trail = AuditTrail(now=clock, write=written.append)
    for n in range(MAX_COUNTED_SOURCES + 500):
        trail.record(replace(REFUSAL, source=f"2001:db8::{n:x}"))
    trail.flush()

    assert len(written) == MAX_COUNTED_SOURCES + 100 + 1
