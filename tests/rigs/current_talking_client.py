"""The SDK's current major (2.x) as a client that is asked, told and cancels.

    python -m tests.rigs.current_talking_client MODE     MODE: legacy, auto, or a modern revision

The job is {"url", "token"} on stdin, the server one of the talking ones of `tests/rigs`; what came
of it is on stdout. A legacy client subscribes and hears beside its calls, a modern one listens.
Every failure is an uncaught one.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client._transport import Transport
from mcp.client.client import Client
from mcp.client.context import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourceUpdated, Subscription, ToolsListChanged
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
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import FileUrl

RESOURCE = "talk://one"
CHANGES = {
    ResourceUpdatedNotification: "resources/updated",
    ResourceUpdated: "resources/updated",
    ToolListChangedNotification: "tools/list_changed",
    ToolsListChanged: "tools/list_changed",
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


async def talk(transport: Transport, mode: str, *, can_cancel: bool = True) -> dict[str, Any]:
    """Do everything, as one client."""
    told: set[str] = set()

    async def hear(message: object) -> None:
        for kind, method in CHANGES.items():
            if isinstance(message, kind):
                told.add(f"notifications/{method}")

    async with Client(
        transport,
        mode=mode,
        sampling_callback=_model,
        elicitation_callback=_person,
        list_roots_callback=_roots,
        message_handler=hear,
    ) as client:
        found = {n: await _text(client, n) for n in ("ask_model", "ask_person", "ask_roots")}
        async with _subscribed(client, hear):
            # The stream of a GET opens beside all this: whoever is early is not heard.
            while len(told) < len(set(CHANGES.values())):
                await _text(client, "touch")
                await asyncio.sleep(0.2)
        if can_cancel:
            found["cancelled"] = await _cancel(client)
        return found | {"told": sorted(told)}


@asynccontextmanager
async def _subscribed(
    client: Client, hear: Callable[[object], Awaitable[None]]
) -> AsyncIterator[None]:
    """Told of changes until the block ends, as the revision has it."""
    if client.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        await client.subscribe_resource(RESOURCE)
        yield
        await client.unsubscribe_resource(RESOURCE)
        return
    async with (
        client.listen(tools_list_changed=True, resource_subscriptions=[RESOURCE]) as listening,
        asyncio.TaskGroup() as tasks,
    ):
        listener = tasks.create_task(_listen(listening, hear))
        yield
        listener.cancel()


async def _listen(listening: Subscription, hear: Callable[[object], Awaitable[None]]) -> None:
    async for event in listening:
        await hear(event)


async def over_http(job: dict[str, Any], mode: str) -> dict[str, Any]:
    """Talk with an endpoint."""
    headers = {"Authorization": f"Bearer {job['token']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http_client:
        return await talk(streamable_http_client(job["url"], http_client=http_client), mode)


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
    outcome = asyncio.run(over_http(json.load(sys.stdin), sys.argv[1]))
    sys.stdout.write(json.dumps(outcome) + "\n")
