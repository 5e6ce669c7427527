"""What can be found: a rule is a row of a table, a finding is one place that broke it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is. Only errors make the check fail."""

    ERROR = "error"
    """The specification says MUST, or clients cannot work with it."""
    WARNING = "warning"
    """The specification says SHOULD, or some clients stumble."""
    NOTE = "note"
    """Worth knowing; costs nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a server may do wrong. `id` is stable: `group.name`."""

    id: str
    severity: Severity
    title: str
    remedy: str
    source: str
    """Where it is written that it is wrong, or who complained."""

    @property
    def group(self) -> str:
        """The part of the report that it belongs to."""
        return self.id.partition(".")[0]

    def at(self, where: str, seen: str) -> "Finding":
        """This rule, broken at one place."""
        return Finding(self, where, seen)


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule: `where` is a method, a tool or a URL, `seen` is printable whatever came."""

    rule: Rule
    where: str
    seen: str
