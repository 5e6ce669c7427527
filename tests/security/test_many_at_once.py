"""J11, J19: a thousand calls at once under equal ids, each answered to its own asker."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.rigs import raw_http
from tests.rigs.doors import Door
from tests.rigs.fake_backend import Wire
from tests.rigs.raw_http import Answer
from tests.rigs.walled_city import City, Json, legacy_call

pytestmark = pytest.mark.asyncio(loop_scope="session")

SESSIONS = 10
"""For each of the two tenants."""
CALLS = 50
"""For each session: the ids 1 to 50 in every one."""
BUSY = 503
"""Nothing ran: it is safe to send it again."""
CANCELLED = {7, 29}
"""Of each session, and one more of every second: 5 % of all."""


@dataclass
class Echo:
    """Answers when all are there; what is to be cancelled waits until it is."""

    arrived: int = 0
    all_there: asyncio.Event = field(default_factory=asyncio.Event)
    ids: set[int] = field(default_factory=set)

    async def run(self, wire: Wire) -> None:
        arguments = wire.request.message["params"]["arguments"]
        self.ids.add(wire.id)
        await wire.open_events()
        self.arrived += 1
        if self.arrived == SESSIONS * CALLS:
            self.all_there.set()
        await self.all_there.wait()
        if arguments["waits"]:
            await wire.client_is_gone()
            return
        text = json.dumps(arguments)
        await wire.event(wire.answer({"content": [{"type": "text", "text": text}]}))
        await wire.end_events()


@dataclass(frozen=True, eq=False)
class Asker:
    """One session of one user, who cancels some of the calls."""

    door: Door
    number: int
    token: str
    session: str

    def cancels(self, request_id: int) -> bool:
        return request_id in CANCELLED or (request_id == 41 and self.number % 2 == 0)

    async def call(self, request_id: int) -> Answer:
        arguments: Json = {
            "tenant": self.door.tenant,
            "asker": self.number,
            "id": request_id,
            "waits": self.cancels(request_id),
        }
        message = legacy_call(request_id=request_id, **arguments)
        return await self._post(message)

    async def cancel(self, request_id: int, when: asyncio.Event) -> int:
        await when.wait()
        told: Json = {
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": request_id},
        }
        return (await self._post(told)).status

    async def _post(self, message: Json) -> Answer:
        """Send; again while the machine is so busy that the store is waited for too long."""
        while True:
            answer = await self.door.legacy(message, self.session, token=self.token)
            if answer.status != BUSY:
                return answer


async def _askers(door: Door) -> list[Asker]:
    tokens = [door.good(f"user-{number}") for number in range(SESSIONS)]
    sessions = await asyncio.gather(*(door.session(token=token) for token in tokens))
    return [
        Asker(door, number, token, session)
        for number, (token, session) in enumerate(zip(tokens, sessions, strict=True))
    ]


async def test_j11_j19_each_of_a_thousand_calls_with_equal_ids_gets_its_own_answer(
    city: City, old_acme: Door, old_globex: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_http, "TIMEOUT_S", 50.0)  # all wait for the last one
    echoes = {"acme": Echo(), "globex": Echo()}
    for tenant, echo in echoes.items():
        city.backends[f"{tenant}-legacy"].scripts["tools/call"] = echo.run
    before = {t: len(city.backends[f"{t}-legacy"].calls("notifications/cancelled")) for t in echoes}
    askers = [*await _askers(old_acme), *await _askers(old_globex)]
    ids = range(1, CALLS + 1)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        answers = {
            (asker, request_id): tasks.create_task(asker.call(request_id))
            for asker in askers
            for request_id in ids
        }
        cancels = [
            tasks.create_task(asker.cancel(request_id, echoes[asker.door.tenant].all_there))
            for asker in askers
            for request_id in ids
            if asker.cancels(request_id)
        ]

    outcomes = Counter(_judged(asker, number, t.result()) for (asker, number), t in answers.items())
    assert outcomes == {"answered": 950, "cancelled": 50}
    assert [task.result() for task in cancels] == [202] * 50
    for tenant, echo in echoes.items():
        told = city.backends[f"{tenant}-legacy"].calls("notifications/cancelled")[before[tenant] :]
        named = {request.message["params"]["requestId"] for request in told}
        assert len(echo.ids) == SESSIONS * CALLS
        assert len(named) == len(told) == 25
        assert named <= echo.ids


def _judged(asker: Asker, request_id: int, answer: Answer) -> str:
    message = answer.message
    assert message["id"] == request_id
    if asker.cancels(request_id):
        assert message["error"]["code"] == -32800
        return "cancelled"
    said = json.loads(message["result"]["content"][0]["text"])
    assert (said["tenant"], said["asker"], said["id"]) == (
        asker.door.tenant,
        asker.number,
        request_id,
    )
    return "answered"
