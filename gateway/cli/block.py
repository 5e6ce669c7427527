"""`portcullis block`."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import scopes
from gateway.cli.machine import Machine, actor, find_machine
from gateway.cli.options import DEFAULT_STATE_DIR, ConfigOption, StateDirOption
from gateway.cli.output import JsonOption, say, say_json
from gateway.config.units import seconds
from gateway.dev.state_directory import StateDirectory
from tenants.changes import Change
from tenants.registry import Registry
from tenants.revocation_scope import RevocationScope

ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit.")]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="WHEN",
        help="When it ends by itself: a time like 2026-12-31T18:00Z, or from now: 30m, 8h.",
    ),
]
LiftOption = Annotated[bool, typer.Option("--lift", help="End the block of exactly this.")]


def block(
    tenant: scopes.TenantOption = None,
    issuer: scopes.IssuerOption = None,
    subject: scopes.SubjectOption = None,
    client: scopes.ClientOption = None,
    token: scopes.TokenOption = None,
    until: UntilOption = None,
    reason: ReasonOption = "by hand",
    config: ConfigOption = None,
    state_dir: StateDirOption = DEFAULT_STATE_DIR,
    *,
    everyone: scopes.GlobalOption = False,
    lift: LiftOption = False,
    as_json: JsonOption = False,
) -> None:
    """Refuse a user, client, tenant or token until lifted.

    However new their tokens are. Holds until --until, or until the same is given with --lift.
    Lifting does not bring back sessions or tokens that were revoked. Name it as for
    `portcullis revoke`.
    """
    if lift and until is not None:
        raise typer.BadParameter("--lift ends a block now; --until does not belong to it")
    aim = scopes.Aim(
        everyone=everyone,
        tenant=tenant,
        issuer=issuer,
        subject=subject,
        client=client,
        session=None,
        token=token,
    )
    scope = aim.scope()
    end = read_until(until, now=time.time()) if until is not None else None
    machine = find_machine(config, StateDirectory(Path.cwd() / state_dir))
    order = _Order(scope, reason, end, is_lift=lift)
    change, is_published = asyncio.run(_change(machine, order))
    bound = machine.bound(is_published=is_published)
    if as_json:
        document = {"seq": change.seq, "scope": scope.members(), "until": end}
        say_json({**document, "published": is_published, "bound": bound})
        return
    say(f"{'unblocked' if lift else 'blocked'} {scopes.in_words(scope)} (change {change.seq})")
    say(bound)


@dataclass(frozen=True, slots=True)
class _Order:
    scope: RevocationScope
    reason: str
    until: float | None
    is_lift: bool

    async def give(self, registry: Registry) -> Change:
        if self.is_lift:
            return await registry.unblock(self.scope, actor=actor(), reason=self.reason)
        return await registry.block(self.scope, until=self.until, actor=actor(), reason=self.reason)


async def _change(machine: Machine, order: _Order) -> tuple[Change, bool]:
    async with machine.registry(order.scope) as registry:
        change = await order.give(registry)
        return change, await machine.publish(registry, change)


def read_until(text: str, *, now: float) -> float:
    """Seconds since the epoch: an ISO 8601 time (UTC when it names no zone), or from `now`."""
    try:
        return now + seconds(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is neither a time like 2026-12-31T18:00Z nor a duration like 8h"
        raise typer.BadParameter(message, param_hint="--until") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment.timestamp() <= now:
        raise typer.BadParameter(f"{text} has passed", param_hint="--until")
    return moment.timestamp()
