"""Everything that a check can find, by group, in the order of the report."""

from collections.abc import Mapping, Sequence
from types import ModuleType

from gateway.check.rule import Rule
from gateway.check.rules import (
    authorization,
    catalogue,
    errors,
    messages,
    revisions,
    security,
    sessions,
    streaming,
)

GROUPS: Mapping[str, str] = {
    "revisions": "Revisions",
    "messages": "Messages",
    "errors": "Errors",
    "streaming": "Streaming",
    "sessions": "Sessions",
    "authorization": "Authorization",
    "security": "Security",
    "catalogue": "Names and schemas",
}
"""The groups of a report and their titles."""


def _rules_of(module: ModuleType) -> list[Rule]:
    return [value for value in vars(module).values() if isinstance(value, Rule)]


ALL: Sequence[Rule] = tuple(
    rule
    for module in (
        revisions,
        messages,
        errors,
        streaming,
        sessions,
        authorization,
        security,
        catalogue,
    )
    for rule in _rules_of(module)
)
"""Every rule there is."""
