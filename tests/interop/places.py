"""The endpoints that every SDK visits, what it does there, and what it must find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.rigs.sdk_clients import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One endpoint of the house. `steps` is how many progress notifications its tool sends."""

    name: str
    tenant: str
    endpoint: str = ""
    serves_modern: bool = True
    tools: Sequence[str]
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    text: str
    steps: int = 0
    prompt: str
    prompt_arguments: Mapping[str, str]
    prompt_text: str
    resource: str
    resource_text: str

    def job(self, url: str, token: str) -> Job:
        """What to do here."""
        return Job(
            url=url,
            token=token,
            tool=self.tool,
            arguments=self.arguments,
            prompt=self.prompt,
            prompt_arguments=self.prompt_arguments,
            resource=self.resource,
        )


ORDERS = Place(
    name="acme",
    tenant="acme",
    tools=("find_order", "order_total", "slow_report"),
    tool="slow_report",
    text="report over 4 orders in 3 steps",
    steps=3,
    prompt="reply_to_customer",
    prompt_arguments={"number": "A-1001"},
    prompt_text="Write a friendly reply to the customer of order A-1001 about its status.",
    resource="orders://index",
    resource_text="A-1001",
)
STOCK = Place(
    name="acme-stock",
    tenant="acme",
    endpoint="stock",
    serves_modern=False,
    tools=("count_parts", "reserve_parts", "count_everything"),
    tool="count_everything",
    text="2117 pieces of 4 parts",
    steps=4,
    prompt="reorder",
    prompt_arguments={"part": "nut"},
    prompt_text="Write a short order to our supplier for nut.",
    resource="stock://parts",
    resource_text="washer",
)
LIBRARY = Place(
    name="globex",
    tenant="globex",
    tools=("search_books", "borrow_book"),
    tool="search_books",
    arguments={"text": "brooks"},
    text="The Mythical Man-Month",
    prompt="recommend",
    prompt_arguments={"topic": "scheduling"},
    prompt_text="Recommend one book of this library about scheduling, and say why.",
    resource="library://opening-hours",
    resource_text="Mon-Fri 9-18",
)
PLACES = (ORDERS, STOCK, LIBRARY)
