"""The gateway as a client of the official suite's own servers."""

from pathlib import Path

import pytest

from tests.conformance.client_suite import judge_clients
from tests.conformance.expectations import CLIENTS, read_expectations
from tests.conformance.suite import REVISIONS


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_suites_servers_find_in_the_gateway_what_is_expected(
    revision: str, tmp_path: Path
) -> None:
    score = judge_clients(revision, tmp_path)

    differences = read_expectations(CLIENTS).differences(revision, score.held(), score.outcomes)
    assert differences == []


def test_every_feature_that_a_client_waits_for_is_described_and_the_other_way_round() -> None:
    expectations = read_expectations(CLIENTS)

    assert expectations.waited_for() == expectations.features.keys()
    assert expectations.scenarios.keys() == set(REVISIONS)
