"""The gateway judged by its own check: with a token, and by the way to one."""

from collections.abc import Iterator

import pytest

from gateway.check.rule import Severity
from tests.gateway.check.judged import found, ids, judged
from tests.rigs.house import House, running_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.mark.parametrize(
    ("tenant", "endpoint"), [("acme", ""), ("acme", "all"), ("acme", "stock"), ("globex", "")]
)
async def test_an_endpoint_breaks_no_rule_of_severity_error(
    house: House, tenant: str, endpoint: str
) -> None:
    url = house.endpoint(tenant, endpoint)
    token = house.issuers["development"].token(url)

    report = await judged(url, headers=[("Authorization", f"Bearer {token}")])

    broken = {f.rule.id for f in report.findings if f.rule.severity is not Severity.NOTE}
    assert broken <= {"errors.batch-refused"}
    assert report.facts["authorization"].startswith("OAuth, issuers: ")
    assert "2025-11-25" in report.revisions


async def test_without_a_token_the_way_to_one_is_without_faults(house: House) -> None:
    report = await judged(house.endpoint("acme"))

    assert ids(report) <= {"authorization.needed", "authorization.scope"}
    assert len(found(report, "authorization.needed")) == 1
