"""An SDK's own OAuth client finds its way from an endpoint's URL to a token, without any help."""

from dataclasses import asdict
from typing import Any

import pytest

from tests.interop.places import LIBRARY, ORDERS, STOCK, Place
from tests.rigs.child import python_module
from tests.rigs.house import House
from tests.rigs.issuers import claims_of
from tests.rigs.sdk_clients import MODERN, Report, run_script

# A client takes the first issuer that an endpoint names: acme's is the development issuer,
# globex's is oidc-provider.
WALKS = [
    pytest.param(MODERN, ORDERS, "development", id="modern-development"),
    pytest.param("legacy", STOCK, "development", id="legacy-development"),
    pytest.param(MODERN, LIBRARY, "oidc-provider", id="modern-oidc-provider"),
    pytest.param("legacy", LIBRARY, "oidc-provider", id="legacy-oidc-provider"),
]


@pytest.mark.parametrize(("mode", "place", "issuer"), WALKS)
async def test_the_python_sdk_walks_from_a_401_to_a_token_and_a_result(
    house: House, mode: str, place: Place, issuer: str
) -> None:
    url = house.endpoint(place.tenant, place.endpoint)
    metadata = house.issuers[issuer].metadata

    walked = await _walk(mode, asdict(place.job(url, token="")))

    report, claims = Report(**walked["report"]), claims_of(walked["token"])
    assert walked["requests"][:5] == [
        ["POST", url, 401],
        ["GET", _resource_metadata(house, url), 200],
        ["GET", f"{metadata['issuer']}/.well-known/oauth-authorization-server", 200],
        ["POST", metadata["registration_endpoint"], 201],
        ["POST", metadata["token_endpoint"], 200],
    ]
    assert (claims["iss"], claims["aud"]) == (metadata["issuer"], url)
    assert place.text in report.text


async def _walk(mode: str, job: dict[str, Any]) -> dict[str, Any]:
    return await run_script(python_module("tests.rigs.oauth_walk", mode), job)


def _resource_metadata(house: House, url: str) -> str:
    public_url = house.gateway.public_url
    return f"{public_url}/.well-known/oauth-protected-resource{url.removeprefix(public_url)}"
