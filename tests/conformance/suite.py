"""The official suite, run against one URL: what each scenario of a requirement set came to."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.rigs.node import HOME, NODE, install_packages

REVISIONS = ("2025-11-25", "2026-07-28")
RUN_TIMEOUT_S = 180
PACKAGE = HOME / "node_modules" / "@modelcontextprotocol" / "conformance"
# server-tools-list-2026-11-21T02-13-25-931Z
_RESULT = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z\Z")


class SuiteFailed(Exception):
    """The suite itself did not get through. The message has its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The checks of one scenario by their ids; one id may stand for several."""

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    warned: tuple[str, ...]
    not_applicable: tuple[str, ...]
    """What the suite notes without a judgement: JSON came where a stream would be judged."""
    complaints: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """As the suite counts: a warning fails nothing."""
        return not self.failed

    def holds(self, other: "Outcome") -> bool:
        """Whether nothing is worse here, and nothing that passed there went unexamined."""
        return (
            set(other.passed) <= {*self.passed, *self.not_applicable}
            and len(self.failed) <= len(other.failed)
            and len(self.warned) <= len(other.warned)
        )


Outcomes = Mapping[str, Outcome]


def run_suite(url: str, revision: str, directory: Path) -> Outcomes:
    """Run everything that a revision requires, and what it only reports."""
    install_packages()
    words = ("server", "--url", url, "--requirements", revision, "-o", str(directory))
    done = subprocess.run(  # noqa: S603 - fixed words and our own URL
        [NODE, PACKAGE / "dist" / "index.js", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    found = {name: read_outcome(path) for path in directory.iterdir() if (name := _scenario(path))}
    missing = scored_scenarios(revision) - found.keys()
    if missing:
        raise SuiteFailed(f"no result for {sorted(missing)}\n{(done.stdout + done.stderr)[-4000:]}")
    return dict(sorted(found.items()))


def scored_scenarios(revision: str) -> frozenset[str]:
    """The server scenarios that count for a revision."""
    text = (PACKAGE / "requirements" / f"{revision}.yaml").read_text(encoding="utf-8")
    return frozenset(yaml.safe_load(text)["server"])


def _scenario(path: Path) -> str:
    match = _RESULT.match(path.name)
    return match["scenario"] if match else ""


def read_outcome(path: Path) -> Outcome:
    """What one scenario came to, from the directory that the suite wrote."""
    checks = _checks(path / "checks.json")

    def ids(status: str) -> tuple[str, ...]:
        return tuple(check["id"] for check in checks if check["status"] == status)

    return Outcome(
        passed=ids("SUCCESS"),
        failed=ids("FAILURE"),
        warned=ids("WARNING"),
        not_applicable=ids("INFO"),
        complaints=tuple(_complaint(check) for check in checks if _is_complaint(check)),
    )


def _checks(path: Path) -> list[dict[str, Any]]:
    """The checks as they were written; a scenario that threw has written none."""
    if not path.is_file():
        return [{"id": "scenario-threw", "status": "FAILURE", "description": "no result"}]
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, list)
    return found


def _is_complaint(check: Mapping[str, Any]) -> bool:
    return check["status"] in {"FAILURE", "WARNING"}


def _complaint(check: Mapping[str, Any]) -> str:
    return f"{check['id']}: {check.get('errorMessage') or check['description']}"
