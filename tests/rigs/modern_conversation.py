"""One long conversation by the Python SDK 2.x with the conformance fixture, in the modern era.

    python -m tests.rigs.modern_conversation

On stdin {"url": ..., "token": ...}. It is asked for a form, a sample and its roots in several
rounds, and listens to changes that it brings about itself. Report on stdout.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CallToolResult,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestParams,
    ElicitResult,
    ListRootsResult,
    Root,
    TextContent,
)

MODERN = "2026-07-28"
ANSWERS: dict[str, Any] = {"name": "Ada", "color": "green", "ok": True}


async def converse(job: dict[str, Any]) -> dict[str, Any]:
    """Everything, as one client."""
    asked: list[str] = []

    async def elicit(context: Any, params: ElicitRequestParams) -> ElicitResult:
        del context
        asked.append(params.message)
        return ElicitResult(action="accept", content=dict(ANSWERS))

    async def sample(context: Any, params: CreateMessageRequestParams) -> CreateMessageResult:
        del context
        asked.append(f"sample up to {params.max_tokens}")
        content = TextContent(type="text", text="Good day")
        return CreateMessageResult(role="assistant", content=content, model="m")

    async def roots(context: Any) -> ListRootsResult:
        del context
        asked.append("roots")
        return ListRootsResult(roots=[Root(uri="file:///home/ada")])  # type: ignore[arg-type]

    headers = {"Authorization": f"Bearer {job['token']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http_client:
        transport = streamable_http_client(job["url"], http_client=http_client)
        async with Client(
            transport,
            mode=MODERN,
            elicitation_callback=elicit,
            sampling_callback=sample,
            list_roots_callback=roots,
        ) as client:
            return await _report(client, asked)


async def _report(client: Client, asked: list[str]) -> dict[str, Any]:
    names = [tool.name for tool in (await client.list_tools()).tools]
    said = {}
    for ending in ("request_state", "multiple_inputs", "multi_round"):
        (name,) = [n for n in names if n.endswith(f"input_required_result_{ending}")]
        said[ending] = _text(await client.call_tool(name, {}))
    return {"said": said, "asked": asked, "heard": await _heard(client, names.__contains__)}


async def _heard(client: Client, has: Callable[[str], bool]) -> list[str]:
    heard = []
    async with client.listen(tools_list_changed=True, prompts_list_changed=True) as listening:
        events = aiter(listening)
        for tool in ("test_trigger_tool_change", "test_trigger_prompt_change"):
            assert has(tool)
            await client.call_tool(tool, {})
            heard.append(type(await anext(events)).__name__)
    return heard


def _text(result: CallToolResult) -> str:
    first = result.content[0]
    assert isinstance(first, TextContent)
    return first.text


if __name__ == "__main__":
    found = asyncio.run(converse(json.load(sys.stdin)))
    sys.stdout.write(json.dumps(found) + "\n")
