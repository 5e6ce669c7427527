"""The server that the official suite judges: the SDK 2.x, both eras at one URL.

    python -m tests.conformance.fixture_server [--port 0] [--eras both|legacy|modern]

It prints one JSON line `{"url": ...}` once it listens and ends when its stdin closes.
"""

import argparse
import json
import os
import socket
import sys
import threading
import warnings

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmptyResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    SetLevelRequestParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from tests.conformance.fixture import resources
from tests.conformance.fixture.conversation import Context, Conversation, InputRequired
from tests.conformance.fixture.eras import App, legacy_only, modern_only
from tests.conformance.fixture.event_log import EventLog
from tests.conformance.fixture.plain_tools import BUS
from tests.conformance.fixture.prompts import PROMPTS
from tests.conformance.fixture.tools import TOOLS

NAME = "conformance-fixture"
RESOURCE_NOT_FOUND = -32002
RETRY_MS = 50


async def list_tools(_: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
    return ListToolsResult(tools=[tool.shown() for tool in TOOLS.values()])


async def call_tool(
    context: Context, params: CallToolRequestParams
) -> CallToolResult | InputRequiredResult:
    if params.name not in TOOLS:
        raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name}")
    try:
        return await TOOLS[params.name].handler(Conversation(context, params))
    except InputRequired as asked:
        return _input_required(asked)


async def list_prompts(_: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
    return ListPromptsResult(prompts=[prompt.shown() for prompt in PROMPTS.values()])


async def get_prompt(
    context: Context, params: GetPromptRequestParams
) -> GetPromptResult | InputRequiredResult:
    if params.name not in PROMPTS:
        raise MCPError(INVALID_PARAMS, f"Unknown prompt: {params.name}")
    try:
        return await PROMPTS[params.name].handler(Conversation(context, params))
    except InputRequired as asked:
        return _input_required(asked)


async def list_resources(_: Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
    return ListResourcesResult(resources=resources.RESOURCES)


async def list_templates(
    _: Context, __: PaginatedRequestParams | None
) -> ListResourceTemplatesResult:
    return ListResourceTemplatesResult(resource_templates=[resources.TEMPLATE])


async def read_resource(context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    contents = resources.read(params.uri)
    if contents is None:
        is_modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
        code = INVALID_PARAMS if is_modern else RESOURCE_NOT_FOUND
        raise MCPError(code, "Resource not found", {"uri": params.uri})
    return ReadResourceResult(contents=[contents])


async def subscribe(_: Context, __: SubscribeRequestParams) -> EmptyResult:
    return EmptyResult()


async def unsubscribe(_: Context, __: UnsubscribeRequestParams) -> EmptyResult:
    return EmptyResult()


async def complete(_: Context, params: CompleteRequestParams) -> CompleteResult:
    values = [f"{params.argument.value}{ending}" for ending in ("ing", "ed")]
    return CompleteResult(completion=Completion(values=values, total=len(values), has_more=False))


async def set_level(_: Context, __: SetLevelRequestParams) -> EmptyResult:
    return EmptyResult()


def build_app() -> App:
    """The ASGI application, both eras."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        server = Server(
            NAME,
            version="1.0.0",
            instructions="Answers what the official conformance suite asks.",
            get_tool_input_schema=lambda name: TOOLS[name].schema if name in TOOLS else None,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            on_list_prompts=list_prompts,
            on_get_prompt=get_prompt,
            on_list_resources=list_resources,
            on_list_resource_templates=list_templates,
            on_read_resource=read_resource,
            on_subscribe_resource=subscribe,
            on_unsubscribe_resource=unsubscribe,
            on_subscriptions_listen=ListenHandler(BUS),
            on_completion=complete,
            on_set_logging_level=set_level,
        )
    security = RequestStateSecurity.ephemeral()
    server.middleware.append(RequestStateBoundary(security, default_audience=NAME))
    app: App = server.streamable_http_app(event_store=EventLog(), retry_interval=RETRY_MS)
    return app


ERAS = {"both": lambda app: app, "legacy": legacy_only, "modern": modern_only}


def _input_required(asked: InputRequired) -> InputRequiredResult:
    return InputRequiredResult(input_requests=dict(asked.questions), request_state=asked.state)


class _Announced(uvicorn.Server):
    """A server that says where it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
            sys.stdout.write(json.dumps({"url": url}) + "\n")
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--eras", choices=sorted(ERAS), default="both")
    options = parser.parse_args()
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    app = ERAS[options.eras](build_app())
    listener = socket.create_server(("127.0.0.1", options.port))
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1, lifespan="on")
    server = _Announced(config)
    threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def _end_with_stdin(server: uvicorn.Server) -> None:
    # Unbuffered: a thread that holds the buffer's lock may not be there when Python ends.
    while os.read(0, 4096):
        pass
    server.should_exit = True


if __name__ == "__main__":
    main()
