"""What somebody in front of the gateway does in each client scenario of the official suite."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.context import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.mcp_client import McpClient, RpcRefused

TIMEOUT_S = 20
INVALID_PARAMS = -32602


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """The endpoint to use, and what the suite said of the scenario."""

    url: str
    token: str
    revision: str
    context: Mapping[str, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """The SDK, connected in the era of the scenario. It accepts every form as it stands."""
        headers = {"Authorization": f"Bearer {self.token}"}
        mode = self.revision if self.revision in MODERN_PROTOCOL_VERSIONS else "legacy"
        async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_S) as http_client:
            transport = streamable_http_client(self.url, http_client=http_client)
            async with Client(transport, mode=mode, elicitation_callback=_accept) as client:
                yield client


Drive = Callable[[Visit], Coroutine[None, None, None]]


async def list_tools(visit: Visit) -> None:
    """Nothing but a look at the tools, if there are any."""
    async with visit.client() as client:
        await client.list_tools()


async def add_numbers(visit: Visit) -> None:
    async with visit.client() as client:
        await _call(client, "add_numbers", {"a": 5, "b": 3})


async def use_everything(visit: Visit) -> None:
    """Every tool, resource and prompt that is listed."""
    async with visit.client() as client:
        for tool in (await client.list_tools()).tools:
            await _call(client, tool.name, {})
        for resource in (await client.list_resources()).resources:
            await client.read_resource(resource.uri)
        for prompt in (await client.list_prompts()).prompts:
            await client.get_prompt(prompt.name)


async def make_calls_of_context(visit: Visit) -> None:
    """The calls that the suite wants, as it wants them."""
    async with visit.client() as client:
        await client.list_tools()
        for call in visit.context["toolCalls"]:
            await _call(client, call["name"], call["arguments"])


async def call_what_is_shown(visit: Visit) -> None:
    """Every tool that the gateway shows, and those that it must not let through by their names.

    What it shows is asked with a client that leaves nothing out: the SDK itself drops such tools.
    """
    plain = McpClient(visit.url, visit.token, TIMEOUT_S)
    shown = [tool["name"] for tool in await asyncio.to_thread(plain.list_tools)]
    if shown != ["valid_tool"]:
        raise AssertionError(shown)
    async with visit.client() as client:
        await client.list_tools()
        await _call(client, "valid_tool", {"region": "eu"})
    for name in ("invalid_empty_header", "invalid_duplicate_diff_case", "invalid_number_header"):
        await asyncio.to_thread(_refused, plain, name)


async def go_several_rounds(visit: Visit) -> None:
    """Each tool that needs a confirmation, one that does not, and one of an older server."""
    async with visit.client() as client:
        for tool in (await client.list_tools()).tools:
            await _call(client, tool.name, {})


async def echo_schema(visit: Visit) -> None:
    """Give back the schema of the first tool as it arrived."""
    async with visit.client() as client:
        focal, echo = (await client.list_tools()).tools
        await _call(client, echo.name, {"schema": focal.input_schema})


DRIVES: Mapping[str, Drive] = {
    "elicitation-sep1034-client-defaults": go_several_rounds,
    "http-custom-headers": make_calls_of_context,
    "http-invalid-tool-headers": call_what_is_shown,
    "http-standard-headers": use_everything,
    "initialize": list_tools,
    "json-schema-2020-12-preservation": echo_schema,
    "json-schema-ref-no-deref": list_tools,
    "request-metadata": list_tools,
    "sep-2322-client-request-state": go_several_rounds,
    "sse-retry": go_several_rounds,
    "tools_call": add_numbers,
}


async def _call(client: Client, name: str, arguments: dict[str, Any]) -> CallToolResult:
    called = await client.call_tool(name, arguments)
    if called.is_error:
        raise AssertionError(called)
    return called


def _refused(plain: McpClient, name: str) -> None:
    try:
        plain.call_tool(name, {})
    except RpcRefused as refused:
        if refused.code != INVALID_PARAMS:
            raise
    else:
        raise AssertionError(name)


async def _accept(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    if not isinstance(params, ElicitRequestFormParams):
        raise TypeError(params)
    properties = params.requested_schema["properties"]
    filled = {name: field.get("default", True) for name, field in properties.items()}
    return ElicitResult(action="accept", content=filled)
