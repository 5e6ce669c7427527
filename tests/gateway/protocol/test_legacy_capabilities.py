"""What legacy backends and clients are shown of each other."""

import json

import pytest

from gateway.protocol.capabilities import shown_to_client
from gateway.protocol.legacy_capabilities import shown_to_legacy_backend
from gateway.protocol.revisions import Era

ALL = {
    "roots": {"listChanged": True},
    "sampling": {"tools": {}},
    "elicitation": {"form": {}, "url": {}},
    "tasks": {},
    "experimental": {"x": {}},
    "extensions": {"io.modelcontextprotocol/tasks": {}, "com.example/x": {"a": 1}},
}
EXTENSIONS = {"com.example/x": {"a": 1}}


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        ("2025-11-25", {name: ALL[name] for name in ("roots", "sampling", "elicitation")}),
        ("2025-06-18", {"roots": ALL["roots"], "sampling": {}, "elicitation": {}}),
        ("2025-03-26", {"roots": ALL["roots"], "sampling": {}}),
    ],
)
def test_a_backend_knows_what_the_client_declared_as_far_as_the_revision_has_it(
    revision: str, expected: dict[str, object]
) -> None:
    shown = json.loads(shown_to_legacy_backend(json.dumps(ALL).encode(), revision))

    assert shown == expected | {"extensions": EXTENSIONS}


@pytest.mark.parametrize("raw", [b"{}", b'{"sampling":null,"roots":true,"elicitation":[]}'])
def test_what_is_not_declared_is_not_shown(raw: bytes) -> None:
    assert shown_to_legacy_backend(raw, "2025-11-25") == b"{}"


def test_a_client_knows_what_any_backend_tells_of_its_changes() -> None:
    shown = shown_to_client(
        [
            b'{"tools":{"listChanged":true},"resources":{"listChanged":false},"logging":{}}',
            b'{"tools":{},"resources":{"subscribe":true,"listChanged":1},"prompts":{"x":true}}',
        ],
        Era.LEGACY,
    )

    assert json.loads(shown) == {
        "tools": {"listChanged": True},
        "resources": {"subscribe": True},
        "prompts": {},
        "logging": {},
    }
