"""The fixture itself: what it lacks cannot be missed behind the gateway."""

from pathlib import Path

import pytest

from tests.conformance.rig import start_fixture
from tests.conformance.suite import run_suite, scored_scenarios

NEVER_SCORED = {
    "2025-11-25": {"json-schema-2020-12", "server-session-lifecycle", "server-sse-polling"},
    "2026-07-28": {
        "http-custom-header-server-validation",
        "http-header-validation",
        "json-schema-2020-12",
    },
}


@pytest.mark.parametrize(("eras", "revision"), [("legacy", "2025-11-25"), ("modern", "2026-07-28")])
def test_a_fixture_of_one_era_passes_everything_of_that_era(
    eras: str, revision: str, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    with start_fixture(tmp_path, eras) as fixture:
        outcomes = run_suite(str(fixture.announcement()["url"]), revision, results)

    wanted = scored_scenarios(revision) | NEVER_SCORED[revision]
    assert {name: outcomes[name].complaints for name in wanted if outcomes[name].complaints} == {}
