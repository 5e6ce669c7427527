"""A server on the SDK's current major (2.x), in both eras, that asks, tells and waits.

    python -m tests.rigs.current_talking_server [--port 0]

It says and does what `tests/rigs/legacy_talking_server.py` does. It prints one JSON line
`{"url": ...}` once it listens and ends when its stdin closes.
"""

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping

from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp.shared.subscriptions import ResourceUpdated, ToolsListChanged
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    EmptyResult,
    InputRequiredResult,
    ListResourcesResult,
    ListRootsRequest,
    ListToolsResult,
    PaginatedRequestParams,
    Resource,
    SubscribeRequestParams,
    TextContent,
    Tool,
    UnsubscribeRequestParams,
)

from gateway.dev.backends.serving import serve
from tests.conformance.fixture.content import said
from tests.conformance.fixture.conversation import (
    Context,
    Conversation,
    InputRequired,
    form,
    sample,
)

NAME = "talker"
ONE = "talk://one"
BUS = InMemorySubscriptionBus()
CANCELLED = asyncio.Event()
Handler = Callable[[Conversation], Awaitable[CallToolResult]]


async def ask_model(call: Conversation) -> CallToolResult:
    answer = (await call.ask({"model": sample("hello?", 10)}))["model"]
    assert isinstance(answer.content, TextContent)
    return said(answer.content.text)


async def ask_person(call: Conversation) -> CallToolResult:
    question = form("who?", {"name": {"type": "string"}}, "name")
    answer = (await call.ask({"person": question}))["person"]
    return said(f"{answer.action} {answer.content['name']}")


async def ask_roots(call: Conversation) -> CallToolResult:
    answer = (await call.ask({"roots": ListRootsRequest()}))["roots"]
    return said(" ".join(str(root.uri) for root in answer.roots))


async def touch(call: Conversation) -> CallToolResult:
    """Say, outside of the call, that a resource and the list of tools changed."""
    await BUS.publish(ResourceUpdated(ONE))
    await BUS.publish(ToolsListChanged())
    await call.context.session.send_resource_updated(ONE)
    await call.context.session.send_tool_list_changed()
    return said("touched")


async def wait(call: Conversation) -> CallToolResult:
    """Run until cancelled."""
    await call.context.session.report_progress(1, 2)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        CANCELLED.set()
        raise
    return said("not cancelled")


async def was_cancelled(_: Conversation) -> CallToolResult:
    """Tell whether `wait` was cancelled since this was asked last, after a while at most."""
    async with asyncio.timeout(5):
        await CANCELLED.wait()
    CANCELLED.clear()
    return said("yes")


TOOLS: Mapping[str, Handler] = {
    handler.__name__: handler
    for handler in (ask_model, ask_person, ask_roots, touch, wait, was_cancelled)
}


async def list_tools(_: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
    schema = {"type": "object"}
    return ListToolsResult(tools=[Tool(name=name, input_schema=schema) for name in TOOLS])


async def call_tool(
    context: Context, params: CallToolRequestParams
) -> CallToolResult | InputRequiredResult:
    try:
        return await TOOLS[params.name](Conversation(context, params))
    except InputRequired as asked:
        return InputRequiredResult(input_requests=asked.questions, request_state=asked.state)


async def list_resources(_: Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
    return ListResourcesResult(resources=[Resource(name="one", uri=ONE)])


async def subscribe(_: Context, __: SubscribeRequestParams) -> EmptyResult:
    return EmptyResult()


async def unsubscribe(_: Context, __: UnsubscribeRequestParams) -> EmptyResult:
    return EmptyResult()


def main() -> None:
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    server = Server(
        NAME,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_subscribe_resource=subscribe,
        on_unsubscribe_resource=unsubscribe,
        on_subscriptions_listen=ListenHandler(BUS),
    )
    security = RequestStateSecurity.ephemeral()
    server.middleware.append(RequestStateBoundary(security, default_audience=NAME))
    serve(server.streamable_http_app())


if __name__ == "__main__":
    main()
