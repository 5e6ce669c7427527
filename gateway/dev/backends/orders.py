"""The order desk: a server on the official SDK 2.x, which serves both eras at one URL."""

import asyncio
from dataclasses import dataclass

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
    ToolAnnotations,
)
from serving import serve  # type: ignore[import-not-found]  # run as a script, beside it


@dataclass(frozen=True)
class Order:
    """An order as the tools show it."""

    number: str
    customer: str
    status: str
    cents: int


ORDERS = {
    order.number: order
    for order in (
        Order("A-1001", "Ada Lovelace", "shipped", 129_900),
        Order("A-1002", "Alan Turing", "packing", 4_250),
        Order("B-2001", "Grace Hopper", "paid", 73_000),
        Order("B-2002", "Ada Lovelace", "paid", 1_999),
    )
}
READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)

server: MCPServer = MCPServer(
    "orders",
    title="Order desk",
    version="1.0.0",
    instructions="Look orders up by number; totals are in cents.",
    log_level="ERROR",
)


@server.tool(annotations=READ_ONLY)
def find_order(number: str) -> Order:
    """Find one order by its number, such as A-1001."""
    if number not in ORDERS:
        raise ToolError(f"There is no order {number}")
    return ORDERS[number]


@server.tool(annotations=READ_ONLY)
def order_total(customer: str) -> int:
    """Sum up, in cents, what one customer has ordered."""
    return sum(order.cents for order in ORDERS.values() if order.customer == customer)


@server.tool(annotations=READ_ONLY)
async def slow_report(ctx: Context, steps: int = 3, pause_ms: int = 20) -> str:
    """Write a report step by step, with progress and log messages on the way."""
    for step in range(1, steps + 1):
        await asyncio.sleep(pause_ms / 1000)
        await ctx.report_progress(step, steps, f"step {step} of {steps}")
        await ctx.info(f"finished step {step}")
    return f"report over {len(ORDERS)} orders in {steps} steps"


@server.prompt(title="Answer a customer")
def reply_to_customer(number: str, tone: str = "friendly") -> str:
    """Draft a reply about one order."""
    return f"Write a {tone} reply to the customer of order {number} about its status."


@server.resource("orders://index", mime_type="application/json")
def index() -> list[str]:
    """The numbers of all orders."""
    return sorted(ORDERS)


@server.resource("orders://{number}/invoice", mime_type="text/plain")
def invoice(number: str) -> str:
    """The invoice of one order."""
    order = ORDERS[number]
    return f"Invoice {number}: {order.customer}, {order.cents} cents"


@server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # so in the SDK
async def complete_number(
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion | None:
    """Complete order numbers, for the prompt and for the template alike."""
    del ref, context
    if argument.name != "number":
        return None
    return Completion(values=[number for number in ORDERS if number.startswith(argument.value)])


if __name__ == "__main__":
    serve(server.streamable_http_app())
