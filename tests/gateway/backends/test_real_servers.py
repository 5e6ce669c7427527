"""The peer against servers that nobody here wrote: the official SDK in both majors."""

import asyncio
import json
import signal
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from gateway.backends.answers import BackendNotification, BackendResult
from gateway.backends.errors import SessionForgotten
from gateway.backends.limits import BackendLimits
from gateway.backends.peer import BackendPeer, BackendSession, OutgoingRequest
from gateway.errors import BackendRefused
from gateway.protocol.revisions import Era
from tenants.model import BackendProtocol
from tests.gateway.backends.conftest import META, MakePeer
from tests.rigs.real_servers import SCRIPTS, RealServer, real_server

CLIENT = b'{"name":"test","version":"1"}'


class Caller:
    """Speaks to one real server in one era, as the gateway does for a client."""

    def __init__(self, peer: BackendPeer, session: BackendSession | None) -> None:
        self.peer = peer
        self.session = session

    async def send(self, method: str, **params: Any) -> tuple[list[Any], Any]:
        """The notifications that came, and the result."""
        notifications, result = [], None
        async with await self.peer.request(self.request(method, params)) as exchange:
            async for message in exchange:
                match message:
                    case BackendNotification():
                        notifications.append(json.loads(message.raw))
                    case BackendResult():
                        result = json.loads(message.raw)
        return notifications, result

    async def result(self, method: str, **params: Any) -> Any:
        return (await self.send(method, **params))[1]

    def request(self, method: str, params: Mapping[str, Any]) -> OutgoingRequest:
        members = dict(params)
        meta = members.pop("_meta", {})
        if self.session is None:
            meta = json.loads(META) | meta
        name = params.get("name") or params.get("uri")
        return OutgoingRequest(
            method=method,
            revision="2026-07-28" if self.session is None else self.session.revision,
            params={key: json.dumps(value).encode() for key, value in members.items()}
            | {"_meta": json.dumps(meta).encode()},
            session=self.session,
            headers=(("Mcp-Name", name),) if name else (),
        )


async def caller(make_peer: MakePeer, server: RealServer, era: Era) -> Caller:
    peer = make_peer(server.url, protocol=BackendProtocol(era.value))
    if era is Era.MODERN:
        return Caller(peer, None)
    session = await peer.open_session(revision="2025-11-25", capabilities=b"{}", client_info=CLIENT)
    return Caller(peer, session)


@pytest.fixture(params=["orders-modern", "orders-legacy", "stock-legacy", "library-modern"])
def server_name(request: pytest.FixtureRequest) -> str:
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def server(request: pytest.FixtureRequest, server_name: str) -> RealServer:
    found = request.getfixturevalue(f"{server_name.split('-', maxsplit=1)[0]}_server")
    assert isinstance(found, RealServer)
    return found


@pytest.fixture
async def speaking(make_peer: MakePeer, server: RealServer, server_name: str) -> Caller:
    return await caller(make_peer, server, Era(server_name.split("-")[1]))


EXPECTED: Mapping[str, Any] = {
    "orders": {
        "tools": ["find_order", "order_total", "slow_report"],
        "call": ("order_total", {"customer": "Ada Lovelace"}, "131899"),
        "slow": ("slow_report", {"steps": 3, "pause_ms": 1}, 3),
        "prompt": ("reply_to_customer", {"number": "A-1001"}, "order A-1001"),
        "resource": ("orders://index", "A-1001"),
        "template": ("orders://{number}/invoice", "orders://A-1001/invoice", "129900 cents"),
    },
    "stock": {
        "tools": ["count_parts", "reserve_parts", "count_everything"],
        "call": ("count_parts", {"part": "gear"}, "17"),
        "slow": ("count_everything", {"pause_ms": 1}, 4),
        "prompt": ("reorder", {"part": "bolt"}, "for bolt"),
        "resource": ("stock://parts", "gear"),
        "template": ("stock://parts/{part}", "stock://parts/gear", "gear: 17"),
    },
    "library": {
        "tools": ["search_books", "borrow_book"],
        "call": ("search_books", {"text": "mythical"}, "Frederick Brooks"),
        "prompt": ("recommend", {"topic": "C"}, "about C"),
        "resource": ("library://opening-hours", "9-18"),
        "template": ("library://books/{isbn}", "library://books/9780131103627", "Kernighan"),
    },
}


@pytest.fixture
def expected(server_name: str) -> Mapping[str, Any]:
    found = EXPECTED[server_name.split("-", maxsplit=1)[0]]
    assert isinstance(found, dict)
    return found


async def test_its_era_is_found(
    make_peer: MakePeer, orders_server: RealServer, stock_server: RealServer
) -> None:
    orders = await make_peer(orders_server.url).description()
    stock = await make_peer(stock_server.url).description()

    assert (orders.era, orders.revision) == (Era.MODERN, "2026-07-28")
    assert (stock.era, stock.revision) == (Era.LEGACY, "2025-11-25")
    assert json.loads(stock.server_info or b"")["name"] == "stock"
    assert orders.instructions is not None


async def test_its_catalogue_is_collected(speaking: Caller, expected: Mapping[str, Any]) -> None:
    catalogue = await speaking.peer.catalogue(60)

    assert [json.loads(tool)["name"] for tool in catalogue.tools] == expected["tools"]
    assert [json.loads(prompt)["name"] for prompt in catalogue.prompts] == [expected["prompt"][0]]
    assert json.loads(catalogue.resources[0])["uri"] == expected["resource"][0]
    assert json.loads(catalogue.templates[0])["uriTemplate"] == expected["template"][0]
    assert catalogue.faults == ()


async def test_a_tool_is_called(speaking: Caller, expected: Mapping[str, Any]) -> None:
    name, arguments, text = expected["call"]
    result = await speaking.result("tools/call", name=name, arguments=arguments)

    assert not result.get("isError")
    assert text in json.dumps(result["content"])


async def test_a_tools_own_failure_is_a_result(
    speaking: Caller, expected: Mapping[str, Any]
) -> None:
    result = await speaking.result("tools/call", name=expected["tools"][0], arguments={})

    assert result["isError"] is True


@pytest.mark.parametrize("server_name", ["orders-modern", "orders-legacy", "stock-legacy"])
async def test_progress_and_log_come_while_a_tool_runs(
    speaking: Caller, expected: Mapping[str, Any]
) -> None:
    name, arguments, steps = expected["slow"]
    meta = {"progressToken": 77, "io.modelcontextprotocol/logLevel": "info"}
    notifications, result = await speaking.send(
        "tools/call", name=name, arguments=arguments, _meta=meta
    )
    progress = [n["params"] for n in notifications if n["method"] == "notifications/progress"]
    logged = [n for n in notifications if n["method"] == "notifications/message"]

    assert [params["progress"] for params in progress] == list(range(1, steps + 1))
    assert {params["progressToken"] for params in progress} == {77}
    assert len(logged) == steps
    assert not result.get("isError")


async def test_a_prompt_is_written(speaking: Caller, expected: Mapping[str, Any]) -> None:
    name, arguments, text = expected["prompt"]
    result = await speaking.result("prompts/get", name=name, arguments=arguments)

    assert text in json.dumps(result["messages"])


async def test_resources_are_read(speaking: Caller, expected: Mapping[str, Any]) -> None:
    uri, text = expected["resource"]
    _, templated_uri, templated_text = expected["template"]
    plain = await speaking.result("resources/read", uri=uri)
    templated = await speaking.result("resources/read", uri=templated_uri)

    assert text in json.dumps(plain["contents"])
    assert templated_text in json.dumps(templated["contents"])


@pytest.mark.parametrize("server_name", ["orders-modern", "orders-legacy", "stock-legacy"])
async def test_an_argument_is_completed(speaking: Caller, expected: Mapping[str, Any]) -> None:
    argument = next(iter(expected["prompt"][1]))
    result = await speaking.result(
        "completion/complete",
        ref={"type": "ref/prompt", "name": expected["prompt"][0]},
        argument={"name": argument, "value": ""},
    )

    assert len(result["completion"]["values"]) == 4


async def test_an_unknown_method_is_refused(speaking: Caller) -> None:
    with pytest.raises(BackendRefused) as caught:
        await speaking.result("tools/nothing")

    assert caught.value.code in {-32601, -32602}


async def test_a_session_is_ended(make_peer: MakePeer, stock_server: RealServer) -> None:
    speaking = await caller(make_peer, stock_server, Era.LEGACY)
    assert speaking.session is not None
    await speaking.result("ping")
    await speaking.peer.close_session(speaking.session)
    with pytest.raises(SessionForgotten):
        await speaking.result("ping")


async def test_connections_are_kept_over_streamed_answers(
    make_peer: MakePeer, stock_server: RealServer
) -> None:
    patient = partial(make_peer, limits=BackendLimits(settle_s=2))
    speaking = await caller(patient, stock_server, Era.LEGACY)
    ports = set()
    for _ in range(5):
        await speaking.result("ping")
        ports |= set(local_ports(stock_server))

    assert len(ports) == 1


def local_ports(server: RealServer) -> list[str]:
    """Our ends of the established connections to a server, as the kernel lists them."""
    port = int(server.url.split(":")[2].split("/")[0])
    with open("/proc/self/net/tcp") as table:  # noqa: PTH123
        rows = [line.split() for line in table][1:]
    remote = f"0100007F:{port:04X}"
    return [row[1] for row in rows if row[2] == remote and row[3] == "01"]


@pytest.mark.parametrize("number", [signal.SIGTERM, None], ids=["SIGTERM", "end of stdin"])
async def test_an_example_server_ends_promptly(
    make_peer: MakePeer, number: signal.Signals | None
) -> None:
    with real_server("orders.py") as server:
        await make_peer(server.url).description()
        if number is None:
            assert server.process.stdin is not None
            server.process.stdin.close()
        else:
            server.process.send_signal(number)
        async with asyncio.timeout(3):
            await asyncio.to_thread(server.process.wait)


def test_the_legacy_environment_is_locked_by_hash() -> None:
    lines = (SCRIPTS / "legacy-requirements.txt").read_text().splitlines()
    pinned = [index for index, line in enumerate(lines) if "==" in line]

    assert len(pinned) > 20
    assert all(lines[index + 1].strip().startswith("--hash=sha256:") for index in pinned)
    assert not [line for line in lines if line.startswith("-") or "://" in line]
