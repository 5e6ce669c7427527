"""What `expected.json` says of each scenario: `pass`, or the features that it waits for.

`pass` means as good as the server behind the gateway, whether or not that one passes.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.score import Score

PASS = "pass"
FILE = Path(__file__).with_name("expected.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """`features` says in words what is waited for."""

    features: dict[str, str]
    scenarios: dict[str, dict[str, str | list[str]]]

    def surprises(self, score: Score) -> list[str]:
        """Each scenario that does not do what is written of it, in either direction."""
        expected = self.scenarios[score.revision]
        found = {name: score.is_held(name) for name in score.direct}
        both = found.keys() & expected.keys()
        lost = sorted(name for name in both if expected[name] == PASS and not found[name])
        gained = sorted(name for name in both if expected[name] != PASS and found[name])
        return [
            *(f"{name} is not in {FILE.name}" for name in sorted(found.keys() - expected.keys())),
            *(f"{name} was not run" for name in sorted(expected.keys() - found.keys())),
            *(f"{name} is worse through the gateway: {_why(score, name)}" for name in lost),
            *(f"{name} passes and is said to wait for {expected[name]}" for name in gained),
        ]

    def waited_for(self) -> set[str]:
        """Every feature that some scenario waits for."""
        waits = [each for set_ in self.scenarios.values() for each in set_.values()]
        return {feature for each in waits if each != PASS for feature in each}


def read_expectations() -> Expectations:
    """Read the file."""
    return Expectations(**json.loads(FILE.read_text(encoding="utf-8")))


def _why(score: Score, name: str) -> str:
    through = score.gateway.get(name)
    return "; ".join(through.complaints) if through is not None else "no result"
