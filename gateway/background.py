"""Work besides requests: a group of tasks that ends with its block instead of being waited for.

Rule: whatever runs in the background handles the failures that it expects. One that escapes ends
the block, and with it the process: a gateway without its poll or its sweep is not a gateway.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def background_tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """Give a group for tasks that run for ever; they are cancelled when the block ends."""
    opened: asyncio.Future[asyncio.TaskGroup] = asyncio.get_running_loop().create_future()

    async def own() -> None:
        async with asyncio.TaskGroup() as tasks:
            opened.set_result(tasks)
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as outer:
        owner = outer.create_task(own())
        try:
            yield await opened
        finally:
            owner.cancel()
