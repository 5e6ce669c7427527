"""What the tests of the modern era's longer conversations share."""

from typing import Any

from tests.gateway.core.caller import PREFIX, Json

CAPABILITIES_KEY = f"{PREFIX}clientCapabilities"
EVERYTHING: Json = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}},
    "roots": {},
    "extensions": {f"{PREFIX}tasks": {}},
}
FORM: Json = {
    "method": "elicitation/create",
    "params": {"mode": "form", "message": "Which?", "requestedSchema": {"type": "object"}},
}
SAMPLING: Json = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 9}}
ROOTS: Json = {"method": "roots/list"}


def link(url: str) -> Json:
    """A user is asked to open an address."""
    return {
        "method": "elicitation/create",
        "params": {"mode": "url", "message": "Open this", "url": url},
    }


def declared(**capabilities: Any) -> Json:
    """`_meta` of a request whose client has these capabilities."""
    return {CAPABILITIES_KEY: capabilities}
