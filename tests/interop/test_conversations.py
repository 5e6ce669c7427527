"""Real clients and real servers of both eras talk in both directions through the gateway."""

from collections.abc import Iterator

import pytest

from tests.interop.branch_office import BranchOffice, branch_office
from tests.rigs.oidc_provider import start_oidc_provider
from tests.rigs.sdk_clients import run_script
from tests.rigs.talkers import (
    LEGACY_TALKERS,
    MODERN_TALKERS,
    Talker,
    start_current_talker,
    start_legacy_talker,
)

STARTERS = {"legacy": start_legacy_talker, "current": start_current_talker}
TALKS = [
    pytest.param(backend, talker, id=f"{talker.name}-{backend}")
    for backend, talkers in (("legacy", LEGACY_TALKERS), ("current", MODERN_TALKERS))
    for talker in talkers
]
EVERYTHING = {
    "ask_model": "answer to hello?",
    "ask_person": "accept Ada (who?)",
    "ask_roots": "file:///home/ada",
    "told": ["notifications/resources/updated", "notifications/tools/list_changed"],
}


@pytest.fixture(scope="module")
def talking_office(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BranchOffice]:
    log_dir = tmp_path_factory.mktemp("talk")
    with STARTERS[request.param](log_dir) as talker:
        url = str(talker.announcement()["url"])
        with branch_office(start_oidc_provider, url, log_dir) as office:
            yield office


@pytest.mark.parametrize(("talking_office", "talker"), TALKS, indirect=["talking_office"])
async def test_a_client_is_asked_told_and_cancels(
    talking_office: BranchOffice, talker: Talker
) -> None:
    job = {"url": talking_office.url, "token": talking_office.token()}

    found = await run_script(talker.command(), job)

    cancelled = {} if "cancel" in talker.cannot else {"cancelled": "Request cancelled yes"}
    assert found == EVERYTHING | cancelled
