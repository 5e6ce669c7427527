"""The stock room: a server on the SDK's previous major (1.30), which knows the legacy era only."""

import asyncio
from typing import Any

from mcp.server.fastmcp import Context, FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
    ToolAnnotations,
)
from serving import serve

STOCK = {"bolt": 1_200, "nut": 900, "washer": 0, "gear": 17}
READ_ONLY = ToolAnnotations(readOnlyHint=True, openWorldHint=False)

server = FastMCP("stock", instructions="Counts of parts in the stock room.", log_level="ERROR")


@server.tool(annotations=READ_ONLY)
def count_parts(part: str) -> int:
    """How many pieces of a part are in stock."""
    if part not in STOCK:
        raise ToolError(f"There is no part {part}")
    return STOCK[part]


@server.tool(annotations=ToolAnnotations(destructiveHint=False, idempotentHint=False))
def reserve_parts(part: str, pieces: int) -> str:
    """Take pieces out of the stock."""
    if STOCK.get(part, 0) < pieces:
        raise ToolError(f"There are only {STOCK.get(part, 0)}")
    STOCK[part] -= pieces
    return f"{pieces} x {part} reserved"


@server.tool(annotations=READ_ONLY)
async def count_everything(ctx: Context[Any, Any, Any], pause_ms: int = 20) -> str:
    """Count all parts, with progress and log messages on the way."""
    for done, part in enumerate(STOCK, start=1):
        await asyncio.sleep(pause_ms / 1000)
        await ctx.report_progress(done, len(STOCK), f"counted {part}")
        await ctx.info(f"counted {part}")
    return f"{sum(STOCK.values())} pieces of {len(STOCK)} parts"


@server.prompt(title="Reorder a part")
def reorder(part: str) -> str:
    """Draft an order to the supplier."""
    return f"Write a short order to our supplier for {part}."


@server.resource("stock://parts", mime_type="application/json")
def parts() -> list[str]:
    """The names of all parts."""
    return sorted(STOCK)


@server.resource("stock://parts/{part}", mime_type="text/plain")
def shelf(part: str) -> str:
    """What is on one shelf."""
    return f"{part}: {STOCK[part]}"


@server.completion()
async def complete_part(
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion | None:
    """Complete part names, for the prompt and for the template alike."""
    del ref, context
    if argument.name != "part":
        return None
    return Completion(values=[part for part in STOCK if part.startswith(argument.value)])


if __name__ == "__main__":
    serve(server.streamable_http_app())
