"""The gateway beside the server that it fronts: who passed what, as a table and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.rig import Rig
from tests.conformance.suite import Outcome, Outcomes, run_suite, scored_scenarios


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One requirement set, run directly and through the gateway."""

    revision: str
    scored: frozenset[str]
    direct: Outcomes
    gateway: Outcomes

    def below(self) -> list[str]:
        """The scenarios in which the gateway is worse than the server behind it."""
        return [name for name in self.direct if not self.is_held(name)]

    def is_held(self, scenario: str) -> bool:
        """Whether the gateway scores as well as the server behind it."""
        through = self.gateway.get(scenario)
        return through is not None and through.holds(self.direct[scenario])

    def clean(self, outcomes: Outcomes) -> int:
        """How many of the scored scenarios passed."""
        return sum(outcomes[name].is_clean for name in self.scored)


def judge(rig: Rig, revision: str, directory: Path) -> Score:
    """Run a set twice. `directory` keeps what the suite wrote."""
    outcomes = {}
    for name, url in (("direct", rig.direct_url), ("gateway", rig.gateway_url)):
        place = directory / revision / name
        place.mkdir(parents=True)
        outcomes[name] = run_suite(url, revision, place)
    return Score(revision=revision, scored=scored_scenarios(revision), **outcomes)


def as_table(score: Score) -> Iterator[str]:
    """The lines of a table: checks passed/failed, warnings where there are any."""
    yield f"{score.revision:54} {'direct':>10} {'gateway':>10}"
    for name, outcome in score.direct.items():
        through = score.gateway.get(name)
        mark = " " if score.is_held(name) else "<"
        scored = name if name in score.scored else f"{name} (not scored)"
        yield f"{mark} {scored:52} {_figures(outcome):>10} {_figures(through):>10}"
        yield from _complaints(score, name, through)
    clean = (f"{score.clean(each)}/{len(score.scored)}" for each in (score.direct, score.gateway))
    yield "{:54} {:>10} {:>10}".format("scored scenarios passed", *clean)


def as_json(scores: Sequence[Score]) -> dict[str, Any]:
    """Everything, for another program."""
    return {
        score.revision: {
            "scored": len(score.scored),
            "direct": score.clean(score.direct),
            "gateway": score.clean(score.gateway),
            "scenarios": {name: _scenario(score, name) for name in score.direct},
        }
        for score in scores
    }


def _scenario(score: Score, name: str) -> Mapping[str, Any]:
    through = score.gateway.get(name)
    return {
        "scored": name in score.scored,
        "held": score.is_held(name),
        "direct": _counts(score.direct[name]),
        "gateway": None if through is None else _counts(through),
    }


def _counts(outcome: Outcome) -> dict[str, Any]:
    return {
        "passed": len(outcome.passed),
        "failed": len(outcome.failed),
        "warnings": len(outcome.warned),
        "complaints": list(outcome.complaints),
    }


def _complaints(score: Score, name: str, through: Outcome | None) -> Iterator[str]:
    if through is None or score.is_held(name):
        return
    before = score.direct[name]
    known = {*through.passed, *through.failed, *through.warned, *through.not_applicable}
    unexamined = sorted(set(before.passed) - known)
    yield from (f"      {each[:160]}" for each in through.complaints)
    yield from (f"      {each}: not examined" for each in unexamined)


def _figures(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    warnings = f" {len(outcome.warned)}w" if outcome.warned else ""
    return f"{len(outcome.passed)}/{len(outcome.failed)}{warnings}"
