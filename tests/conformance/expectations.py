"""What files such as `expected.json` say of each scenario: `pass`, or the features it waits for.

`pass` means as good as the server behind the gateway, whether or not that one passes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.score import Score
from tests.conformance.suite import Outcomes

PASS = "pass"
SERVERS = Path(__file__).with_name("expected.json")
CLIENTS = Path(__file__).with_name("expected_of_clients.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """`features` says in words what is waited for."""

    features: dict[str, str]
    scenarios: dict[str, dict[str, str | list[str]]]

    def surprises(self, score: Score) -> list[str]:
        """Each scenario that does not do what is written of it, in either direction."""
        held = {name: score.is_held(name) for name in score.direct}
        return self.differences(score.revision, held, score.gateway)

    def differences(
        self, revision: str, found: Mapping[str, bool], outcomes: Outcomes
    ) -> list[str]:
        """The same for whatever has run; `found` says of each whether it is as it should be."""
        expected = self.scenarios[revision]
        both = found.keys() & expected.keys()
        lost = sorted(name for name in both if expected[name] == PASS and not found[name])
        gained = sorted(name for name in both if expected[name] != PASS and found[name])
        return [
            *(f"{name} is not expected at all" for name in sorted(found.keys() - expected.keys())),
            *(f"{name} was not run" for name in sorted(expected.keys() - found.keys())),
            *(f"{name} is worse through the gateway: {_why(outcomes, name)}" for name in lost),
            *(f"{name} passes and is said to wait for {expected[name]}" for name in gained),
        ]

    def waited_for(self) -> set[str]:
        """Every feature that some scenario waits for."""
        waits = [each for set_ in self.scenarios.values() for each in set_.values()]
        return {feature for each in waits if each != PASS for feature in each}


def read_expectations(file: Path = SERVERS) -> Expectations:
    """Read a file."""
    return Expectations(**json.loads(file.read_text(encoding="utf-8")))


def _why(outcomes: Outcomes, name: str) -> str:
    outcome = outcomes.get(name)
    return "; ".join(outcome.complaints) if outcome is not None else "no result"
