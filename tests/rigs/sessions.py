"""Sessions over a real store, with clocks that a test moves."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from auth.principal import Principal
from tenants.seals import SealingRoot
from tenants.session_records import Session, SessionOwner
from tenants.session_rules import SessionLifetimes, SessionLimits
from tenants.sessions import Sessions
from tenants.store import Store

ROOT = SealingRoot(b"s" * 32)
INCARNATION = "first"


@dataclass
class Clock:
    """Wall and monotonic time of all processes of a test."""

    time: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


def owner(
    tenant: str,
    subject: str = "ann",
    *,
    client_id: str = "app",
    issuer: str = "https://issuer",
    endpoint: str = "",
) -> SessionOwner:
    principal = Principal(issuer=issuer, subject=subject, client_id=client_id)
    return SessionOwner(tenant=tenant, endpoint=endpoint, principal=principal)


@dataclass
class Process:
    """One gateway process: a cache of its own over the shared store."""

    store: Store
    clock: Clock = field(default_factory=Clock)
    lifetimes: SessionLifetimes = field(default_factory=SessionLifetimes)
    limits: SessionLimits = field(default_factory=SessionLimits)
    root: SealingRoot = ROOT
    cache_size: int = 10_000
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(
            self.store,
            self.root,
            now=self.clock,
            clock=self.clock,
            lifetimes=self.lifetimes,
            limits=self.limits,
            cache_size=self.cache_size,
        )

    async def pending(self, whose: SessionOwner, *, seq: int = 5) -> tuple[str, Session]:
        return await self.sessions.create(
            whose,
            revision="2025-06-18",
            client_capabilities=b"{}",
            client_info=b'{"name":"test"}',
            seq=seq,
            incarnation=INCARNATION,
        )

    async def active(self, whose: SessionOwner, *, seq: int = 5) -> tuple[str, Session]:
        session_id, session = await self.pending(whose, seq=seq)
        await self.sessions.activate(session)
        return session_id, session.activated()

    async def join(
        self,
        session_id: str,
        whose: SessionOwner,
        *,
        incarnation: str = INCARNATION,
        epoch: Callable[[Session], int] = lambda _: 0,
        seq_now: int = 5,
    ) -> Session:
        return await self.sessions.join(
            session_id, whose, incarnation=incarnation, epoch=epoch, seq_now=seq_now
        )


async def commands_of(process: Process, session_id: str, tenant: str) -> int:
    """How many commands a join costs."""
    before = process.store.commands
    await process.join(session_id, owner(tenant))
    return process.store.commands - before


@pytest.fixture
def here(store: Store) -> Process:
    return Process(store)


@pytest.fixture
def there(store: Store, here: Process) -> Process:
    """Another process over the same Redis, at the same time."""
    return Process(store, clock=here.clock)


@pytest.fixture
def private_here(private_store: Store) -> Process:
    return Process(private_store)
