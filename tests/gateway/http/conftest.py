"""Gateways that the cases of the HTTP front share: one with the defaults, one that waits little."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.gateway.http.front import Front, running_front


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def front() -> AsyncIterator[Front]:
    """A gateway with the limits that it ships with."""
    async with running_front() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def impatient() -> AsyncIterator[Front]:
    """A gateway that waits for a second where it waits for half a minute."""
    limits = {"headers": 1, "body_idle": 1, "write_stall": 3, "connections_per_source": 20}
    async with running_front(limits=limits) as running:
        yield running
