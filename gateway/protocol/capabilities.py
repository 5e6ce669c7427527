"""What each side is shown of what the other can do.

Rule: nothing is announced that the gateway cannot carry. The two tables say what it carries now.
"""

from collections.abc import Iterable, Mapping

from gateway.protocol.raw_json import read_object, write_object

EXTENSIONS = "extensions"
NOT_CARRIED_EXTENSIONS = frozenset({"io.modelcontextprotocol/tasks"})

CARRIED_TO_BACKENDS = frozenset({EXTENSIONS})
"""Of a client's capabilities. `roots`, `sampling`, `elicitation` and `tasks` need requests from
the backend to the client, which wait for their bridge."""

CARRIED_TO_CLIENTS: Mapping[str, bytes] = {
    "tools": b"{}",
    "prompts": b"{}",
    "resources": b"{}",
    "completions": b"{}",
    "logging": b"{}",
}
"""Of a backend's capabilities, with what the gateway says about each: neither `listChanged` nor
`subscribe` until it sends their notifications."""


def shown_to_backend(client_capabilities: bytes) -> bytes:
    """A client's raw capabilities as a backend may know them."""
    members = read_object(client_capabilities) or {}
    shown = {name: raw for name, raw in members.items() if name in CARRIED_TO_BACKENDS}
    if EXTENSIONS in shown:
        shown[EXTENSIONS] = write_object(_extensions(shown[EXTENSIONS]))
    return write_object(shown)


def shown_to_client(backend_capabilities: Iterable[bytes]) -> bytes:
    """The raw capabilities of an endpoint: all that any of its backends, in their order, has.

    Where two backends have the same extension, the first one's settings stand.
    """
    found: set[str] = set()
    extensions: dict[str, bytes] = {}
    for raw in backend_capabilities:
        members = read_object(raw) or {}
        found.update(name for name, value in members.items() if value.startswith(b"{"))
        extensions = _extensions(members.get(EXTENSIONS, b"{}")) | extensions
    shown = {name: raw for name, raw in CARRIED_TO_CLIENTS.items() if name in found}
    if extensions:
        shown[EXTENSIONS] = write_object(dict(sorted(extensions.items())))
    return write_object(shown)


def _extensions(raw: bytes) -> dict[str, bytes]:
    members = read_object(raw) or {}
    return {name: value for name, value in members.items() if name not in NOT_CARRIED_EXTENSIONS}
