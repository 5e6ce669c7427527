"""The Inspector's command line as a client: one process a method, a token in a header.

    python -m tests.rigs.inspector_client ERA     ERA: legacy, auto or modern

Job on stdin, report on stdout, as `tests/rigs/sdk_clients.py` has them. It tells neither the
revision nor progress. Every failure is an uncaught one.
"""

import asyncio
import json
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rigs.node import HOME, NODE

LAUNCHER = "@modelcontextprotocol/inspector/clients/launcher/build/index.js"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector:
    """One server, asked in one era."""

    url: str
    token: str
    era: str
    home: str

    async def ask(self, method: str, *words: str) -> Any:
        """The result of one method."""
        command: list[str | Path] = [
            *(NODE, HOME / "node_modules" / LAUNCHER, "--cli"),
            *("--server-url", self.url, "--transport", "http", "--protocol-era", self.era),
            *("--header", f"Authorization: Bearer {self.token}", "--stored-auth-only"),
            *("--format", "json", "--method", method, *words),
        ]
        environ = {"PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}", "HOME": self.home}
        process = await asyncio.create_subprocess_exec(
            *command, env=environ, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, f"{method}: {output.decode()}{errors.decode()}"
        return json.loads(output)["result"]


async def visit(inspector: Inspector, job: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a report wants."""
    tools = (await inspector.ask("tools/list"))["tools"]
    arguments = json.dumps(job["arguments"])
    call = ("--tool-name", job["tool"], "--tool-args-json", arguments)
    called = await inspector.ask("tools/call", *call)
    prompts = (await inspector.ask("prompts/list"))["prompts"]
    given = [f"{name}={value}" for name, value in job["prompt_arguments"].items()]
    get = ("--prompt-name", job["prompt"], "--prompt-args", *given)
    prompt = await inspector.ask("prompts/get", *get)
    resources = (await inspector.ask("resources/list"))["resources"]
    resource = await inspector.ask("resources/read", "--uri", job["resource"])
    return {
        "revision": None,
        "server": None,
        "tools": [tool["name"] for tool in tools],
        "text": called["content"][0]["text"],
        "is_error": called.get("isError", False),
        "progress": [],
        "prompts": [each["name"] for each in prompts],
        "prompt": prompt["messages"][0]["content"]["text"],
        "resources": [each["uri"] for each in resources],
        "resource": resource["contents"][0]["text"],
    }


async def main(job: Mapping[str, Any], era: str) -> dict[str, Any]:
    """A visit with a home directory that ends with it."""
    with tempfile.TemporaryDirectory(prefix="pc") as home:
        inspector = Inspector(url=job["url"], token=job["token"], era=era, home=home)
        return await visit(inspector, job)


if __name__ == "__main__":
    found = asyncio.run(main(json.load(sys.stdin), sys.argv[1]))
    sys.stdout.write(json.dumps(found) + "\n")
