"""A legacy client on stdio in front of `mcp-remote`, which finds its own way in.

    python -m tests.rigs.remote_proxy_client ERA     ERA: legacy or auto, as `--protocol` has it

The job and the report are those of `tests/rigs/sdk_clients.py`; the job's token is not used. The
proxy registers itself, opens a browser (`tests/rigs/sign_in_at.py`), gets a token with PKCE and
keeps it in a directory that ends with the visit. Every failure is an uncaught one.
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
from tests.rigs.node import HOME, NODE

PROXY = HOME / "node_modules" / "mcp-remote" / "dist" / "proxy.js"


async def visit(job: dict[str, Any], era: str, scratch: Path) -> dict[str, Any]:
    """Everything that a report wants."""
    proxy = StdioServerParameters(
        command=str(NODE),
        args=[str(PROXY), job["url"], "--transport", "http-only", "--protocol", era],
        env={
            "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(scratch),
            "MCP_REMOTE_CONFIG_DIR": str(scratch),
            "BROWSER": str(_browser(scratch)),
        },
    )
    async with Client(stdio_client(proxy), mode="legacy") as client:
        return await report(client, job)


def _browser(scratch: Path) -> Path:
    """The program that the proxy takes for a browser."""
    command = shlex.join([sys.executable, "-m", "tests.rigs.sign_in_at"])
    script = scratch / "browser"
    script.write_text(f'#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {command} "$1"\n')
    script.chmod(0o700)
    return script


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="pc") as directory:
        found = asyncio.run(visit(json.load(sys.stdin), sys.argv[1], Path(directory)))
    sys.stdout.write(json.dumps(found) + "\n")
