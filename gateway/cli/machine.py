"""The registry and the feed of this machine, as commands that change something reach them.

Rule: the registry's commit is what counts. The feed only makes it faster: when Redis cannot be
reached the change still holds within the lease, and the command says so.
"""

import getpass
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from gateway.cli.output import CommandFailed
from gateway.config.loading import load_config
from gateway.config.model import SEAL_FILE, Config, Revocation
from gateway.dev.state_directory import StateDirectory
from tenants.changes import Change
from tenants.errors import StoreUnavailable
from tenants.registry import Registry
from tenants.revocation_scope import RevocationScope
from tenants.seals import SealingRoot
from tenants.session_names import name_of
from tenants.store import Store

SQLITE = "sqlite+aiosqlite:///"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where the registry and Redis are, and within which bound a change holds."""

    database_url: str
    redis_url: str
    lease_s: float
    sealing_root: Path

    def session_keys(self, session_id: str) -> tuple[str, ...]:
        """The names under which a session may be kept: it has two for a while after a rotation."""
        root = SealingRoot.load_or_create(self.sealing_root)
        # The purpose is the one that tenants.sessions derives the names of sessions for.
        return tuple(name_of(key, session_id) for key in root.derive("session id"))

    @asynccontextmanager
    async def registry(self, scope: RevocationScope) -> AsyncIterator[Registry]:
        """The registry, after a check that the tenant of `scope` exists."""
        self._require_file()
        registry = await Registry.open(self.database_url)
        try:
            tenants = (await registry.load()).tenants
            if scope.tenant is not None and scope.tenant not in tenants:
                known = ", ".join(sorted(tenants)) or "none"
                raise CommandFailed(f"there is no tenant {scope.tenant}; there are: {known}")
            yield registry
        finally:
            await registry.close()

    def _require_file(self) -> None:
        """Opening would make an empty registry, and a revocation in it would revoke nothing."""
        path = Path(self.database_url.removeprefix(SQLITE))
        if self.database_url.startswith(SQLITE) and not path.is_file():
            raise CommandFailed(f"there is no registry at {path}; name the gateway's own with -c")

    async def publish(self, registry: Registry, change: Change) -> bool:
        """Tell running processes at once; False when Redis could not be reached."""
        incarnation, _ = await registry.head()
        store = Store.open(self.redis_url)
        try:
            await store.publish_change(incarnation, change.seq)
        except StoreUnavailable:
            return False
        finally:
            await store.close()
        return True

    def bound(self, *, is_published: bool) -> str:
        """When the change is in force, in words."""
        if is_published:
            return f"in force: no request that starts more than {self.lease_s:g} s from now passes"
        return (
            "written, but Redis could not be reached to tell running gateways; they learn of it "
            f"from the registry: in force within {self.lease_s:g} s of its reach"
        )


def find_machine(config: Path | None, state: StateDirectory) -> Machine:
    """The running `dev` when there is one and no configuration was named, else `serve`'s."""
    if config is None and state.note_path.is_file():
        return _dev_machine(state.root)
    return _configured(load_config(config, environ=os.environ, cwd=Path.cwd()))


def _dev_machine(root: Path) -> Machine:
    return Machine(
        database_url=f"{SQLITE}{root / 'registry.db'}",
        redis_url=_embedded_url(root),
        lease_s=Revocation().lease_s,
        sealing_root=root / SEAL_FILE,
    )


def _configured(config: Config) -> Machine:
    own = config.redis_url.reveal() if config.redis_url else _embedded_url(config.state_dir)
    return Machine(
        database_url=config.database_url.reveal(),
        redis_url=own,
        lease_s=config.revocation.lease_s,
        sealing_root=config.sealing_root_path,
    )


def _embedded_url(state_dir: Path) -> str:
    return f"unix://{quote(str(state_dir / 'valkey.sock'))}"


def actor() -> str:
    """Who is at the command line, for the audit."""
    return f"cli:{getpass.getuser()}"
