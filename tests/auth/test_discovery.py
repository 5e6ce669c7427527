import asyncio
from typing import Any

import pytest

from auth.discovery import check_jwks_uri, discover, well_known_urls
from auth.errors import DocumentUnavailable, EgressRefused
from tests.auth.scripted_issuer import (
    DISCOVERY_PATH,
    JWKS_PATH,
    ScriptedIssuer,
    fetching,
    running_issuer,
    says,
)

OPENID_PATH = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("issuer", "places"),
    [
        (
            "https://idp.example",
            [
                "https://idp.example/.well-known/oauth-authorization-server",
                "https://idp.example/.well-known/openid-configuration",
            ],
        ),
        (
            "https://idp.example/",
            [
                "https://idp.example/.well-known/oauth-authorization-server",
                "https://idp.example/.well-known/openid-configuration",
            ],
        ),
        (
            "https://idp.example/realms/acme",
            [
                "https://idp.example/.well-known/oauth-authorization-server/realms/acme",
                "https://idp.example/.well-known/openid-configuration/realms/acme",
                "https://idp.example/realms/acme/.well-known/openid-configuration",
            ],
        ),
        (
            "https://idp.example:8443/a/",
            [
                "https://idp.example:8443/.well-known/oauth-authorization-server/a",
                "https://idp.example:8443/.well-known/openid-configuration/a",
                "https://idp.example:8443/a/.well-known/openid-configuration",
            ],
        ),
    ],
)
def test_the_places_are_those_of_the_mcp_specification_in_its_order(
    issuer: str, places: list[str]
) -> None:
    assert list(well_known_urls(issuer)) == places


@pytest.mark.parametrize(
    "issuer", ["https://idp.example/?x", "https://idp.example/#x", "https://u@idp.example", "idp"]
)
def test_an_issuer_is_a_plain_url(issuer: str) -> None:
    with pytest.raises(EgressRefused):
        list(well_known_urls(issuer))


async def discovered(issuer: ScriptedIssuer, name: str = "", **options: Any) -> Any:
    async with asyncio.timeout(5), fetching() as fetcher:
        return await discover(issuer.url + name, fetcher, **options)


async def test_an_issuer_is_found_at_the_first_place() -> None:
    async with running_issuer() as issuer:
        metadata = await discovered(issuer)

        assert metadata.issuer == issuer.url
        assert metadata.jwks_uri == issuer.url + JWKS_PATH
        assert metadata.token_endpoint == issuer.url + "/token"
        assert issuer.asked == {DISCOVERY_PATH: 1}


@pytest.mark.parametrize(
    "first", [says({}, status=404), says({}, status=500), says(b"<html>"), says([])]
)
async def test_what_is_no_document_at_one_place_may_be_one_at_the_next(first: Any) -> None:
    async with running_issuer() as issuer:
        issuer.answers[DISCOVERY_PATH] = first
        issuer.answers[OPENID_PATH] = says(issuer.metadata())

        assert (await discovered(issuer)).issuer == issuer.url


async def test_an_issuer_with_a_path_is_found_where_openid_appends() -> None:
    async with running_issuer() as issuer:
        name = "/realms/acme"
        document = issuer.metadata(issuer=issuer.url + name)
        issuer.answers[f"{name}{OPENID_PATH}"] = says(document)

        metadata = await discovered(issuer, name)

        assert metadata.raw == document
        assert list(issuer.asked) == [
            f"{DISCOVERY_PATH}{name}",
            f"{OPENID_PATH}{name}",
            f"{name}{OPENID_PATH}",
        ]


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url + "/",
        lambda url: url.upper(),
        lambda url: url.replace("http:", "https:"),
        lambda url: url + "/other",
        lambda _url: "https://other.example",
        lambda _url: None,
        lambda url: [url],
        lambda _url: 7,
    ],
)
async def test_k01_a_document_that_names_another_issuer_is_not_believed(change: Any) -> None:
    async with running_issuer() as issuer:
        wrong = says(issuer.metadata(issuer=change(issuer.url)))
        issuer.answers[DISCOVERY_PATH] = wrong
        with pytest.raises(DocumentUnavailable, match="another issuer"):
            await discovered(issuer)


async def test_an_issuer_that_cannot_be_reached_is_not_asked_at_every_place() -> None:
    async with running_issuer() as issuer:
        issuer.is_down = True
        with pytest.raises(DocumentUnavailable):
            await discovered(issuer)

        assert set(issuer.asked) == {DISCOVERY_PATH}


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "http://idp.example/jwks",
        "https://idp.example:8443/jwks",
        "https://idp.example:80/jwks",
        "https://other.example/jwks",
        "https://idp.example.evil.com/jwks",
        "https://evil-idp.example/jwks",
        "https://169.254.169.254/jwks",
        "https://127.0.0.1/jwks",
        "https://[::1]/jwks",
        "https://user@idp.example/jwks",
        "https://idp.example@other.example/jwks",
        "https://idp.example/jwks#x",
        "https://keys.example:8443/jwks",
        "http://keys.example/jwks",
        "file:///etc/passwd",
        "data:application/json,{}",
        "//idp.example/jwks",
        "/jwks",
        "",
    ],
)
def test_k03_a_jwks_uri_that_leads_elsewhere_is_refused(jwks_uri: str) -> None:
    with pytest.raises(EgressRefused):
        check_jwks_uri(jwks_uri, "https://idp.example/a", frozenset({"keys.example"}))


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "https://idp.example/jwks",
        "https://IDP.example:443/a/b/jwks?v=2",
        "https://keys.example/jwks",
        "https://keys2.example:8443/jwks",
    ],
)
def test_k03_the_issuers_own_host_and_listed_ones_may_serve_keys(jwks_uri: str) -> None:
    listed = frozenset({"Keys.example", "keys2.example:8443"})

    check_jwks_uri(jwks_uri, "https://idp.example/a", listed)


async def test_k03_a_listed_host_still_needs_to_be_allowed_by_the_guard() -> None:
    async with running_issuer() as issuer:
        elsewhere = says(issuer.metadata(jwks_uri="http://10.0.0.1/jwks"))
        issuer.answers[DISCOVERY_PATH] = elsewhere
        with pytest.raises(EgressRefused) as refused:
            await discovered(issuer, jwks_hosts=frozenset({"10.0.0.1"}))

    assert "10.0.0.1/32" in (refused.value.remedy or "")


@pytest.mark.parametrize("jwks_uri", [None, 7, ["https://idp.example"], {}])
async def test_k03_a_document_without_a_readable_jwks_uri_is_none(jwks_uri: Any) -> None:
    async with running_issuer() as issuer:
        issuer.answers[DISCOVERY_PATH] = says(issuer.metadata(jwks_uri=jwks_uri))
        with pytest.raises(DocumentUnavailable, match="jwks_uri"):
            await discovered(issuer)


async def test_urls_that_a_client_must_not_open_are_not_handed_on() -> None:
    async with running_issuer() as issuer:
        document = issuer.metadata(
            authorization_endpoint="javascript:alert(1)",
            registration_endpoint="file:///etc/passwd",
            revocation_endpoint=7,
            mtls_endpoint_aliases={"token_endpoint": "file:///x"},
            scopes_supported=["a"],
        )
        issuer.answers[DISCOVERY_PATH] = says(document)

        metadata = await discovered(issuer)

        assert metadata.authorization_endpoint is None
        assert metadata.raw.keys() == {"issuer", "jwks_uri", "token_endpoint", "scopes_supported"}
