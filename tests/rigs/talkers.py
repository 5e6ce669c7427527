"""Clients that can be asked, told and cancelled, and the two servers that do it to them.

All say the same in the end: {"ask_model", "ask_person", "ask_roots", "told", "cancelled"}.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.child import Child, python_module
from tests.rigs.legacy_client_env import legacy_interpreter
from tests.rigs.node import node_script
from tests.rigs.sdk_clients import MODERN, Command, packaged_client, python_client

RIGS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Talker:
    """A client of `tests/rigs/sdk_clients.py`, by its name; `cannot` is what it is unable to."""

    name: str
    command: Command
    cannot: frozenset[str] = frozenset()


def start_legacy_talker(log_dir: Path) -> Child:
    """The server on the SDK's previous major. Its announcement is `{"url": ...}`."""
    command: list[str | Path] = [legacy_interpreter(), RIGS / "legacy_talking_server.py"]
    return Child("legacy-talker", [*command, "--port", "0"], log_dir)


def start_current_talker(log_dir: Path) -> Child:
    """The server on the SDK's current major, both eras. Its announcement is `{"url": ...}`."""
    command = python_module("tests.rigs.current_talking_server")
    return Child("current-talker", command, log_dir)


def _python(mode: str) -> Command:
    return python_client("current_talking_client", mode)


def _previous_python() -> Sequence[str | Path]:
    return [legacy_interpreter(), RIGS / "legacy_talking_client.py"]


def _typescript(sdk: str) -> Command:
    return lambda: [*node_script("talk_sdk.mjs"), sdk]


def _proxy(era: str) -> Command:
    return packaged_client("remote_proxy_client", era, "talk")


LEGACY_TALKERS = (
    Talker("python-2-legacy", _python("legacy")),
    Talker("python-1", _previous_python),
    Talker("typescript-1", _typescript("sdk1")),
    Talker("typescript-2-legacy", _typescript("client2-legacy")),
    Talker("mcp-remote-legacy", _proxy("legacy")),
)
MODERN_TALKERS = (
    Talker("python-2-modern", _python(MODERN)),
    Talker("python-2-auto", _python("auto")),
    Talker("typescript-2-modern", _typescript("client2-modern")),
    Talker("typescript-2-auto", _typescript("client2-auto")),
    Talker("mcp-remote-auto", _proxy("auto"), cannot=frozenset({"cancel"})),
)
