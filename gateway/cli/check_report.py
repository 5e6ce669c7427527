"""A report of `portcullis check` for people: what was seen, then what is wrong, by group."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from gateway.check.report import FULL_SCORE, Report
from gateway.check.rule import Finding, Rule, Severity
from gateway.check.rules import GROUPS

PLACES = 3
_INDENT = 10
_LABEL = 7
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def say_report(report: Report) -> None:
    """Write a report to stdout."""
    console = Console(markup=False, highlight=False, soft_wrap=False)
    for line in head_of(report):
        console.print(line, soft_wrap=True)
    for group, broken in groups_of(report):
        console.print(Text(f"\n{GROUPS[group]}", style="bold"))
        for rule, findings in broken:
            _say_rule(console, rule, findings)
    console.print(f"\n{summary_of(report)}")


def head_of(report: Report) -> Iterator[str]:
    """What was seen, one line each."""
    yield report.url
    yield f"  server: {report.server or 'did not say'}"
    yield f"  revisions: {', '.join(report.revisions) or 'none'}"
    for name, value in report.facts.items():
        yield f"  {name}: {value}"
    if report.latency_s is not None:
        yield f"  latency: {report.latency_s * 1000:.1f} ms, median of five"


def groups_of(report: Report) -> Iterator[tuple[str, list[tuple[Rule, list[Finding]]]]]:
    """The broken rules by group, in the order of the report."""
    broken = report.broken()
    for group in GROUPS:
        own = [(rule, found) for rule, found in broken.items() if rule.group == group]
        if own:
            yield group, own


def places_of(findings: Sequence[Finding]) -> str:
    """Where a rule was broken, the first few places."""
    places = list(dict.fromkeys(finding.where for finding in findings))
    more = len(places) - PLACES
    return ", ".join(places[:PLACES]) + (f" and {more} more" if more > 0 else "")


def summary_of(report: Report) -> str:
    """The score and how it came about."""
    severities = [rule.severity for rule in report.broken()]
    counts = ", ".join(_count(severities.count(each), each) for each in Severity)
    score = f"score {report.score} of {FULL_SCORE}"
    return f"{score}: {counts}; {report.requests} requests"


def _count(number: int, severity: Severity) -> str:
    return f"{number} {severity.value}{'' if number == 1 else 's'}"


def _say_rule(console: Console, rule: Rule, findings: Sequence[Finding]) -> None:
    first, *more = _wrapped(f"{rule.title} [{rule.id}]", console.width - _INDENT)
    head = Text(f"  {rule.severity.value:<{_INDENT - 2}}", style=_STYLES[rule.severity])
    console.print(head + Text(first, style="default"))
    for line in more:
        console.print(" " * _INDENT + line)
    lines = {
        "where": places_of(findings),
        "seen": findings[0].seen,
        "do": rule.remedy,
        "see": rule.source,
    }
    for name, text in lines.items():
        label = f"{'':{_INDENT}}{name + ':':<{_LABEL}}"
        below = " " * (_INDENT + _LABEL)
        for line in _wrapped(text, console.width, label, below):
            console.print(line)


def _wrapped(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    return wrap(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
