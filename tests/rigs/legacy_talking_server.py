"""A server on the SDK's previous major (1.30) that asks, tells and waits.

Run by the interpreter of `tests/rigs/legacy_client_env.py`, never imported. It prints one JSON line
`{"url": ...}` once it listens and ends when its stdin closes.
"""

# It is written against another version of `mcp` than the one that the type checker sees:
# mypy: ignore-errors

import asyncio
import sys
from pathlib import Path

from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent
from pydantic import AnyUrl, BaseModel

sys.path.insert(0, str(Path(__file__).parents[2] / "gateway" / "dev" / "backends"))

from serving import serve

server = FastMCP("talker", log_level="ERROR")
cancelled = asyncio.Event()


class Name(BaseModel):
    name: str


@server.tool()
async def ask_model(ctx: Context) -> str:
    """Have the client's model say something."""
    words = SamplingMessage(role="user", content=TextContent(type="text", text="hello?"))
    answer = await ctx.session.create_message([words], max_tokens=10)
    return answer.content.text


@server.tool()
async def ask_person(ctx: Context) -> str:
    """Ask the person for a name."""
    answer = await ctx.elicit("who?", Name)
    return f"{answer.action} {answer.data.name}"


@server.tool()
async def ask_roots(ctx: Context) -> str:
    """Tell the client's roots."""
    return " ".join(str(root.uri) for root in (await ctx.session.list_roots()).roots)


@server.tool()
async def touch(ctx: Context) -> str:
    """Say, outside of the call, that a resource and the list of tools changed."""
    await ctx.session.send_resource_updated(AnyUrl("talk://one"))
    await ctx.session.send_tool_list_changed()
    return "touched"


@server.tool()
async def wait(ctx: Context) -> str:
    """Run until cancelled."""
    await ctx.report_progress(1, 2)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        cancelled.set()
        raise
    return "not cancelled"


@server.tool()
async def was_cancelled() -> str:
    """Tell whether `wait` was cancelled, after a while at most."""
    async with asyncio.timeout(5):
        await cancelled.wait()
    return "yes"


@server.resource("talk://one")
def one() -> str:
    """A resource."""
    return "one"


@server._mcp_server.subscribe_resource()  # noqa: SLF001 - FastMCP has no door for it
async def subscribe(uri: AnyUrl) -> None:
    """Accept."""


@server._mcp_server.unsubscribe_resource()  # noqa: SLF001 - likewise
async def unsubscribe(uri: AnyUrl) -> None:
    """Accept."""


if __name__ == "__main__":
    serve(server.streamable_http_app())
