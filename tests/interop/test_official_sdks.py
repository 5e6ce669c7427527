"""Every official SDK, in every era it has, with tokens of both issuers, at both tenants."""

from itertools import product

import pytest

from tests.interop.places import PLACES, STOCK, Place
from tests.rigs.house import House
from tests.rigs.sdk_clients import PINNED_SDKS, SdkClient, VisitFailed

ISSUERS = ("development", "oidc-provider")
# One SDK shows the gateway's words, the other finds no revision that it could speak.
ERAS_DIFFER = "client speaks 2026-07-28, backend speaks 2025-11-25|did not offer pinned protocol"
MODERN_CLIENTS = [client for client in PINNED_SDKS if client.is_modern]

VISITS = [
    pytest.param(client, issuer, place, id=f"{client.name}-{issuer}-{place.name}")
    for client, issuer, place in product(PINNED_SDKS, ISSUERS, PLACES)
    if place.serves_modern or not client.is_modern
]


@pytest.mark.parametrize(("client", "issuer", "place"), VISITS)
async def test_an_sdk_lists_calls_gets_and_reads(
    house: House, client: SdkClient, issuer: str, place: Place
) -> None:
    url = house.endpoint(place.tenant, place.endpoint)

    seen = await client.visit(place.job(url, house.issuers[issuer].token(url)))

    assert seen.revision == client.revision
    assert list(seen.tools) == list(place.tools)
    assert place.text in seen.text
    assert not seen.is_error
    assert list(seen.progress) == list(range(1, place.steps + 1))
    assert list(seen.prompts) == [place.prompt]
    assert seen.prompt == place.prompt_text
    assert list(seen.resources) == [place.resource]
    assert place.resource_text in seen.resource


@pytest.mark.parametrize("client", MODERN_CLIENTS, ids=lambda client: client.name)
async def test_a_modern_sdk_is_told_that_a_legacy_backend_is_of_another_era(
    house: House, client: SdkClient
) -> None:
    url = house.endpoint("acme", "stock")
    job = STOCK.job(url, house.issuers["oidc-provider"].token(url))

    with pytest.raises(VisitFailed, match=ERAS_DIFFER):
        await client.visit(job)
