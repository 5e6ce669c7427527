"""One request and all that answers it: order, refusals, what backends ask, cancelling."""

import asyncio
import json
from typing import Any

import pytest

from gateway.backends.answers import BackendNotification, BackendResult
from gateway.backends.errors import CredentialRefused, NoAnswer, SessionForgotten
from gateway.backends.exchange import Exchange
from gateway.backends.limits import BackendLimits
from gateway.backends.peer import BackendPeer, BackendSession, OutgoingRequest
from gateway.errors import BackendRefused, BackendUnavailable, OutcomeUnknown, RateLimited
from tests.gateway.backends.conftest import MakePeer, call
from tests.rigs.fake_backend import FakeBackend, Wire


def progress(number: int) -> dict[str, Any]:
    params = {"progressToken": 1, "progress": number}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


async def collect(exchange: Exchange) -> list[str]:
    found = []
    async for message in exchange:
        match message:
            case BackendNotification():
                found.append(json.loads(message.raw)["params"]["progress"])
            case BackendResult():
                found.append("result")
    return found


async def legacy_session(peer: BackendPeer) -> BackendSession:
    return await peer.open_session(
        revision="2025-06-18", capabilities=b"{}", client_info=b'{"name":"t","version":"1"}'
    )


def legacy_call(session: BackendSession) -> OutgoingRequest:
    return OutgoingRequest(
        method="tools/call",
        revision=session.revision,
        params={"name": b'"echo"'},
        session=session,
    )


async def test_notifications_come_in_order_before_the_result(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    async def stream(wire: Wire) -> None:
        await wire.open_events()
        await wire.chunk(b": a comment\nid: 1\ndata:\n\n")
        await wire.event(progress(1))
        await wire.event(progress(2))
        await wire.event(wire.answer({}))
        await wire.end_events()

    fake.scripts["tools/call"] = stream
    peer = make_peer(fake)
    for _ in range(2):
        assert await collect(await peer.request(call())) == [1, 2, "result"]

    assert fake.connections == 1
    assert peer.in_flight == 0


async def test_a_notification_arrives_while_the_call_goes_on(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    seen = asyncio.Event()

    async def stream(wire: Wire) -> None:
        await wire.open_events()
        await wire.event(progress(1))
        await seen.wait()
        await wire.event(wire.answer({}))
        await wire.end_events()

    fake.scripts["tools/call"] = stream
    async with asyncio.timeout(3), await make_peer(fake).request(call()) as exchange:
        assert isinstance(await anext(exchange), BackendNotification)
        seen.set()
        assert isinstance(await anext(exchange), BackendResult)


async def test_a_stream_that_goes_on_after_the_answer_is_closed(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    async def stream(wire: Wire) -> None:
        await wire.open_events()
        await wire.event(wire.answer({}))
        await wire.client_is_gone()

    fake.scripts["tools/call"] = stream
    async with asyncio.timeout(3):
        assert await collect(await make_peer(fake).request(call())) == ["result"]
        await fake.all_gone()


async def test_a_large_answer_on_either_form_is_read(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    big = {"content": [{"type": "text", "text": "x" * 900_000}]}

    async def as_json(wire: Wire) -> None:
        await wire.result(big)

    async def as_event(wire: Wire) -> None:
        await wire.open_events()
        await wire.event(wire.answer(big))
        await wire.end_events()

    peer = make_peer(fake)
    for script in (as_json, as_event):
        fake.scripts["tools/call"] = script
        assert len(await (await peer.request(call())).result()) > 900_000


@pytest.mark.parametrize("status", [200, 400, 404, 500, 503])
async def test_a_json_rpc_error_is_handed_on_whatever_the_status(
    fake: FakeBackend, make_peer: MakePeer, status: int
) -> None:
    async def refuse(wire: Wire) -> None:
        await wire.error(-32020, "mismatch", status=status, data={"why": ["x"]})

    fake.scripts["tools/call"] = refuse
    with pytest.raises(BackendRefused) as caught:
        await (await make_peer(fake).request(call())).result()

    assert (caught.value.code, caught.value.message) == (-32020, "mismatch")
    assert json.loads(caught.value.data or b"") == {"why": ["x"]}


async def test_an_error_status_may_carry_an_error_without_id(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    async def refuse(wire: Wire) -> None:
        body = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what"}}'
        await wire.reply(body, status=400)

    fake.scripts["tools/call"] = refuse
    with pytest.raises(BackendRefused):
        await make_peer(fake).request(call())


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_is_unavailable_and_ran_nothing(
    fake: FakeBackend, make_peer: MakePeer, status: int
) -> None:
    async def refuse(wire: Wire) -> None:
        await wire.reply(b"", status=status)

    fake.scripts["tools/call"] = refuse
    with pytest.raises(CredentialRefused) as caught:
        await make_peer(fake).request(call())

    assert isinstance(caught.value, BackendUnavailable)


async def test_404_is_a_forgotten_session_only_if_there_was_one(make_peer: MakePeer) -> None:
    async with FakeBackend(era="legacy") as backend:
        peer = make_peer(backend)
        session = await legacy_session(peer)
        backend.sessions.clear()
        with pytest.raises(SessionForgotten):
            await peer.request(legacy_call(session))
        with pytest.raises(SessionForgotten):
            await peer.notify("notifications/progress", {}, BackendSession(id="x", revision="?"))

    async with FakeBackend(era="legacy", mints_sessions=False) as backend:

        async def not_found(wire: Wire) -> None:
            await wire.reply(b"", status=404)

        peer = make_peer(backend)
        session = await legacy_session(peer)
        backend.scripts["tools/call"] = not_found
        with pytest.raises(NoAnswer):
            await peer.request(legacy_call(session))

    assert session.id is None


async def test_u16_what_a_modern_backend_asks_is_dropped_and_counted(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    async def ask(wire: Wire) -> None:
        await wire.open_events()
        for method in ("sampling/createMessage", "elicitation/create", "roots/list"):
            await wire.event({"jsonrpc": "2.0", "id": method, "method": method, "params": {}})
        await wire.event(wire.answer({}))
        await wire.end_events()

    fake.scripts["tools/call"] = ask
    exchange = await make_peer(fake).request(call())

    assert await collect(exchange) == ["result"]
    assert exchange.server_requests == 3
    assert len(fake.requests) == 1


async def test_u16_what_a_legacy_backend_asks_is_turned_down_in_its_session(
    make_peer: MakePeer,
) -> None:
    async def ask(wire: Wire) -> None:
        await wire.open_events()
        await wire.event({"jsonrpc": "2.0", "id": 5, "method": "sampling/createMessage"})
        await wire.event({"jsonrpc": "2.0", "id": "p", "method": "ping"})
        await wire.event(wire.answer({}))
        await wire.end_events()

    async with FakeBackend(era="legacy", scripts={"tools/call": ask}) as backend:
        peer = make_peer(backend)
        session = await legacy_session(peer)
        exchange = await peer.request(legacy_call(session))

        assert await collect(exchange) == ["result"]
        answers = backend.requests[-2:]

    assert answers[0].message["error"]["code"] == -32601
    assert (answers[0].message["id"], answers[1].message["id"]) == (5, "p")
    assert answers[1].message["result"] == {}
    assert {answer.header("Mcp-Session-Id") for answer in answers} == {session.id}
    assert {answer.header("MCP-Protocol-Version") for answer in answers} == {session.revision}


async def hang_silently(wire: Wire) -> None:
    await wire.client_is_gone()


async def hang_in_a_stream(wire: Wire) -> None:
    await wire.open_events()
    await wire.event(progress(1))
    await wire.client_is_gone()


@pytest.mark.parametrize("script", [hang_silently, hang_in_a_stream])
async def test_cancelling_a_modern_call_closes_its_stream(
    fake: FakeBackend, make_peer: MakePeer, script: Any
) -> None:
    fake.scripts["tools/call"] = script
    peer = make_peer(fake)
    exchange = peer.exchange(call())
    found: list[str] = []

    async def consume() -> None:
        async with exchange:
            await exchange.start()
            found.extend(await collect(exchange))

    async with asyncio.timeout(2), asyncio.TaskGroup() as group:
        group.create_task(consume())
        await fake.arrived("tools/call")
        await exchange.cancel()
        await fake.all_gone()

    assert "result" not in found
    assert exchange.is_cancelled
    assert peer.in_flight == 0


@pytest.mark.parametrize("script", [hang_silently, hang_in_a_stream])
async def test_cancelling_a_legacy_call_says_so_in_its_session(
    make_peer: MakePeer, script: Any
) -> None:
    async with FakeBackend(era="legacy", scripts={"tools/call": script}) as backend:
        peer = make_peer(backend)
        session = await legacy_session(peer)
        exchange = peer.exchange(legacy_call(session))

        async def consume() -> None:
            async with exchange:
                await exchange.start()
                await collect(exchange)

        async with asyncio.timeout(2), asyncio.TaskGroup() as group:
            group.create_task(consume())
            await backend.arrived("tools/call")
            await exchange.cancel()
        said = backend.calls("notifications/cancelled")

    assert [sent.message["params"] for sent in said] == [{"requestId": exchange.request_id}]
    assert said[0].header("Mcp-Session-Id") == session.id
    assert peer.in_flight == 0


async def test_a_cancelled_caller_takes_the_connection_along(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    fake.scripts["tools/call"] = hang_silently
    peer = make_peer(fake)
    async with asyncio.timeout(2):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(peer.request(call()))
            await fake.arrived("tools/call")
            task.cancel()
        await fake.all_gone()

    assert peer.in_flight == 0


async def test_a_backend_has_no_more_calls_under_way_than_it_may(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    peer = make_peer(fake, max_in_flight=1)
    async with peer.exchange(call()) as first:
        with pytest.raises(RateLimited, match="backend fake"):
            peer.exchange(call())
        await first.start()
    await (await peer.request(call())).result()

    assert peer.in_flight == 0


async def test_a_call_that_was_never_iterated_lets_go_of_everything(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    fake.scripts["tools/call"] = hang_in_a_stream
    peer = make_peer(fake)
    async with asyncio.timeout(2):
        async with await peer.request(call()):
            assert peer.in_flight == 1
        await fake.all_gone()

    assert peer.in_flight == 0


async def test_a_cancelled_call_has_no_result(fake: FakeBackend, make_peer: MakePeer) -> None:
    exchange = make_peer(fake).exchange(call())
    await exchange.cancel()
    async with exchange:
        with pytest.raises(OutcomeUnknown):
            await exchange.result()


NO_ERROR_IN_IT = {
    "not json": b"{",
    "a result": b'{"jsonrpc":"2.0","id":null,"result":{}}',
    "an error for another request": b'{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"m"}}',
    "a notification": b'{"jsonrpc":"2.0","method":"notifications/message"}',
}


@pytest.mark.parametrize("body", NO_ERROR_IN_IT.values(), ids=NO_ERROR_IN_IT.keys())
async def test_u15_an_error_status_without_our_error_in_it_says_nothing(
    fake: FakeBackend, make_peer: MakePeer, body: bytes
) -> None:
    async def refuse(wire: Wire) -> None:
        await wire.reply(body, status=400)

    fake.scripts["tools/call"] = refuse
    with pytest.raises(OutcomeUnknown):
        await make_peer(fake).request(call())


async def test_u15_a_notification_is_no_answer(fake: FakeBackend, make_peer: MakePeer) -> None:
    async def notify(wire: Wire) -> None:
        await wire.reply(json.dumps(progress(1)).encode())

    fake.scripts["tools/call"] = notify
    with pytest.raises(OutcomeUnknown):
        await (await make_peer(fake).request(call())).result()


async def test_a_subscription_is_neither_too_long_nor_too_quiet(
    fake: FakeBackend, make_peer: MakePeer
) -> None:
    fake.scripts["tools/call"] = hang_in_a_stream
    peer = make_peer(fake, limits=BackendLimits(idle_s=0.05), timeout_s=0.1)
    async with await peer.request(call(is_endless=True)) as exchange:
        await anext(exchange)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(exchange)


@pytest.mark.parametrize(
    ("status", "failure"), [(401, CredentialRefused), (500, NoAnswer), (400, NoAnswer)]
)
async def test_a_notification_that_is_not_accepted_is_a_failure(
    make_peer: MakePeer, status: int, failure: type[Exception]
) -> None:
    async def refuse(wire: Wire) -> None:
        await wire.reply(b"", status=status)

    async with FakeBackend(era="legacy") as backend:
        peer = make_peer(backend)
        session = await legacy_session(peer)
        backend.scripts["notifications/progress"] = refuse
        with pytest.raises(failure):
            await peer.notify("notifications/progress", {}, session)


async def test_initialize_that_fails_sent_nothing_of_the_callers(make_peer: MakePeer) -> None:
    async def fail(wire: Wire) -> None:
        await wire.reply(b"", status=500)

    async with FakeBackend(era="legacy", scripts={"initialize": fail}) as backend:
        with pytest.raises(BackendUnavailable):
            await legacy_session(make_peer(backend))


async def test_a_session_is_ended_whether_or_not_the_backend_is_there(
    make_peer: MakePeer,
) -> None:
    async with FakeBackend(era="legacy") as backend:
        peer = make_peer(backend)
        first, second = await legacy_session(peer), await legacy_session(peer)
        await peer.close_session(first)
        assert backend.sessions == {second.id}
    await peer.close_session(second)
