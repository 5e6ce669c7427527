"""Peers over real sockets to a scripted backend."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import ip_network

import pytest

from auth.credentials import HeaderCredential
from auth.egress import EgressGrant, EgressGuard, TenantEgress
from gateway.backends.limits import BackendLimits
from gateway.backends.peer import BackendPeer, OutgoingRequest
from gateway.background import background_tasks
from tenants.model import Backend, BackendProtocol, StaticCredential
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.real_servers import legacy_python, library_server, orders_server, stock_server

LOOPBACK = EgressGrant(
    tenants=frozenset({"*"}), cidr=ip_network("127.0.0.0/8"), schemes=frozenset({"http"})
)
META = (
    b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    b'"io.modelcontextprotocol/clientCapabilities":{}}'
)


def loopback_egress(tenant: str = "acme") -> TenantEgress:
    return EgressGuard((LOOPBACK,)).for_tenant(tenant)


def call(name: str = "echo", arguments: bytes = b"{}", **members: object) -> OutgoingRequest:
    """A modern tools/call."""
    params = {"name": f'"{name}"'.encode(), "arguments": arguments, "_meta": META}
    request = OutgoingRequest(
        method="tools/call", revision="2026-07-28", params=params, headers=(("Mcp-Name", name),)
    )
    return replace_members(request, members)


def replace_members(request: OutgoingRequest, members: dict[str, object]) -> OutgoingRequest:
    values = {name: getattr(request, name) for name in OutgoingRequest.__slots__}
    return OutgoingRequest(**(values | members))


@dataclass
class SteppedClock:
    """A monotonic clock that a test moves."""

    now: float = 0

    def __call__(self) -> float:
        return self.now


__all__ = ["legacy_python", "library_server", "orders_server", "stock_server"]

MakePeer = Callable[..., BackendPeer]


@pytest.fixture
async def make_peer() -> AsyncIterator[MakePeer]:
    """Peers that are closed after the test."""
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(background_tasks())

        def make(
            backend: FakeBackend | str,
            *,
            limits: BackendLimits | None = None,
            protocol: BackendProtocol = BackendProtocol.AUTO,
            timeout_s: float = 10,
            max_in_flight: int = 256,
            clock: Callable[[], float] = time.monotonic,
            tenant: str = "acme",
            credential: tuple[str, dict[str, str]] | None = None,
        ) -> BackendPeer:
            definition = Backend(
                name="fake",
                url=backend if isinstance(backend, str) else backend.url,
                protocol=protocol,
                timeout_s=timeout_s,
                max_in_flight=max_in_flight,
            )
            egress = loopback_egress(tenant)
            own = None
            if credential is not None:
                source = StaticCredential(prefix="Bearer ", env=credential[0])
                own = HeaderCredential(source, environ=credential[1])
            peer = BackendPeer(
                tenant, definition, egress, own, tasks=tasks, clock=clock, limits=limits
            )
            stack.push_async_callback(peer.close)
            return peer

        yield make


@pytest.fixture
async def fake() -> AsyncIterator[FakeBackend]:
    """A good modern backend."""
    async with FakeBackend() as backend:
        yield backend
