"""The official suite's client scenarios, with the gateway as the client: what each came to.

Its servers judge what the gateway sends to backends; `client_wrapper.py` is what it starts. The
scenarios of OAuth towards backends are left out: the gateway presents what was configured.
"""

import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.conformance.suite import PACKAGE, Outcome, Outcomes, SuiteFailed, read_outcome
from tests.rigs.child import ROOT, python_module
from tests.rigs.node import NODE, install_packages

SCENARIO_TIMEOUT_S = 40
AT_ONCE = 2
OAUTH = "auth/"
NEWER = "added-after-release"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientScore:
    """The client scenarios of one revision."""

    revision: str
    scored: frozenset[str]
    outcomes: Outcomes

    def is_held(self, scenario: str) -> bool:
        """Whether the suite's server found nothing to complain of."""
        outcome = self.outcomes[scenario]
        return bool(outcome.passed) and not outcome.complaints

    def held(self) -> Mapping[str, bool]:
        return {name: self.is_held(name) for name in self.outcomes}


def judge_clients(revision: str, directory: Path) -> ClientScore:
    """Run every scenario of a revision. `directory` keeps what the suite wrote."""
    install_packages()
    scored, newer = _required(revision)
    names = sorted(scored | newer)
    run = partial(_run, revision=revision, directory=directory)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = dict(zip(names, pool.map(run, names), strict=True))
    return ClientScore(revision=revision, scored=scored, outcomes=outcomes)


def client_table(score: ClientScore) -> Iterator[str]:
    """The lines of a table: checks passed/failed."""
    yield f"{score.revision + ', as a client':54} {'gateway':>10}"
    for name, outcome in score.outcomes.items():
        mark = " " if score.is_held(name) else "<"
        scored = name if name in score.scored else f"{name} (not scored)"
        yield f"{mark} {scored:52} {f'{len(outcome.passed)}/{len(outcome.failed)}':>10}"
        yield from (f"      {each[:160]}" for each in outcome.complaints)
    clean = sum(score.is_held(name) for name in score.scored)
    yield f"{'scored scenarios passed':54} {f'{clean}/{len(score.scored)}':>10}"


def client_json(score: ClientScore) -> dict[str, Any]:
    """Everything, for another program."""
    return {
        "scored": len(score.scored),
        "gateway": sum(score.is_held(name) for name in score.scored),
        "scenarios": {
            name: {
                "scored": name in score.scored,
                "held": score.is_held(name),
                "passed": len(outcome.passed),
                "complaints": list(outcome.complaints),
            }
            for name, outcome in score.outcomes.items()
        },
    }


def _required(revision: str) -> tuple[frozenset[str], frozenset[str]]:
    """What counts for a revision, and what has been added to the suite since."""
    text = (PACKAGE / "requirements" / f"{revision}.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    scored = {name for name in document["client"] if not name.startswith(OAUTH)}
    others = (one for one in document["not_scored"] if one["leg"] == "client")
    newer = {one["scenario"] for one in others if one["reason"] == NEWER}
    return frozenset(scored), frozenset(newer)


def _run(scenario: str, *, revision: str, directory: Path) -> Outcome:
    place = directory / scenario
    place.mkdir(parents=True)
    command = " ".join(map(str, python_module("tests.conformance.client_wrapper")))
    words = ("--command", command, "--scenario", scenario, "--spec-version", revision)
    done = subprocess.run(  # noqa: S603 - fixed words
        [NODE, PACKAGE / "dist" / "index.js", "client", *words, "-o", str(place)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SCENARIO_TIMEOUT_S,
        check=False,
    )
    results = list(place.iterdir())
    if not results:
        raise SuiteFailed(f"no result for {scenario}\n{(done.stdout + done.stderr)[-4000:]}")
    outcome = read_outcome(results[0])
    # One scenario lets a client fail; what is in front of the gateway may in none.
    if done.returncode == 0 and "Client exited with code" not in done.stderr:
        return outcome
    said = (results[0] / "stderr.txt").read_text(encoding="utf-8").splitlines()
    last = next((line for line in reversed(said) if not line.startswith("{")), "no words")
    complaints = (*outcome.complaints, f"client: {last}")
    return replace(outcome, failed=(*outcome.failed, "client"), complaints=complaints)
