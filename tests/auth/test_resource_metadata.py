import json
from urllib.parse import urlsplit

import pytest

from auth.resource_metadata import ResourceMetadata, resource_metadata

ISSUERS = ("https://issuer.example", "https://second.example")


def described(public_url: str, *, scopes: frozenset[str] = frozenset()) -> ResourceMetadata:
    return resource_metadata(
        public_url=public_url,
        endpoint_path="/t/acme/mcp",
        authorization_servers=ISSUERS,
        scopes_supported=scopes,
        resource_name="Acme",
    )


def test_the_document_names_the_resource_and_its_issuers() -> None:
    scopes = frozenset({"b", "a", "offline_access"})
    metadata = described("https://gw.example", scopes=scopes)

    assert json.loads(metadata.document) == {
        "resource": "https://gw.example/t/acme/mcp",
        "authorization_servers": list(ISSUERS),
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["a", "b"],
        "resource_name": "Acme",
    }


@pytest.mark.parametrize(
    ("public_url", "path"),
    [
        ("https://gw.example", "/.well-known/oauth-protected-resource/t/acme/mcp"),
        ("https://gw.example/", "/.well-known/oauth-protected-resource/t/acme/mcp"),
        (
            "https://gw.example:8443/mcp/gw",
            "/.well-known/oauth-protected-resource/mcp/gw/t/acme/mcp",
        ),
    ],
)
def test_the_well_known_string_stands_between_host_and_path(public_url: str, path: str) -> None:
    metadata = described(public_url)
    parts = urlsplit(metadata.url)

    assert metadata.path == parts.path == path
    assert parts.netloc == urlsplit(public_url).netloc
    assert json.loads(metadata.document)["resource"] == metadata.resource
    assert metadata.resource == public_url.rstrip("/") + "/t/acme/mcp"


def test_empty_members_are_left_out() -> None:
    assert "scopes_supported" not in json.loads(described("https://gw.example").document)


def test_the_same_input_gives_the_same_bytes() -> None:
    scopes = frozenset(map(str, range(50)))
    documents = {described("https://gw.example", scopes=scopes).document for _ in range(5)}

    assert len(documents) == 1
