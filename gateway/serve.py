"""`serve`, read from top to bottom: what stands, what listens, and how it leaves.

On SIGTERM or SIGINT readiness turns false at once and answers close their connections. After a
moment for balancers to notice, no connection is accepted any more. Requests that run have until
`drain_s` after the signal; what then still runs is told so, and the process is gone. A second
signal does not wait.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from gateway.background import background_tasks
from gateway.composition import Gateway
from gateway.config.model import Config
from gateway.foundations import standing
from gateway.garbage import settle_collector
from gateway.http_parser import require_compiled_parser
from gateway.listeners import Listener, listening
from gateway.tls import server_context
from observability import events
from observability.logs import get_logger

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Bound:
    """Where the gateway listens, with the ports that were really taken."""

    data_url: str
    admin_url: str


Announce = Callable[[Bound], Awaitable[None]]


async def serve(config: Config, *, announce: Announce | None = None, burn: bool = True) -> None:
    """Run until a signal comes, or until cancelled.

    `announce` is called once both listeners are bound. `burn` is False in development alone: slugs
    of tenants that are gone may come back.

    Raises:
        OSError: a listener cannot be bound, or the HTTP parser is not the compiled one.
        TenantError, EmbeddedValkeyFailed: something that has to stand does not.
    """
    require_compiled_parser()
    addresses: set[tuple[str, int]] = set()
    async with (
        _signals() as leaving,
        standing(config, burn=burn) as foundations,
        background_tasks() as tasks,
    ):
        gateway = Gateway(foundations, tasks, own_addresses=lambda: frozenset(addresses))
        gateway.take_tenants()
        gateway.start()
        async with (
            _data_listener(config, gateway) as data,
            _admin_listener(config, gateway) as admin,
        ):
            addresses.update((data.address, admin.address))
            settle_collector()
            get_logger().info(events.LISTENER_BOUND, data=data.url, admin=admin.url)
            if announce is not None:
                await announce(Bound(data.url, admin.url))
            await leaving.wait()
            await _leave(config, gateway, data, leaving)
        await gateway.close()


async def _leave(config: Config, gateway: Gateway, data: Listener, leaving: "_Leaving") -> None:
    pipeline, limits = gateway.pipeline, config.limits
    pipeline.is_leaving = True
    await leaving.wait_again(limits.drain_delay_s)
    pipeline.is_draining = True
    data.stop_accepting()
    gateway.end_streams()
    await leaving.unless_asked_again(
        data.table.emptied(), max(0.0, limits.drain_s - limits.drain_delay_s)
    )
    pipeline.is_interrupting = True
    await data.table.interrupt()
    get_logger().info(events.GATEWAY_DRAINED)


class _Leaving:
    """Whether the process was asked to go, and whether it was asked twice."""

    def __init__(self) -> None:
        self._once = asyncio.Event()
        self._twice = asyncio.Event()

    def ask(self) -> None:
        (self._twice if self._once.is_set() else self._once).set()

    async def wait(self) -> None:
        await self._once.wait()

    async def wait_again(self, at_most_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._twice.wait()

    async def unless_asked_again(self, work: Coroutine[None, None, None], at_most_s: float) -> None:
        """Wait for `work`, for the second signal or for the time to pass: what comes first."""
        async with background_tasks() as tasks:
            tasks.create_task(work).add_done_callback(lambda _: self._twice.set())
            await self.wait_again(at_most_s)


@asynccontextmanager
async def _signals() -> AsyncIterator[_Leaving]:
    loop, leaving = asyncio.get_running_loop(), _Leaving()
    for number in SIGNALS:
        loop.add_signal_handler(number, leaving.ask)
    try:
        yield leaving
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _data_listener(config: Config, gateway: Gateway) -> AsyncIterator[Listener]:
    files = config.listen.tls
    tls = None if files is None else server_context(files.cert_file, files.key_file)
    async with listening(gateway.table, config.listen.host, config.listen.port, tls=tls) as bound:
        yield bound


@asynccontextmanager
async def _admin_listener(config: Config, gateway: Gateway) -> AsyncIterator[Listener]:
    table = gateway.admin_table
    async with listening(table, config.admin.host, config.admin.port) as bound:
        yield bound
