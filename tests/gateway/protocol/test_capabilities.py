import json

import pytest

from gateway.protocol.capabilities import shown_to_backend, shown_to_client
from gateway.protocol.revisions import Era


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def test_a_backend_is_shown_only_what_the_gateway_carries() -> None:
    declared = {
        "roots": {"listChanged": True},
        "sampling": {},
        "elicitation": {"form": {}},
        "tasks": {},
        "experimental": {"x": {}},
        "extensions": {
            "io.modelcontextprotocol/tasks": {},
            "io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]},
        },
    }

    ui = {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}
    asked = {"roots": {"listChanged": True}, "sampling": {}, "elicitation": {"form": {}}}
    assert json.loads(shown_to_backend(raw(declared), Era.LEGACY)) == {**asked, "extensions": ui}
    assert json.loads(shown_to_backend(raw(declared), Era.MODERN)) == {
        **asked,
        "extensions": {"io.modelcontextprotocol/tasks": {}, **ui},
    }
    assert shown_to_backend(b"{}", Era.MODERN) == b"{}"


def test_the_settings_of_an_extension_stay_the_bytes_that_came() -> None:
    declared = b'{"extensions":{"vendor/x":{ "a" : 1.0 }}}'

    for era in Era:
        assert shown_to_backend(declared, era) == b'{"extensions":{"vendor/x":{ "a" : 1.0 }}}'
        assert shown_to_client([declared], era) == b'{"extensions":{"vendor/x":{ "a" : 1.0 }}}'


def test_a_client_is_shown_what_any_backend_has_and_the_gateway_carries() -> None:
    first = {"tools": {"listChanged": True}, "logging": {}, "tasks": {}, "extensions": {"b": {}}}
    second = {
        "resources": {"subscribe": True, "listChanged": True},
        "prompts": {},
        "completions": {},
        "experimental": {},
        "extensions": {"a": {"v": 2}, "b": {"v": 2}, "io.modelcontextprotocol/tasks": {}},
    }

    legacy = shown_to_client([raw(first), raw(second)], Era.LEGACY)
    modern = shown_to_client([raw(first), raw(second)], Era.MODERN)

    both = {
        "tools": {"listChanged": True},
        "prompts": {},
        "resources": {"subscribe": True, "listChanged": True},
        "completions": {},
        "logging": {},
    }
    assert json.loads(legacy) == {**both, "extensions": {"a": {"v": 2}, "b": {}}}
    assert json.loads(modern) == {
        **both,
        "extensions": {"a": {"v": 2}, "b": {}, "io.modelcontextprotocol/tasks": {}},
    }
    assert modern == shown_to_client([raw(first), raw(second)], Era.MODERN)


@pytest.mark.parametrize("odd", [b"[]", b'{"tools":null}', b'{"extensions":[]}', b'{"tools":5}'])
def test_what_is_no_capability_is_not_shown(odd: bytes) -> None:
    assert shown_to_client([odd], Era.MODERN) == b"{}"


def test_an_endpoint_whose_backends_have_nothing_shows_nothing() -> None:
    assert shown_to_client([], Era.MODERN) == b"{}"
