"""One visit of an MCP endpoint by the Python SDK's current major version (2.x).

    python -m tests.rigs.current_sdk_client MODE     MODE: legacy, auto, or a modern revision

Job on stdin, report on stdout, as `tests/rigs/sdk_clients.py` has them. Every failure is an
uncaught one.
"""

import asyncio
import json
import sys
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, GetPromptResult, ReadResourceResult, TextContent
from mcp_types import TextResourceContents as TextResource


async def visit(job: dict[str, Any], mode: str) -> dict[str, Any]:
    """Everything that a report wants, as one client."""
    headers = {"Authorization": f"Bearer {job['token']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http_client:
        transport = streamable_http_client(job["url"], http_client=http_client)
        async with Client(transport, mode=mode) as client:
            return await report(client, job)


async def report(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """What a client that is connected sees."""
    steps: list[float] = []

    async def on_progress(
        progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        steps.append(progress)

    tools = (await client.list_tools()).tools
    called = await client.call_tool(job["tool"], job["arguments"], progress_callback=on_progress)
    prompts = (await client.list_prompts()).prompts
    prompt = await client.get_prompt(job["prompt"], job["prompt_arguments"])
    resources = (await client.list_resources()).resources
    resource = await client.read_resource(job["resource"])
    return {
        "revision": client.protocol_version,
        "server": client.server_info.name if client.server_info else None,
        "tools": [tool.name for tool in tools],
        "text": _text_of_call(called),
        "is_error": bool(called.is_error),
        "progress": steps,
        "prompts": [each.name for each in prompts],
        "prompt": _text_of_prompt(prompt),
        "resources": [str(each.uri) for each in resources],
        "resource": _text_of_resource(resource),
    }


def _text_of_call(called: CallToolResult) -> str:
    first = called.content[0]
    assert isinstance(first, TextContent)
    return first.text


def _text_of_prompt(prompt: GetPromptResult) -> str:
    first = prompt.messages[0].content
    assert isinstance(first, TextContent)
    return first.text


def _text_of_resource(resource: ReadResourceResult) -> str:
    first = resource.contents[0]
    assert isinstance(first, TextResource)
    return first.text


if __name__ == "__main__":
    found = asyncio.run(visit(json.load(sys.stdin), sys.argv[1]))
    sys.stdout.write(json.dumps(found) + "\n")
