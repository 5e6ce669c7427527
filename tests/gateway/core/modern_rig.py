"""What the tests of the modern era's longer conversations share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.gateway.core.caller import PREFIX, WAIT_S, Caller, Json, Open
from tests.rigs.fake_backend import FakeBackend, Wire

CAPABILITIES_KEY = f"{PREFIX}clientCapabilities"
EVERYTHING: Json = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}},
    "roots": {},
    "extensions": {f"{PREFIX}tasks": {}},
}
FORM: Json = {
    "method": "elicitation/create",
    "params": {"mode": "form", "message": "Which?", "requestedSchema": {"type": "object"}},
}
SAMPLING: Json = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 9}}
ROOTS: Json = {"method": "roots/list"}


def link(url: str) -> Json:
    """A user is asked to open an address."""
    return {
        "method": "elicitation/create",
        "params": {"mode": "url", "message": "Open this", "url": url},
    }


def declared(**capabilities: Any) -> Json:
    """`_meta` of a request whose client has these capabilities."""
    return {CAPABILITIES_KEY: capabilities}


async def comes_to_pass(is_so: Callable[[], bool]) -> None:
    """Let the loop run until something is so that nobody tells."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - it is told nowhere
            await asyncio.sleep(0)


LISTEN = "subscriptions/listen"
SUBSCRIPTION_ID = f"{PREFIX}subscriptionId"
TELLING: Json = {
    "tools": {"listChanged": True},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "extensions": {f"{PREFIX}tasks": {}},
}


class Station:
    """A backend's side of subscriptions: acknowledges each, and says what a test wants said."""

    def __init__(self, backend: FakeBackend, *, honours: Json | None = None) -> None:
        self.backend = backend
        self.honours = honours
        self.wires: list[Wire] = []
        self._opened = asyncio.Event()
        backend.capabilities = dict(TELLING)
        backend.scripts[LISTEN] = self._serve

    async def _serve(self, wire: Wire) -> None:
        await wire.open_events()
        asked = wire.request.message["params"]["notifications"]
        honoured = asked if self.honours is None else self.honours
        await self._say(wire, "notifications/subscriptions/acknowledged", notifications=honoured)
        self.wires.append(wire)
        self._opened.set()
        await wire.client_is_gone()

    async def opened(self, times: int = 1) -> Wire:
        """Wait until so many streams were opened; the last one."""
        async with asyncio.timeout(WAIT_S):
            while len(self.wires) < times:
                self._opened.clear()
                await self._opened.wait()
        return self.wires[-1]

    @property
    def filters(self) -> list[Json]:
        """What it was asked for, stream by stream."""
        return [r.message["params"]["notifications"] for r in self.backend.calls(LISTEN)]

    async def say(self, method: str, **params: Any) -> None:
        """Say something on the newest stream."""
        await self._say(self.wires[-1], method, **params)

    async def hang_up(self) -> None:
        """Cut the newest stream."""
        self.wires[-1].close()

    async def _say(self, wire: Wire, method: str, **params: Any) -> None:
        meta = {SUBSCRIPTION_ID: wire.id, "vendor/kept": [1.0], "baggage": "a=b"}
        message = {"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": meta}}
        await wire.event(message)


@asynccontextmanager
async def subscribed(
    caller: Caller, *, meta: Json | None = None, **notifications: Any
) -> AsyncIterator[tuple[Open, Json]]:
    """An open subscription, and its acknowledgement."""
    params = {"notifications": notifications}
    async with caller.open_modern(LISTEN, params, meta=meta) as sent:
        status = await sent.head()
        assert status == 200, (await sent.answer()).body
        yield sent, await sent.event()
