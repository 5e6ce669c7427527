"""A legacy client on stdio in front of `mcp-remote`, which finds its own way in.

    python -m tests.rigs.remote_proxy_client ERA [talk]     ERA: legacy or auto (`--protocol`)

The job and the report are those of `tests/rigs/sdk_clients.py`, or with `talk` those of
`tests/rigs/current_talking_client.py`; the job's token is not used. The proxy registers itself,
opens a browser (`tests/rigs/sign_in_at.py`), gets a token with PKCE and keeps it in a directory
that ends with the visit. Every failure is an uncaught one.
"""

import asyncio
import json
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.rigs.child import ROOT
from tests.rigs.current_sdk_client import report
from tests.rigs.current_talking_client import talk
from tests.rigs.node import HOME, NODE

PROXY = HOME / "node_modules" / "mcp-remote" / "dist" / "proxy.js"


async def visit(job: dict[str, Any], era: str, scratch: Path) -> dict[str, Any]:
    """Everything that a report wants."""
    async with Client(stdio_client(_proxy(job["url"], era, scratch)), mode="legacy") as client:
        return await report(client, job)


async def conversation(job: dict[str, Any], era: str, scratch: Path) -> dict[str, Any]:
    """What comes of a talk.

    Towards a modern server the proxy sends `notifications/cancelled`, which is of stdio only, and
    leaves the stream open: nobody learns of it.
    """
    transport = stdio_client(_proxy(job["url"], era, scratch))
    return await talk(transport, "legacy", can_cancel=era == "legacy")


def _proxy(url: str, era: str, scratch: Path) -> StdioServerParameters:
    return StdioServerParameters(
        command=str(NODE),
        args=[str(PROXY), url, "--transport", "http-only", "--protocol", era],
        env={
            "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(scratch),
            "MCP_REMOTE_CONFIG_DIR": str(scratch),
            "BROWSER": str(_browser(scratch)),
        },
    )


def _browser(scratch: Path) -> Path:
    """The program that the proxy takes for a browser."""
    command = shlex.join([sys.executable, "-m", "tests.rigs.sign_in_at"])
    script = scratch / "browser"
    script.write_text(f'#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {command} "$1"\n')
    script.chmod(0o700)
    return script


if __name__ == "__main__":
    duty = conversation if sys.argv[2:] == ["talk"] else visit
    with tempfile.TemporaryDirectory(prefix="pc") as directory:
        found = asyncio.run(duty(json.load(sys.stdin), sys.argv[1], Path(directory)))
    sys.stdout.write(json.dumps(found) + "\n")
