"""The official SDKs as clients: each visits an endpoint in a process of its own and reports.

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
from tests.rigs.legacy_client_env import legacy_interpreter
from tests.rigs.node import node_script

MODERN = "2026-07-28"
LATEST_LEGACY = "2025-11-25"
VISIT_TIMEOUT_S = 45.0


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
    """What the SDK handed out. `server` is None where the protocol lets a server hide its name."""

    revision: str
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
    """One SDK, pinned to one era. `command` starts its script."""

    name: str
    revision: str
    command: Callable[[], Sequence[str | Path]]

    @property
    def is_modern(self) -> bool:
        return self.revision == MODERN

    async def visit(self, job: Job) -> Report:
        """Do the job. Raises VisitFailed with what the SDK said."""
        command = await asyncio.to_thread(self.command)
        return Report(**await run_script(command, asdict(job)))


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


def _current_python(mode: str) -> Callable[[], Sequence[str | Path]]:
    return lambda: python_module("tests.rigs.current_sdk_client", mode)


def _legacy_python() -> Sequence[str | Path]:
    return [legacy_interpreter(), Path(__file__).parent / "legacy_sdk_client.py"]


def _typescript(sdk: str) -> Callable[[], Sequence[str | Path]]:
    return lambda: [*node_script("call_sdk.mjs"), sdk]


CLIENTS = (
    SdkClient("python-2-modern", MODERN, _current_python(MODERN)),
    SdkClient("python-2-legacy", LATEST_LEGACY, _current_python("legacy")),
    SdkClient("python-1", LATEST_LEGACY, _legacy_python),
    SdkClient("typescript-1", LATEST_LEGACY, _typescript("sdk1")),
    SdkClient("typescript-2-legacy", LATEST_LEGACY, _typescript("client2-legacy")),
    SdkClient("typescript-2-modern", MODERN, _typescript("client2-modern")),
)
