"""Lists in pages: every item once, and a cursor that is good for one caller, endpoint and list."""

import base64

import pytest

from tests.gateway.core.caller import Caller
from tests.rigs.fake_backend import FakeBackend, FakeEra
from tests.rigs.inner_gateway import inner_gateway

ERAS: list[FakeEra] = ["modern", "legacy"]
SMALL = {"limits": {"list_page_bytes": 1024}}
TOOLS = [
    {"name": f"tool-{number}", "description": "d" * 300, "inputSchema": {"type": "object"}}
    for number in range(10)
]


@pytest.mark.parametrize("era", ERAS)
async def test_the_pages_have_every_tool_once_and_in_order(era: FakeEra) -> None:
    async with (
        FakeBackend(era=era, tools=TOOLS) as one,
        inner_gateway({"acme": {"one": one}}, **SMALL) as inner,
    ):
        caller = Caller.of(inner)
        names: list[str] = []
        pages = 0
        params: dict[str, object] = {}
        while True:
            page = (await caller.ask(era, "tools/list", params)).result
            names += [tool["name"] for tool in page["tools"]]
            pages += 1
            if "nextCursor" not in page:
                break
            params = {"cursor": page["nextCursor"]}

        assert names == [tool["name"] for tool in TOOLS]
        assert pages >= 4


@pytest.mark.parametrize("era", ERAS)
async def test_a_cursor_is_good_for_nobody_and_nothing_else(era: FakeEra) -> None:
    async with (
        FakeBackend(era=era, tools=TOOLS) as one,
        inner_gateway({"acme": {"one": one}, "globex": {"one": one}}, **SMALL) as inner,
    ):
        ada = Caller.of(inner)
        cursor = (await ada.ask(era, "tools/list")).result["nextCursor"]
        raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        raw[len(raw) // 2] ^= 1
        flipped = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        others = [
            await Caller.of(inner, subject="bob").ask(era, "tools/list", {"cursor": cursor}),
            await Caller.of(inner, client_id="ide").ask(era, "tools/list", {"cursor": cursor}),
            await Caller.of(inner, "acme", "one").ask(era, "tools/list", {"cursor": cursor}),
            await Caller.of(inner, "globex").ask(era, "tools/list", {"cursor": cursor}),
            await ada.ask(era, "prompts/list", {"cursor": cursor}),
        ]
        values: list[object] = [flipped, "", "x", cursor + "A", 7, None, {}, "A" * 5000, "é"]
        malformed = [await ada.ask(era, "tools/list", {"cursor": value}) for value in values]

        for answer in (*others, *malformed):
            assert answer.status == (400 if era == "modern" else 200)
            assert (answer.error["code"], answer.reason) == (-32602, "invalid_params")
        assert (await ada.ask(era, "tools/list", {"cursor": cursor})).result["tools"]
