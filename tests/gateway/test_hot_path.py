"""No I/O to Redis or the database on the hot path, counted command by command."""

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.mcp_client import McpClient
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.inner_gateway import InnerGateway, inner_gateway

CALLS = 20


def _commands(inner: InnerGateway) -> tuple[int, int]:
    return inner.foundations.store.commands, inner.foundations.registry.commands


async def _call(client: McpClient) -> dict[str, Any]:
    call: Callable[[], dict[str, Any]] = lambda: client.call_tool("echo", {"text": "x"})  # noqa: E731
    return await asyncio.to_thread(call)


async def test_a_modern_call_asks_neither_redis_nor_the_database() -> None:
    async with (
        FakeBackend() as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        client = inner.client("acme")
        await _call(client)
        before = _commands(inner)

        for _ in range(CALLS):
            await _call(client)

        assert _commands(inner) == before
        assert len(backend.calls("tools/call")) == CALLS + 1


async def test_a_legacy_call_on_a_warm_session_asks_neither_redis_nor_the_database() -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        client = inner.client("acme")
        await _call(client)
        before = _commands(inner)

        for _ in range(CALLS):
            await _call(client)

        assert _commands(inner) == before
        assert len(backend.calls("tools/call")) == CALLS + 1


async def test_what_is_counted_does_count() -> None:
    async with (
        FakeBackend(era="legacy") as backend,
        inner_gateway({"acme": {"one": backend}}) as inner,
    ):
        before = _commands(inner)

        await _call(inner.client("acme"))  # opens a session
        await inner.foundations.view.refresh()

        after = _commands(inner)
        assert after[0] > before[0]
        assert after[1] > before[1]
