"""Real clients: each visits an endpoint in a process of its own and reports.

A visit connects, lists the tools and calls one with a progress callback, lists the prompts and
gets one, lists the resources and reads one, and leaves.
"""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.rigs.child import ROOT, python_module
from tests.rigs.gateway import RunningGateway
from tests.rigs.legacy_client_env import legacy_interpreter
from tests.rigs.node import install_packages, node_script

MODERN = "2026-07-28"
LATEST_LEGACY = "2025-11-25"
VISIT_TIMEOUT_S = 45.0


Command = Callable[[], Sequence[str | Path]]


class VisitFailed(Exception):
    """The SDK raised. The message has what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to do at an endpoint."""

    url: str
    token: str
    tool: str
    prompt: str
    resource: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    prompt_arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the client handed out.

    `server` is None where the protocol lets a server hide its name, `revision` where the client
    does not tell it.
    """

    revision: str | None
    server: str | None
    tools: Sequence[str]
    text: str
    is_error: bool
    progress: Sequence[float]
    prompts: Sequence[str]
    prompt: str
    resources: Sequence[str]
    resource: str


@dataclass(frozen=True, slots=True)
class SdkClient:
    """One client in one mode; `revision` is what it comes to speak with a server of both eras.

    `command` starts its script, `tells` is the revision in its report, and `cannot` names what no
    visit with it can show.
    """

    name: str
    revision: str
    command: Command
    tells: str | None
    cannot: frozenset[str] = frozenset()

    @property
    def is_modern(self) -> bool:
        return self.revision == MODERN

    async def visit(self, job: Job) -> Report:
        """Do the job. Raises VisitFailed with what the SDK said."""
        command = await asyncio.to_thread(self.command)
        return Report(**await run_script(command, asdict(job)))


def revisions_served(gateway: RunningGateway, since: int) -> set[str]:
    """Those in which the gateway served tools since that line of its log."""
    lines = gateway.log_lines()[since:]
    return {line["revision"] for line in lines if line.get("method") == "tools/call"}


async def run_script(command: Sequence[str | Path], job: Mapping[str, Any]) -> dict[str, Any]:
    """Give a client's script its job and take its report. Raises VisitFailed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    try:
        async with asyncio.timeout(VISIT_TIMEOUT_S):
            output, errors = await process.communicate(json.dumps(job).encode())
    except TimeoutError:
        raise VisitFailed(f"no report within {VISIT_TIMEOUT_S} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise VisitFailed(errors.decode(errors="replace")[-4000:])
    found = json.loads(output)
    assert isinstance(found, dict)
    return found


def python_client(module: str, *words: str) -> Command:
    """A module of ours on the SDK that runs the tests."""
    return lambda: python_module(f"tests.rigs.{module}", *words)


def _previous_python() -> Sequence[str | Path]:
    return [legacy_interpreter(), Path(__file__).parent / "legacy_sdk_client.py"]


def _typescript(sdk: str) -> Command:
    return lambda: [*node_script("call_sdk.mjs"), sdk]


def packaged_client(module: str, *words: str) -> Command:
    """A program of `tests/node`, driven by a module of ours."""

    def command() -> Sequence[str | Path]:
        install_packages()
        return python_module(f"tests.rigs.{module}", *words)

    return command


def _sdk(name: str, revision: str, command: Command) -> SdkClient:
    return SdkClient(name, revision, command, tells=revision)


def _inspector(era: str, revision: str) -> SdkClient:
    command = packaged_client("inspector_client", era)
    cannot = frozenset({"progress"})
    return SdkClient(f"inspector-{era}", revision, command, tells=None, cannot=cannot)


def _proxy(era: str, revision: str) -> SdkClient:
    # Whatever it speaks with a server, on stdio it is legacy.
    command = packaged_client("remote_proxy_client", era)
    return SdkClient(f"mcp-remote-{era}", revision, command, tells=LATEST_LEGACY)


PINNED_SDKS = (
    _sdk("python-2-modern", MODERN, python_client("current_sdk_client", MODERN)),
    _sdk("python-2-legacy", LATEST_LEGACY, python_client("current_sdk_client", "legacy")),
    _sdk("python-1", LATEST_LEGACY, _previous_python),
    _sdk("typescript-1", LATEST_LEGACY, _typescript("sdk1")),
    _sdk("typescript-2-legacy", LATEST_LEGACY, _typescript("client2-legacy")),
    _sdk("typescript-2-modern", MODERN, _typescript("client2-modern")),
)
NEGOTIATING_SDKS = (
    _sdk("python-2-auto", MODERN, python_client("current_sdk_client", "auto")),
    _sdk("typescript-2-auto", MODERN, _typescript("client2-auto")),
)
INSPECTORS = (
    _inspector("legacy", LATEST_LEGACY),
    _inspector("auto", MODERN),
    _inspector("modern", MODERN),
)
PROXIES = (_proxy("legacy", LATEST_LEGACY), _proxy("auto", MODERN))
CLIENTS = (*PINNED_SDKS, *NEGOTIATING_SDKS, *INSPECTORS, *PROXIES)
