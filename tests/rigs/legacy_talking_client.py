"""The SDK's previous major (1.30) as a client that is asked, told and cancels.

Run by the interpreter of `tests/rigs/legacy_client_env.py`, never imported: {"url", "token"} on
stdin, what came of it on stdout. Every failure is an uncaught one.
"""

# It is written against another version of `mcp` than the one that the type checker sees:
# mypy: ignore-errors

import asyncio
import json
import sys
from typing import Any

from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import (
    CancelledNotification,
    CancelledNotificationParams,
    ClientNotification,
    CreateMessageResult,
    ElicitResult,
    ListRootsResult,
    Root,
    ServerNotification,
    TextContent,
)
from pydantic import AnyUrl


async def _model(_context: Any, params: Any) -> CreateMessageResult:
    text = f"answer to {params.messages[0].content.text}"
    content = TextContent(type="text", text=text)
    return CreateMessageResult(role="assistant", content=content, model="none")


async def _person(_context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"name": f"Ada ({params.message})"})


async def _roots(_context: Any) -> ListRootsResult:
    return ListRootsResult(roots=[Root(uri="file:///home/ada")])


class Told:
    """What came outside of calls."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.arrived = asyncio.Event()

    async def hear(self, message: Any) -> None:
        if isinstance(message, ServerNotification):
            self.messages.append(message.root.method)
            self.arrived.set()

    async def until(self, *methods: str) -> None:
        async with asyncio.timeout(10):
            while not set(methods) <= set(self.messages):
                self.arrived.clear()
                await self.arrived.wait()


async def visit(job: dict[str, Any]) -> dict[str, Any]:
    """Do everything, over one session."""
    told = Told()
    headers = {"Authorization": f"Bearer {job['token']}"}
    async with (
        create_mcp_http_client(headers=headers) as http_client,
        streamable_http_client(job["url"], http_client=http_client) as (read, write, _),
        ClientSession(
            read,
            write,
            sampling_callback=_model,
            elicitation_callback=_person,
            list_roots_callback=_roots,
            message_handler=told.hear,
        ) as session,
    ):
        await session.initialize()
        found = {name: await _text(session, name) for name in ("ask_model", "ask_person")}
        found["ask_roots"] = await _text(session, "ask_roots")
        await session.subscribe_resource(AnyUrl("talk://one"))
        wanted = {"notifications/resources/updated", "notifications/tools/list_changed"}
        # The stream of the GET opens beside all this: whoever is early is not heard.
        while not wanted <= set(told.messages):
            await _text(session, "touch")
            await asyncio.sleep(0.2)
        await session.unsubscribe_resource(AnyUrl("talk://one"))
        found["cancelled"] = await _cancel(session)
        return found | {"told": sorted(set(told.messages) & wanted)}


async def _text(session: ClientSession, tool: str) -> str:
    called = await session.call_tool(tool, {})
    assert not called.isError, called.content[0].text
    return called.content[0].text


async def _cancel(session: ClientSession) -> str:
    runs = asyncio.Event()

    async def on_progress(*_: object) -> None:
        runs.set()

    async with asyncio.TaskGroup() as tasks:
        request_id = session._request_id  # noqa: SLF001 - it gives its ids to nobody
        call = tasks.create_task(_refused(session, on_progress))
        async with asyncio.timeout(10):
            await runs.wait()
        params = CancelledNotificationParams(requestId=request_id)
        cancelled = CancelledNotification(method="notifications/cancelled", params=params)
        await session.send_notification(ClientNotification(cancelled))
    return f"{call.result()} {await _text(session, 'was_cancelled')}"


async def _refused(session: ClientSession, on_progress: Any) -> str:
    try:
        await session.call_tool("wait", {}, progress_callback=on_progress)
    except McpError as error:
        return str(error)
    return "not cancelled"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(visit(json.load(sys.stdin)))) + "\n")
