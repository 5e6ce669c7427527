"""Real clients and real servers of both eras talk in both directions through the gateway."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.rigs.gateway import RunningGateway, choose_public_url, endpoint_url, running_gateway
from tests.rigs.issuers import RunningIssuer
from tests.rigs.oidc_provider import start_oidc_provider
from tests.rigs.sdk_clients import run_script
from tests.rigs.talkers import (
    LEGACY_TALKERS,
    MODERN_TALKERS,
    Talker,
    start_current_talker,
    start_legacy_talker,
)

TENANT = "acme"
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


@dataclass(frozen=True, kw_only=True)
class Party:
    """One gateway over both talking servers; each has an endpoint of its own name."""

    gateway: RunningGateway
    issuer: RunningIssuer

    def job(self, backend: str) -> dict[str, str]:
        """Talk with that one."""
        url = self.gateway.endpoint(TENANT, backend)
        return {"url": url, "token": self.issuer.token(url)}


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    log_dir, public_url = tmp_path_factory.mktemp("party"), choose_public_url()
    with ExitStack() as stack:
        talkers = {n: stack.enter_context(start(log_dir)) for n, start in STARTERS.items()}
        resources = [endpoint_url(public_url, TENANT, name) for name in STARTERS]
        issuer = start_oidc_provider(resources, log_dir)
        stack.enter_context(issuer.child)
        urls = {name: {"url": str(child.announcement()["url"])} for name, child in talkers.items()}
        tenant = {"issuers": [{"issuer": issuer.issuer}], "backends": urls}
        document = {"tenants": {TENANT: tenant}}
        gateway = stack.enter_context(running_gateway(document, public_url=public_url))
        yield Party(gateway=gateway, issuer=issuer)


@pytest.mark.parametrize(("backend", "talker"), TALKS)
async def test_a_client_is_asked_told_and_cancels(
    party: Party, backend: str, talker: Talker
) -> None:
    command = await asyncio.to_thread(talker.command)

    found = await run_script(command, party.job(backend))

    cancelled = {} if "cancel" in talker.cannot else {"cancelled": "Request cancelled yes"}
    assert found == EVERYTHING | cancelled
