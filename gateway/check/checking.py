"""The order of a check: look, then judge."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from auth.egress import TenantEgress
from gateway.check.authorization_probe import probe_authorization
from gateway.check.era_probes import (
    ToolCall,
    find_legacy,
    find_modern,
    probe_legacy,
    probe_modern,
)
from gateway.check.judging import judge
from gateway.check.observations import Observations
from gateway.check.report import Report
from gateway.check.security_probe import probe_door, probe_security
from gateway.check.wire import Clock, RequestsSpent, Wire, WireLimits, open_wire

DEFAULT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to check. `headers` are credentials, sent to `url` alone and never shown."""

    url: str
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    call: ToolCall | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S


async def check(
    target: Target,
    egress: TenantEgress,
    *,
    clock: Clock = time.monotonic,
    on_request: Callable[[str], None] = lambda _where: None,
    limits: WireLimits | None = None,
) -> Report:
    """Judge an MCP server. `on_request` is told what is about to be asked.

    Never calls a tool unless `target.call` names one. A check that runs out of time judges what it
    has seen and says so.

    Raises:
        EgressRefused: the guard does not allow the URL.
        Unreachable: no connection could be made.
    """
    seen = Observations(target.url, has_credentials=bool(target.headers))
    async with open_wire(
        target.url,
        egress,
        credentials=target.headers,
        limits=limits or WireLimits(),
        clock=clock,
        on_request=on_request,
    ) as wire:
        seen.answers = wire.answers
        with suppress(TimeoutError, RequestsSpent):
            async with asyncio.timeout(target.timeout_s):
                await _look(wire, egress, target, seen)
                seen.is_complete = True
    return judge(seen)


async def _look(wire: Wire, egress: TenantEgress, target: Target, seen: Observations) -> None:
    await find_modern(wire, seen)
    await find_legacy(wire, seen)
    if seen.modern is not None:
        await probe_modern(wire, seen.modern, target.call)
    if seen.legacy is not None:
        await probe_legacy(wire, seen, seen.legacy, None if seen.modern else target.call)
    if not seen.eras:
        await probe_door(wire, seen)
    await probe_security(wire, seen)
    await probe_authorization(wire, egress, seen)
