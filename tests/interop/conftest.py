"""One house for all tests of a worker: starting it costs seconds, and no test changes it.

A test that turns an issuer's keys, or ends it, has an issuer and a gateway of its own.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.interop.branch_office import BranchOffice, branch_office
from tests.rigs.dev_issuer import start_dev_issuer
from tests.rigs.house import House, running_house
from tests.rigs.issuers import RunningIssuer
from tests.rigs.oidc_provider import start_oidc_provider

STARTERS: dict[str, Callable[..., RunningIssuer]] = {
    "development": start_dev_issuer,
    "oidc-provider": start_oidc_provider,
}


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.fixture(params=STARTERS)
def office(
    request: pytest.FixtureRequest, house: House, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BranchOffice]:
    log_dir = tmp_path_factory.mktemp("office")
    with branch_office(STARTERS[request.param], house.backends["orders"], log_dir) as running:
        yield running


@pytest.fixture(params=STARTERS)
def issuer_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
