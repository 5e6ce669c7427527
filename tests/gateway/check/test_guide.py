"""The guide lists every rule, as it is."""

from gateway.check.report import COST
from gateway.check.rule import Rule
from gateway.check.rules import ALL, GROUPS
from tests.rigs.child import ROOT

GUIDE = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")


def row(rule: Rule) -> str:
    return f"| `{rule.id}` | {rule.severity.value} | {rule.title} | {rule.source} |"


def table(group: str) -> str:
    rows = [row(rule) for rule in ALL if rule.group == group]
    return "\n".join(["| id | severity | what | source |", "|---|---|---|---|", *rows]) + "\n"


def test_every_rule_is_in_the_guide_as_it_is() -> None:
    missing = [group for group in GROUPS if f"### {GROUPS[group]}\n\n{table(group)}" not in GUIDE]

    assert missing == []


def test_the_guide_says_how_the_score_comes_about() -> None:
    costs = [f"{severity.value} {cost}" for severity, cost in COST.items()]

    assert [cost for cost in costs if cost not in GUIDE] == []
