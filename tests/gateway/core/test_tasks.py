"""The tasks extension (SEP-2663) through the gateway: handles that open for their owner alone."""

import json
import time
from typing import Any

import pytest

from gateway.protocol.mirrored_headers import encode_value
from tests.gateway.core.caller import Answer, Caller, Json
from tests.gateway.core.modern_rig import (
    EVERYTHING,
    FORM,
    SAMPLING,
    SUBSCRIPTION_ID,
    TELLING,
    Station,
    declared,
    subscribed,
)
from tests.rigs.fake_backend import FakeBackend, Wire
from tests.rigs.inner_gateway import inner_gateway

OWN_ID = "own-id-of-the-backend"
EXTENSION = "io.modelcontextprotocol/tasks"
CREATED: Json = {
    "resultType": "task",
    "taskId": OWN_ID,
    "status": "working",
    "ttlMs": 60_000,
    "pollIntervalMs": 10,
    "vendor": [1.0],
}
STATE: Json = {
    "resultType": "complete",
    "taskId": OWN_ID,
    "status": "completed",
    "result": {"content": [{"type": "text", "text": "done"}]},
}


class Workshop:
    """A backend that makes a task of every call."""

    def __init__(
        self, backend: FakeBackend, *, created: Json = CREATED, state: Json = STATE
    ) -> None:
        self.backend = backend
        backend.capabilities = dict(TELLING)
        backend.scripts["tools/call"] = lambda wire: wire.result(created)
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            backend.scripts[method] = self._about(state)

    def _about(self, state: Json) -> Any:
        async def answer(wire: Wire) -> None:
            if wire.request.message["params"]["taskId"] != OWN_ID:
                await wire.error(-32602, "Unknown task", status=400)
            elif wire.request.rpc == "tasks/get":
                await wire.result(state)
            else:
                await wire.result({"resultType": "complete"})

        return answer


async def begun(caller: Caller, name: str = "echo", **capabilities: Any) -> Answer:
    return await caller.modern(
        "tools/call", {"name": name}, meta=declared(**(capabilities or EVERYTHING))
    )


async def about(caller: Caller, method: str, task: str, **more: Any) -> Answer:
    return await caller.modern(
        method,
        {"taskId": task, **more},
        meta=declared(**EVERYTHING),
        **{"Mcp-Name": encode_value(task)},
    )


async def test_a_task_is_handed_out_sealed_and_asked_for_by_its_own_id() -> None:
    async with (
        FakeBackend() as one,
        FakeBackend() as two,
        inner_gateway({"acme": {"one": one, "two": two}}) as inner,
    ):
        Workshop(one)
        caller = Caller.of(inner)
        discovered = await caller.modern("server/discover")
        created = (await begun(caller, "one__echo")).result
        task = created["taskId"]
        got = await about(caller, "tasks/get", task)
        responses = {"q": {"action": "accept"}}
        updated = await about(caller, "tasks/update", task, inputResponses=responses)
        cancelled = await about(caller, "tasks/cancel", task)

        assert discovered.result["capabilities"]["extensions"] == {EXTENSION: {}}
        assert OWN_ID not in json.dumps(created)
        kept = {k: v for k, v in created.items() if k not in {"taskId", "_meta"}}
        assert kept == {k: v for k, v in CREATED.items() if k != "taskId"}
        assert got.result["taskId"] == task
        assert got.result["result"] == STATE["result"]
        assert updated.result["resultType"] == cancelled.result["resultType"] == "complete"
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            (request,) = one.calls(method)
            assert request.header("Mcp-Name") == OWN_ID
            assert request.message["params"]["taskId"] == OWN_ID
            assert two.calls(method) == []
        assert one.calls("tasks/update")[0].message["params"]["inputResponses"] == responses


async def test_j19_a_task_is_its_owners_alone() -> None:
    async with (
        FakeBackend() as one,
        FakeBackend() as far,
        inner_gateway({"acme": {"one": one}, "globex": {"one": far}}) as inner,
    ):
        for backend in (one, far):
            Workshop(backend)
        ada = Caller.of(inner)
        task = (await begun(ada)).result["taskId"]
        refused = [
            await about(caller, method, handle)
            for method in ("tasks/get", "tasks/update", "tasks/cancel")
            for caller, handle in (
                (Caller.of(inner, subject="eve"), task),
                (Caller.of(inner, client_id="ide"), task),
                (Caller.of(inner, "globex"), task),
                (Caller.of(inner, endpoint="one"), task),
                (ada, OWN_ID),
                (ada, task[:-1]),
                (ada, "x" * 5000),
            )
        ]
        good = await about(ada, "tasks/get", task)

        assert {answer.status for answer in refused} == {400}
        assert {answer.error["code"] for answer in refused} == {-32602}
        assert len({json.dumps(answer.error) for answer in refused}) == 1
        assert len(one.calls("tasks/get")) == 1
        assert far.calls("tasks/get") == []
        assert good.result["status"] == "completed"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_a_client_that_does_not_declare_tasks_is_told_what_it_lacks(method: str) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Workshop(backend)
        caller = Caller.of(inner)
        task = (await begun(caller)).result["taskId"]
        answer = await caller.modern(method, {"taskId": task}, **{"Mcp-Name": task})

        assert (answer.status, answer.error["code"]) == (400, -32021)
        required = answer.error["data"]["requiredCapabilities"]
        assert required == {"extensions": {EXTENSION: {}}}
        assert backend.calls(method) == []


async def test_the_header_names_the_task_or_nothing_happens() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Workshop(backend)
        caller = Caller.of(inner)
        task = (await begun(caller)).result["taskId"]
        meta = declared(**EVERYTHING)
        missing = await caller.modern("tasks/get", {"taskId": task}, meta=meta)
        other = await caller.modern("tasks/get", {"taskId": task}, meta=meta, **{"Mcp-Name": "x"})

        assert [missing.error["code"], other.error["code"]] == [-32020, -32020]


async def test_a_task_ends_with_its_time_and_after_a_day_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, ahead_s = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead_s[0])
    async with (
        FakeBackend() as brief,
        FakeBackend() as endless,
        inner_gateway({"acme": {"brief": brief}, "globex": {"endless": endless}}) as inner,
    ):
        monkeypatch.setattr(inner.issuer._minting, "_now", time.time)  # noqa: SLF001 - its clock
        Workshop(brief)
        Workshop(endless, created={**CREATED, "ttlMs": None})
        of_brief = (await begun(Caller.of(inner))).result["taskId"]
        of_endless = (await begun(Caller.of(inner, "globex"))).result["taskId"]
        ahead_s[0] = 100
        expired = await about(Caller.of(inner), "tasks/get", of_brief)
        alive = await about(Caller.of(inner, "globex"), "tasks/get", of_endless)
        ahead_s[0] = 24 * 3600 + 100
        expired_too = await about(Caller.of(inner, "globex"), "tasks/get", of_endless)

        assert expired.error["code"] == expired_too.error["code"] == -32602
        assert alive.result["status"] == "completed"


MISBEHAVIOUR: dict[str, tuple[Json, Json, Json]] = {
    "U15-task-not-declared": ({"sampling": {}}, CREATED, STATE),
    "U15-task-without-id": (EVERYTHING, {"resultType": "task", "status": "working"}, STATE),
    "U15-unknown-type": (EVERYTHING, {"resultType": "surprise"}, STATE),
}


@pytest.mark.parametrize(
    ("capabilities", "created", "state"), MISBEHAVIOUR.values(), ids=MISBEHAVIOUR.keys()
)
async def test_a_task_for_nobody_is_no_answer(
    capabilities: Json, created: Json, state: Json
) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Workshop(backend, created=created, state=state)
        answer = await begun(Caller.of(inner), **capabilities)

        assert (answer.status, answer.error["code"]) == (200, -31003)
        assert OWN_ID.encode() not in answer.body


@pytest.mark.parametrize(
    "state",
    [
        {**STATE, "taskId": "of-somebody-else"},
        {**STATE, "status": "input_required", "inputRequests": {"q": {"method": "tools/call"}}},
    ],
)
async def test_u16_the_state_of_a_task_is_judged_too(state: Json) -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Workshop(backend, state=state)
        caller = Caller.of(inner)
        answer = await about(caller, "tasks/get", (await begun(caller)).result["taskId"])

        assert answer.error["code"] == -31003


async def test_a_tasks_news_come_by_subscription_under_the_clients_handle() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Workshop(backend)
        station = Station(backend)
        caller = Caller.of(inner)
        task = (await begun(caller)).result["taskId"]
        news = {"status": "input_required", "inputRequests": {"q": FORM}}
        meta = declared(**EVERYTHING)
        async with subscribed(caller, meta=meta, taskIds=[task, "foreign"]) as (stream, first):
            await station.say("notifications/tasks", taskId="of-somebody-else", status="working")
            unfit = {"q": {**SAMPLING, "method": "tools/call"}}
            await station.say("notifications/tasks", taskId=OWN_ID, inputRequests=unfit)
            await station.say("notifications/tasks", taskId=OWN_ID, **news)
            told = await stream.event()

        assert station.filters == [{"taskIds": [OWN_ID]}]
        assert first["params"]["notifications"] == {"taskIds": [task]}
        assert told["params"]["taskId"] == task
        assert {name: told["params"][name] for name in news} == news
        assert told["params"]["_meta"][SUBSCRIPTION_ID] == caller.last_id


async def test_tasks_are_not_subscribed_to_by_who_does_not_declare_them() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        Station(backend)
        params = {"notifications": {"taskIds": ["x"]}}
        answer = await Caller.of(inner).modern("subscriptions/listen", params)

        assert (answer.status, answer.error["code"]) == (400, -32021)
