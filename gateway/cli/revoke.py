"""`portcullis revoke`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import scopes
from gateway.cli.machine import Machine, actor, find_machine
from gateway.cli.options import DEFAULT_STATE_DIR, ConfigOption, StateDirOption
from gateway.cli.output import JsonOption, say, say_json
from gateway.dev.state_directory import StateDirectory
from tenants.revocation_scope import RevocationScope, ScopeKind

ENDS_FOR_GOOD = frozenset({ScopeKind.SESSION, ScopeKind.TOKEN})
SIGN_IN_AGAIN = (
    "a new sign-in works once its token is newer than this by its issuer's clock_ahead "
    "(5 s unless configured)"
)

ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit.")]


def revoke(
    tenant: scopes.TenantOption = None,
    issuer: scopes.IssuerOption = None,
    subject: scopes.SubjectOption = None,
    client: scopes.ClientOption = None,
    session: scopes.SessionOption = None,
    token: scopes.TokenOption = None,
    reason: ReasonOption = "by hand",
    config: ConfigOption = None,
    state_dir: StateDirOption = DEFAULT_STATE_DIR,
    *,
    everyone: scopes.GlobalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Sign out: whatever is older dies at once.

    Ends sessions and refuses tokens that were issued until now; a new sign-in works. To refuse
    new sign-ins as well, use `portcullis block`.

    Name exactly one of --global, --subject (with --issuer), --client, --session, --token, or only
    --tenant; --tenant narrows each of the others.

    Works on the registry of this machine, also while no gateway runs.
    """
    aim = scopes.Aim(
        everyone=everyone,
        tenant=tenant,
        issuer=issuer,
        subject=subject,
        client=client,
        session=session,
        token=token,
    )
    scope = aim.scope()
    machine = find_machine(config, StateDirectory(Path.cwd() / state_dir))
    seq, is_published = asyncio.run(_revoke(machine, scope, reason))
    bound = machine.bound(is_published=is_published)
    if as_json:
        say_json({"seq": seq, "scope": scope.members(), "published": is_published, "bound": bound})
        return
    say(f"revoked {scopes.in_words(scope)} (change {seq})")
    say(bound)
    if scope.kind not in ENDS_FOR_GOOD:
        say(SIGN_IN_AGAIN)


async def _revoke(machine: Machine, scope: RevocationScope, reason: str) -> tuple[int, bool]:
    async with machine.registry(scope) as registry:
        changes = [
            await registry.revoke(each, actor=actor(), reason=reason)
            for each in _kept_as(machine, scope)
        ]
        return changes[-1].seq, await machine.publish(registry, changes[-1])


def _kept_as(machine: Machine, scope: RevocationScope) -> list[RevocationScope]:
    if scope.session_key is None:
        return [scope]
    return [scopes.renamed(scope, key) for key in machine.session_keys(scope.session_key)]
