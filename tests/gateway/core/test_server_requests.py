"""What backends ask legacy clients during a call: who is asked, and whose answer counts."""

import asyncio
from typing import Any

import pytest

from gateway.server_requests import LIFE_S, MAX_PER_SESSION
from tests.gateway.core.asking import FORM, LINK, SAMPLING, Asker, question, respond
from tests.gateway.core.caller import Caller, Json
from tests.gateway.core.lines import logged
from tests.rigs.fake_backend import FakeBackend, Wire
from tests.rigs.inner_gateway import InnerGateway, inner_gateway

ALL: Json = {"sampling": {}, "roots": {"listChanged": True}, "elicitation": {"form": {}, "url": {}}}
CALL = {"name": "echo"}


def _open(inner: InnerGateway) -> int:
    return len(inner.gateway._requests)  # noqa: SLF001 - what waits has no other view


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("sampling/createMessage", SAMPLING),
        ("elicitation/create", FORM),
        ("elicitation/create", {"mode": "form", **FORM}),
        ("elicitation/create", LINK),
        ("roots/list", None),
    ],
)
async def test_a_question_reaches_the_client_and_its_answer_the_backend_under_each_ones_own_id(
    method: str, params: Json | None
) -> None:
    asker = Asker([(method, params)], backend_id="ask-1")
    async with asker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize(**ALL)
        async with caller.open_legacy("tools/call", CALL) as sent:
            await sent.head()
            asked = await sent.event()
            accepted = await respond(caller, asked["id"], result={"words": 1})
            answer = await sent.answer()

        assert (asked["method"], asked.get("params")) == (method, params)
        assert asked["id"] != "ask-1"
        assert (accepted.status, accepted.body) == (202, b"")
        assert asker.heard == [{"jsonrpc": "2.0", "id": "ask-1", "result": {"words": 1}}]
        assert answer.last["id"] == caller.last_id
        opened = backend.calls("initialize")[-1].message["params"]["capabilities"]
        assert opened == ALL
        called = backend.calls("tools/call")[0]
        (told,) = [r for r in backend.requests if r.body and r.rpc is None]
        assert told.header("Mcp-Session-Id") == called.header("Mcp-Session-Id")
        assert _open(inner) == 0


async def test_a_refusal_of_the_client_reaches_the_backend_whole() -> None:
    asker = Asker([("roots/list", None)])
    error = {"code": -1, "message": "no", "data": {"why": "rude"}}
    async with asker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize(**ALL)
        async with caller.open_legacy("tools/call", CALL) as sent:
            await sent.head()
            await respond(caller, (await sent.event())["id"], error=error)
            await sent.answer()

        assert asker.heard == [{"jsonrpc": "2.0", "id": 7, "error": error}]


TOOLS = {**SAMPLING, "tools": []}
REFUSED: list[tuple[str, Json, str, Json | None]] = [
    ("2025-11-25", {}, "sampling/createMessage", SAMPLING),
    ("2025-11-25", {"sampling": {}}, "sampling/createMessage", TOOLS),
    ("2025-11-25", {"sampling": {}}, "elicitation/create", FORM),
    ("2025-11-25", {"elicitation": {}}, "elicitation/create", LINK),
    ("2025-11-25", {"elicitation": {"url": {}}}, "elicitation/create", FORM),
    ("2025-11-25", ALL, "elicitation/create", LINK | {"url": "javascript:alert(1)"}),
    ("2025-11-25", ALL, "elicitation/create", LINK | {"url": "http://id.example/"}),
    ("2025-11-25", ALL, "elicitation/create", LINK | {"mode": "telepathy"}),
    ("2025-06-18", ALL, "elicitation/create", LINK),
    ("2025-03-26", ALL, "elicitation/create", FORM),
    ("2025-11-25", ALL, "tasks/get", {}),
    ("2025-11-25", {}, "roots/list", None),
]


@pytest.mark.parametrize(("revision", "capabilities", "method", "params"), REFUSED)
async def test_u16_what_a_client_cannot_do_is_never_asked_of_it(
    revision: str, capabilities: Json, method: str, params: Json | None
) -> None:
    asker = Asker([(method, params)])
    backend = asker.backend(revision=revision)
    async with backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize(revision, **capabilities)
        answer = await caller.legacy("tools/call", CALL)

        assert len(answer.messages) == 1
        assert asker.heard[0]["error"]["code"] == -32601


async def test_a_client_that_takes_no_stream_is_asked_nothing_and_ping_is_answered_here() -> None:
    asker = Asker([("sampling/createMessage", SAMPLING), ("ping", None)])
    async with asker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize(**ALL)
        answer = await caller.legacy("tools/call", CALL, Accept="application/json")

        assert answer.status == 200
        assert asker.heard[0]["error"]["code"] == -32601
        assert asker.heard[1] == {"jsonrpc": "2.0", "id": 7, "result": {}}


async def test_j19_only_an_answer_of_the_very_session_to_an_open_question_counts_and_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asker = Asker([("roots/list", None)])
    asker.may_end.clear()
    async with asker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        ada, same, bob = Caller.of(inner), Caller.of(inner), Caller.of(inner, subject="bob")
        for caller in (ada, same, bob):
            await caller.initialize(**ALL)
        async with ada.open_legacy("tools/call", CALL) as sent:
            await sent.head()
            asked = (await sent.event())["id"]
            wrong = [await respond(other, asked, result={"by": "other"}) for other in (same, bob)]
            others = (asked + 1, str(asked), 7, "x")
            wrong += [await respond(ada, other, result={"by": "ada"}) for other in others]
            right = await respond(ada, asked, result={"roots": []})
            again = await respond(ada, asked, result={"roots": [1]})
            asker.may_end.set()
            await sent.answer()

        assert {answer.status for answer in (*wrong, right, again)} == {202}
        assert asker.heard == [{"jsonrpc": "2.0", "id": 7, "result": {"roots": []}}]
        audited = [x for x in logged(capsys, "audit") if x["kind"] == "answer_unsolicited"]
        assert len(audited) == 7
        assert all(line["session"] and line["tenant"] == "acme" for line in audited)
        metrics = inner.foundations.instruments.render().decode().splitlines()
        (counted,) = [line for line in metrics if 'outcome="unsolicited"' in line]
        assert counted.endswith(" 7.0")


async def test_progress_on_a_question_goes_to_its_owner_under_the_owners_token() -> None:
    asker = Asker([("sampling/createMessage", {**SAMPLING, "_meta": {"progressToken": 0, "x": 1}})])
    async with asker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        ada, bob = Caller.of(inner), Caller.of(inner, subject="bob")
        await ada.initialize(**ALL)
        await bob.initialize(**ALL)
        async with ada.open_legacy("tools/call", CALL) as sent:
            await sent.head()
            asked = await sent.event()
            token = asked["params"]["_meta"]["progressToken"]
            await bob.notify("notifications/progress", {"progressToken": token, "progress": 9})
            await ada.notify("notifications/progress", {"progressToken": token, "progress": 1})
            await respond(ada, asked["id"], result={})
            await sent.answer()

        assert asked["params"]["_meta"]["x"] == 1
        (told,) = backend.calls("notifications/progress")
        assert told.message["params"] == {"progressToken": 0, "progress": 1}


async def test_a_question_that_the_backend_withdraws_is_withdrawn_from_the_client() -> None:
    async def withdraw(wire: Wire) -> None:
        await wire.open_events()
        await wire.event(question(3, "roots/list", None))
        params = {"requestId": 3, "reason": "never mind"}
        await wire.event({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
        await wire.event(wire.answer({"content": []}))
        await wire.end_events()

    async with (
        FakeBackend(era="legacy", scripts={"tools/call": withdraw}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(**ALL)
        answer = await caller.legacy("tools/call", CALL)
        late = await respond(caller, answer.messages[0]["id"], result={"roots": []})

        asked, cancelled, _ = answer.messages
        assert cancelled["method"] == "notifications/cancelled"
        assert cancelled["params"]["requestId"] == asked["id"]
        assert late.status == 202
        assert [r for r in backend.requests if r.body and r.rpc is None] == []


async def test_questions_end_with_the_call_and_no_more_than_a_session_may_have_wait() -> None:
    many = MAX_PER_SESSION + 3
    refused: list[Json] = []

    async def ask_much(wire: Wire) -> None:
        await wire.open_events()
        for number in range(many):
            await wire.event(question(number, "roots/list", None))
        await backend.arrived_refusals(3)
        await wire.event(wire.answer({"content": []}))
        await wire.end_events()

    async def hear(wire: Wire) -> None:
        refused.append(wire.request.message)
        await wire.reply(b"", status=202)

    class Backend(FakeBackend):
        async def arrived_refusals(self, times: int) -> None:
            async with asyncio.timeout(5):
                while len(refused) < times:
                    self._arrival.clear()
                    await self._arrival.wait()
                    await asyncio.sleep(0)

    scripts: Any = {"tools/call": ask_much, "response": hear}
    async with (
        Backend(era="legacy", scripts=scripts) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(**ALL)
        answer = await caller.legacy("tools/call", CALL)

        assert len(answer.messages) == MAX_PER_SESSION + 1
        assert [r["id"] for r in refused] == list(range(MAX_PER_SESSION, many))
        assert _open(inner) == 0


async def test_a_question_that_nobody_answers_in_time_is_given_up() -> None:
    asker = Asker([("roots/list", None)])
    async with asker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize(**ALL)
        requests = inner.gateway._requests  # noqa: SLF001 - nobody waits five minutes
        async with caller.open_legacy("tools/call", CALL) as sent:
            await sent.head()
            await sent.event()
            for late in requests.expired():
                await late.give_up()
            assert asker.heard == []
            clock = requests.clock
            requests.clock = lambda: clock() + LIFE_S + 1
            for late in requests.expired():
                await late.give_up()
            await sent.answer()

        assert asker.heard[0]["error"]["code"] == -32603


@pytest.mark.parametrize("revision", ["2025-11-25", "2025-06-18"])
async def test_a_demand_for_an_elicitation_is_relayed_as_it_came(revision: str) -> None:
    data = {"elicitations": [LINK]}

    async def demand(wire: Wire) -> None:
        await wire.error(-32042, "go there first", data=data)

    async with (
        FakeBackend(era="legacy", revision=revision, scripts={"tools/call": demand}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(revision, **ALL)
        answer = await caller.legacy("tools/call", CALL)

        assert answer.error == {"code": -32042, "message": "go there first", "data": data}


async def test_the_end_of_an_elicitation_is_told_on_the_stream_of_the_call() -> None:
    message = {
        "jsonrpc": "2.0",
        "method": "notifications/elicitation/complete",
        "params": {"elicitationId": "e1"},
    }

    async def complete(wire: Wire) -> None:
        await wire.open_events()
        await wire.event(message)
        await wire.event(wire.answer({"content": []}))
        await wire.end_events()

    async with (
        FakeBackend(era="legacy", scripts={"tools/call": complete}) as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(**ALL)
        answer = await caller.legacy("tools/call", CALL)

        assert answer.messages[0] == message


async def test_that_roots_changed_is_told_to_the_backends_in_use() -> None:
    async with (
        FakeBackend(era="legacy") as one,
        FakeBackend(era="legacy") as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        caller = Caller.of(inner)
        await caller.initialize(**ALL)
        await caller.legacy("tools/call", {"name": "one__echo"})
        await caller.notify("notifications/roots/list_changed")

        assert len(one.calls("notifications/roots/list_changed")) == 1
        assert two.calls("notifications/roots/list_changed") == []


async def test_a_call_whose_session_ends_gets_no_result_and_its_backend_is_told_to_stop() -> None:
    asker = Asker([])
    asker.may_end.clear()
    async with asker.backend() as backend, inner_gateway({"acme": {"one": backend}}) as inner:
        caller = Caller.of(inner)
        await caller.initialize(**ALL)
        async with caller.open_legacy("tools/call", CALL) as sent:
            await backend.arrived("tools/call")
            assert (await caller.delete()).status == 204
            answer = await sent.answer()
            asker.may_end.set()

        assert (answer.status, answer.error["code"]) == (404, -32600)
        await backend.arrived("notifications/cancelled")
