"""What a check comes to: findings, facts, a score.

The score begins at 100; each error rule that was broken costs 10, each warning 3, notes nothing,
however often a rule was broken; it ends at 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.check.rule import Finding, Rule, Severity

COST: Mapping[Severity, int] = {Severity.ERROR: 10, Severity.WARNING: 3, Severity.NOTE: 0}
FULL_SCORE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The judgement about one server. Everything in it is printable."""

    url: str
    server: str = ""
    """Its own name and version, as far as it says them."""
    revisions: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """What was seen and is right, for people: subject to words."""
    latency_s: float | None = None
    """The median of five pings, or discoveries where there is no ping."""
    requests: int = 0
    findings: Sequence[Finding] = ()

    @property
    def score(self) -> int:
        """0 to 100."""
        return max(0, FULL_SCORE - sum(COST[rule.severity] for rule in self.broken()))

    @property
    def has_errors(self) -> bool:
        """Whether a rule of severity error was broken."""
        return any(rule.severity is Severity.ERROR for rule in self.broken())

    def broken(self) -> dict[Rule, list[Finding]]:
        """The broken rules, most severe first within their group, with where each was."""
        broken: dict[Rule, list[Finding]] = {}
        for finding in self.findings:
            broken.setdefault(finding.rule, []).append(finding)
        return broken

    def document(self) -> dict[str, Any]:
        """The report as one JSON document."""
        return {
            "url": self.url,
            "server": self.server,
            "revisions": list(self.revisions),
            "score": self.score,
            "latency_ms": None if self.latency_s is None else round(self.latency_s * 1000, 1),
            "requests": self.requests,
            "facts": dict(self.facts),
            "findings": [_row(finding) for finding in self.findings],
        }


def _row(finding: Finding) -> dict[str, str]:
    rule = finding.rule
    return {
        "id": rule.id,
        "severity": rule.severity.value,
        "where": finding.where,
        "seen": finding.seen,
        "title": rule.title,
        "remedy": rule.remedy,
        "source": rule.source,
    }
