"""The SDK's current major (2.x) as a legacy client that is asked, told and cancels.

    python -m tests.rigs.current_talking_client

The job is {"url", "token"} on stdin, the server `tests/rigs/legacy_talking_server.py`; what came of
it is on stdout. Every failure is an uncaught one.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.context import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestParams,
    ElicitResult,
    ListRootsResult,
    ResourceUpdatedNotification,
    Root,
    TextContent,
    ToolListChangedNotification,
)
from pydantic import FileUrl

CHANGES = {
    ResourceUpdatedNotification: "resources/updated",
    ToolListChangedNotification: "tools/list_changed",
}


async def _model(
    context: ClientRequestContext, params: CreateMessageRequestParams
) -> CreateMessageResult:
    content = params.messages[0].content
    assert isinstance(content, TextContent)
    answer = TextContent(type="text", text=f"answer to {content.text}")
    return CreateMessageResult(role="assistant", content=answer, model="none")


async def _person(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="accept", content={"name": f"Ada ({params.message})"})


async def _roots(context: ClientRequestContext) -> ListRootsResult:
    return ListRootsResult(roots=[Root(uri=FileUrl("file:///home/ada"))])


async def talk(job: dict[str, Any]) -> dict[str, Any]:
    """Do everything, over one session."""
    told: set[str] = set()

    async def hear(message: object) -> None:
        for kind, method in CHANGES.items():
            if isinstance(message, kind):
                told.add(f"notifications/{method}")

    headers = {"Authorization": f"Bearer {job['token']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http_client:
        transport = streamable_http_client(job["url"], http_client=http_client)
        async with Client(
            transport,
            mode="legacy",
            sampling_callback=_model,
            elicitation_callback=_person,
            list_roots_callback=_roots,
            message_handler=hear,
        ) as client:
            found = {n: await _text(client, n) for n in ("ask_model", "ask_person", "ask_roots")}
            await client.subscribe_resource("talk://one")
            # The stream of the GET opens beside all this: whoever is early is not heard.
            while len(told) < len(CHANGES):
                await _text(client, "touch")
                await asyncio.sleep(0.2)
            await client.unsubscribe_resource("talk://one")
            found["cancelled"] = await _cancel(client)
            return found | {"told": sorted(told)}


async def _text(client: Client, tool: str) -> str:
    called = await client.call_tool(tool, {})
    first = called.content[0]
    assert isinstance(first, TextContent)
    assert not called.is_error, first.text
    return first.text


async def _cancel(client: Client) -> str:
    runs = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(_wait(client, runs.set))
        async with asyncio.timeout(10):
            await runs.wait()
        call.cancel()
    assert call.cancelled()
    return f"Request cancelled {await _text(client, 'was_cancelled')}"


async def _wait(client: Client, leave: Callable[[], object]) -> None:
    async def on_progress(
        progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        leave()

    await client.call_tool("wait", {}, progress_callback=on_progress)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(talk(json.load(sys.stdin)))) + "\n")
