"""The official suite through the gateway, beside the same server without it."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conformance.expectations import read_expectations
from tests.conformance.rig import Rig
from tests.conformance.score import judge
from tests.conformance.suite import REVISIONS
from tests.rigs.raw_http import exchange, write_request


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_scenario_does_what_is_expected_of_it(
    rig: Rig, revision: str, tmp_path: Path
) -> None:
    score = judge(rig, revision, tmp_path)

    assert score.clean(score.direct) == len(score.scored)
    assert read_expectations().surprises(score) == []


def test_every_feature_that_is_described_is_waited_for_and_the_other_way_round() -> None:
    expectations = read_expectations()

    assert expectations.waited_for() == expectations.features.keys()
    assert expectations.scenarios.keys() == set(REVISIONS)


async def test_an_alien_host_reaches_the_gateway_and_is_refused_there(rig: Rig) -> None:
    target = urlsplit(rig.gateway_url)
    assert target.port is not None

    request = write_request("POST", target.path, "evil.example.com", [], b"{}")
    answer = await exchange(target.port, request)

    assert answer.status == 421
    assert answer.header("X-Request-Id")
