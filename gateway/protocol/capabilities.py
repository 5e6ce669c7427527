"""What each side is shown of what the other can do.

Rule: nothing is announced that the gateway cannot carry. The tables say what it carries now; what
a legacy revision narrows besides is in `legacy_capabilities`.
"""

from collections.abc import Iterable, Mapping

from gateway.protocol.raw_json import read_object, write_object
from gateway.protocol.revisions import Era

EXTENSIONS = "extensions"
TASKS_EXTENSION = "io.modelcontextprotocol/tasks"

NOT_CARRIED_EXTENSIONS: Mapping[Era, frozenset[str]] = {
    Era.LEGACY: frozenset({TASKS_EXTENSION}),
    Era.MODERN: frozenset(),
}

CARRIED_TO_BACKENDS = frozenset({"elicitation", "roots", "sampling", EXTENSIONS})
"""Of a client's capabilities."""

CARRIED_TO_CLIENTS: Mapping[str, tuple[str, ...]] = {
    "tools": ("listChanged",),
    "prompts": ("listChanged",),
    "resources": ("subscribe", "listChanged"),
    "completions": (),
    "logging": (),
}
"""Of a backend's capabilities, with the notifications of each that the gateway sends."""


def shown_to_backend(client_capabilities: bytes, era: Era) -> bytes:
    """A client's raw capabilities as a backend may know them."""
    members = read_object(client_capabilities) or {}
    shown = {name: raw for name, raw in members.items() if name in CARRIED_TO_BACKENDS}
    if EXTENSIONS in shown:
        shown[EXTENSIONS] = write_object(_extensions(shown[EXTENSIONS], era))
    return write_object(shown)


def shown_to_client(backend_capabilities: Iterable[bytes], era: Era) -> bytes:
    """The raw capabilities of an endpoint: all that any of its backends, in their order, has.

    Where two backends have the same extension, the first one's settings stand.
    """
    found: dict[str, set[str]] = {}
    extensions: dict[str, bytes] = {}
    for raw in backend_capabilities:
        members = read_object(raw) or {}
        for name, value in members.items():
            if value.startswith(b"{"):
                found.setdefault(name, set()).update(flags(value))
        extensions = _extensions(members.get(EXTENSIONS, b"{}"), era) | extensions
    shown = {
        name: write_object({flag: b"true" for flag in carried if flag in found[name]})
        for name, carried in CARRIED_TO_CLIENTS.items()
        if name in found
    }
    if extensions:
        shown[EXTENSIONS] = write_object(dict(sorted(extensions.items())))
    return write_object(shown)


def flags(settings: bytes) -> frozenset[str]:
    """What a capability's raw settings say yes to."""
    members = read_object(settings) or {}
    return frozenset(name for name, raw in members.items() if raw == b"true")


def _extensions(raw: bytes, era: Era) -> dict[str, bytes]:
    left_out = NOT_CARRIED_EXTENSIONS[era]
    return {name: value for name, value in (read_object(raw) or {}).items() if name not in left_out}
