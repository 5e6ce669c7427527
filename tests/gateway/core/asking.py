"""A backend that asks back while it runs a tool, and a client that answers or does not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.core.caller import Answer, Caller, Open
from tests.rigs.fake_backend import FakeBackend, Json, Script, Wire

SAMPLING: Json = {"messages": [], "maxTokens": 5}
FORM: Json = {"message": "who?", "requestedSchema": {"type": "object", "properties": {}}}
LINK: Json = {"mode": "url", "message": "go", "url": "https://id.example/in", "elicitationId": "e1"}


@dataclass
class Asker:
    """Asks its questions in turn, waits for each answer, then tells all that it was told."""

    questions: list[tuple[str, Json | None]]
    backend_id: Any = 7
    heard: list[Json] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_end.set()

    def backend(self, **settings: Any) -> FakeBackend:
        scripts: dict[str, Script] = {"tools/call": self.run, "response": self.hear}
        return FakeBackend(era="legacy", scripts=scripts, **settings)

    async def run(self, wire: Wire) -> None:
        await wire.open_events()
        for method, params in self.questions:
            await wire.event(question(self.backend_id, method, params))
            await self.answered(len(self.heard) + 1)
        await self.may_end.wait()
        text = json.dumps(self.heard)
        await wire.event(wire.answer({"content": [{"type": "text", "text": text}]}))
        await wire.end_events()

    async def hear(self, wire: Wire) -> None:
        self.heard.append(wire.request.message)
        self._arrived.set()
        await wire.reply(b"", status=202)

    async def answered(self, times: int) -> None:
        """Wait until so many answers have come."""
        async with asyncio.timeout(5):
            while len(self.heard) < times:
                self._arrived.clear()
                await self._arrived.wait()


def question(request_id: Any, method: str, params: Json | None) -> Json:
    message: Json = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return message if params is None else {**message, "params": params}


async def respond(caller: Caller, request_id: object, **outcome: Any) -> Answer:
    """Answer a question: `result=` or `error=`."""
    body = json.dumps({"jsonrpc": "2.0", "id": request_id, **outcome}).encode()
    return await caller.post(body, caller.legacy_headers())


@asynccontextmanager
async def listening(caller: Caller) -> AsyncIterator[Open]:
    """The stream of a GET, its head read."""
    headers = caller.legacy_headers() | {"Accept": "text/event-stream"}
    async with caller.sent("GET", b"", headers) as stream:
        assert await stream.head() == 200
        yield stream
