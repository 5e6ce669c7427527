"""Clients beside the pinned SDKs: those that negotiate, the Inspector, and a proxy with OAuth."""

from itertools import product

import pytest

from tests.interop.places import LIBRARY, ORDERS, STOCK, Place
from tests.rigs.house import House
from tests.rigs.sdk_clients import (
    INSPECTORS,
    LATEST_LEGACY,
    NEGOTIATING_SDKS,
    PROXIES,
    Report,
    SdkClient,
    revisions_served,
)

BOTH_ERAS = [*NEGOTIATING_SDKS, *INSPECTORS]
OLD_BACKEND = [client for client in BOTH_ERAS if client.name.endswith("-auto")]
VISITS = [
    pytest.param(client, place, id=f"{client.name}-{place.name}")
    for client, place in [*product(BOTH_ERAS, [ORDERS]), *product(PROXIES, [LIBRARY])]
]


@pytest.mark.parametrize(("client", "place"), VISITS)
async def test_a_client_does_everything_in_the_revision_that_it_should_find(
    house: House, client: SdkClient, place: Place
) -> None:
    seen, spoken = await _visit(house, client, place)

    assert (seen.revision, spoken) == (client.tells, client.revision)
    _assert_everything(seen, client, place)


@pytest.mark.parametrize("client", OLD_BACKEND, ids=lambda client: client.name)
async def test_a_client_that_negotiates_falls_back_before_a_legacy_backend(
    house: House, client: SdkClient
) -> None:
    seen, spoken = await _visit(house, client, STOCK)

    assert spoken == LATEST_LEGACY
    _assert_everything(seen, client, STOCK)


async def _visit(house: House, client: SdkClient, place: Place) -> tuple[Report, str]:
    """What the client handed out, and the revision in which the gateway served its call."""
    url = house.endpoint(place.tenant, place.endpoint)
    before = len(house.gateway.log_lines())
    seen = await client.visit(place.job(url, house.issuers["oidc-provider"].token(url)))
    (spoken,) = revisions_served(house.gateway, before)
    return seen, spoken


def _assert_everything(seen: Report, client: SdkClient, place: Place) -> None:
    assert list(seen.tools) == list(place.tools)
    assert place.text in seen.text
    assert not seen.is_error
    steps = [] if "progress" in client.cannot else list(range(1, place.steps + 1))
    assert list(seen.progress) == steps
    assert list(seen.prompts) == [place.prompt]
    assert seen.prompt == place.prompt_text
    assert list(seen.resources) == [place.resource]
    assert place.resource_text in seen.resource
