"""What has to stand before the gateway: log, Redis, the registry and this process's view of it.

Redis may be away when the gateway starts: modern calls go on, and what needs a session gets 503
until it is there. The registry may not: without it nobody is admitted, so the start is refused.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.background import background_tasks
from gateway.composition import Foundations
from gateway.config.model import Config, LogFormat
from observability import events
from observability.instruments import Instruments
from observability.logs import configure_logging, flush_lines, gather_lines, get_logger
from observability.tracing import configure_tracing
from tenants.embedded_valkey import EmbeddedValkey
from tenants.errors import StoreUnavailable
from tenants.registry import Registry
from tenants.seals import SealingRoot
from tenants.store import Store
from tenants.view import View

VALKEY_WATCH_S = 0.5


@asynccontextmanager
async def standing(config: Config, *, burn: bool) -> AsyncIterator[Foundations]:
    """Open everything, put the configured tenants into the registry, and close it all at the end.

    `burn` says whether the slug of a tenant that is gone may never come back.

    Raises:
        RegistryUnavailable: the registry cannot be opened.
        StoreUnsuitable: Redis is there and must not be used; the message says why.
        EmbeddedValkeyFailed, UnusableRoot, InvalidDefinition.
    """
    _log_to_stderr(config)
    gather_lines(asyncio.get_running_loop().call_later)
    instruments = Instruments()
    tracer = configure_tracing(
        endpoint=config.telemetry.otlp_endpoint,
        ratio=config.telemetry.trace_ratio,
        slow_s=config.telemetry.slow_s,
        on_dropped=instruments.count_dropped_spans,
    )
    seals = SealingRoot.load_or_create(config.sealing_root_path)
    try:
        async with _store(config) as store, _registry(config, burn=burn) as registry:
            view = View(
                registry,
                feed=store.feed(),
                lease_s=config.revocation.lease_s,
                poll_s=config.revocation.poll_s,
            )
            await view.refresh()
            yield Foundations(
                config=config,
                store=store,
                registry=registry,
                view=view,
                seals=seals,
                tracer=tracer,
                instruments=instruments,
            )
    finally:
        await asyncio.to_thread(tracer.shutdown)
        flush_lines()


def _log_to_stderr(config: Config) -> None:
    chosen = config.telemetry.log_format
    as_json = chosen is LogFormat.JSON or (chosen is LogFormat.AUTO and not sys.stderr.isatty())
    configure_logging(level=config.telemetry.log_level, as_json=as_json, stream=sys.stderr)


@asynccontextmanager
async def _registry(config: Config, *, burn: bool) -> AsyncIterator[Registry]:
    registry = await Registry.open(config.database_url.reveal())
    try:
        await registry.replace_tenants(config.tenants, burn=burn)
        get_logger().info(events.REGISTRY_OPENED, tenants=len(config.tenants))
        yield registry
    finally:
        await registry.close()


@asynccontextmanager
async def _store(config: Config) -> AsyncIterator[Store]:
    async with _redis_url(config) as url:
        store = Store.open(url)
        try:
            await _check(store)
            yield store
        finally:
            await store.close()


async def _check(store: Store) -> None:
    try:
        for warning in await store.check():
            get_logger().warning(events.STORE_CONNECTED, warning=warning)
    except StoreUnavailable as error:
        get_logger().error(events.STORE_FAILED, reason=error.reason)


@asynccontextmanager
async def _redis_url(config: Config) -> AsyncIterator[str]:
    if config.redis_url is not None:
        yield config.redis_url.reveal()
        return
    valkey = EmbeddedValkey()
    try:
        # In this thread: the process ends with the thread that started it.
        url = valkey.start(config.state_dir)
        get_logger().info(events.VALKEY_STARTED, pid=valkey.pid, notes=list(valkey.notes))
        async with background_tasks() as tasks:
            tasks.create_task(_keep_running(valkey, config))
            yield url
    finally:
        valkey.stop()


async def _keep_running(valkey: EmbeddedValkey, config: Config) -> None:
    """Start the embedded Valkey again when it died; its data is on disk."""
    while True:
        await asyncio.sleep(VALKEY_WATCH_S)
        if not valkey.is_running:
            get_logger().error(events.VALKEY_STOPPED)
            valkey.start(config.state_dir)
            get_logger().info(events.VALKEY_STARTED, pid=valkey.pid)
