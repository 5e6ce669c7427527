"""One visit of an MCP endpoint by the Python SDK's previous major version (1.30).

Run by the interpreter of `tests/rigs/legacy_client_env.py`, never imported: job on stdin, report
on stdout, as `tests/rigs/sdk_clients.py` has them. Every failure is an uncaught one.
"""

# It is written against another version of `mcp` than the one that the type checker sees:
# mypy: ignore-errors

import asyncio
import json
import sys
from typing import Any

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from pydantic import AnyUrl


async def visit(job: dict[str, Any]) -> dict[str, Any]:
    """Everything that a report wants, over one session."""
    headers = {"Authorization": f"Bearer {job['token']}"}
    async with (
        create_mcp_http_client(headers=headers) as http_client,
        streamable_http_client(job["url"], http_client=http_client) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        opened = await session.initialize()
        return await _report(session, opened, job)


async def _report(session: ClientSession, opened: Any, job: dict[str, Any]) -> dict[str, Any]:
    progress: list[float] = []

    async def on_progress(done: float, _total: float | None, _message: str | None) -> None:
        progress.append(done)

    tools = (await session.list_tools()).tools
    called = await session.call_tool(job["tool"], job["arguments"], progress_callback=on_progress)
    prompts = (await session.list_prompts()).prompts
    prompt = await session.get_prompt(job["prompt"], job["prompt_arguments"])
    resources = (await session.list_resources()).resources
    resource = await session.read_resource(AnyUrl(job["resource"]))
    return {
        "revision": str(opened.protocolVersion),
        "server": opened.serverInfo.name,
        "tools": [tool.name for tool in tools],
        "text": called.content[0].text,
        "is_error": called.isError,
        "progress": progress,
        "prompts": [each.name for each in prompts],
        "prompt": prompt.messages[0].content.text,
        "resources": [str(each.uri) for each in resources],
        "resource": resource.contents[0].text,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(visit(json.load(sys.stdin)))) + "\n")
