"""Everything that the suite needs: the fixture, a gateway in front of it, and the token's bearer.

The forwarder's URL is the gateway's public one, so that the gateway sees its own Host and Origin
where the suite is honest, and an alien's where it is not.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.child import Child, python_module
from tests.rigs.dev_issuer import start_dev_issuer
from tests.rigs.gateway import (
    LOOPBACK,
    RunningGateway,
    choose_public_url,
    endpoint_url,
    running_gateway,
)

TENANT = "acme"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """The same server twice: as it is, and through the gateway."""

    direct_url: str
    gateway_url: str
    gateway: RunningGateway


@contextmanager
def running_rig(log_dir: Path, eras: str = "both") -> Iterator[Rig]:
    """Start everything; all of it ends with the block.

    `eras` is what the backend of the gateway speaks; the one that is asked directly speaks both.
    """
    public_url = choose_public_url()
    resource = endpoint_url(public_url, TENANT)
    with ExitStack() as stack:
        fixture = stack.enter_context(start_fixture(log_dir, "both"))
        backend = fixture
        if eras != "both":
            backend = stack.enter_context(start_fixture(log_dir, eras))
        issuer = start_dev_issuer([resource], log_dir)
        stack.enter_context(issuer.child)
        direct_url = str(fixture.announcement()["url"])
        backend_url = direct_url if backend is fixture else str(backend.announcement()["url"])
        port = _another_port(_port(public_url))
        tenant = {
            "issuers": [{"issuer": issuer.issuer}],
            "backends": {"fixture": {"url": backend_url}},
        }
        document = {"listen": {"host": LOOPBACK, "port": port}, "tenants": {TENANT: tenant}}
        gateway = stack.enter_context(running_gateway(document, public_url=public_url))
        forwarder = start_forwarder(_port(public_url), port, issuer.token(resource), log_dir)
        stack.enter_context(forwarder)
        forwarder.announcement()
        yield Rig(direct_url=direct_url, gateway_url=resource, gateway=gateway)


def start_fixture(log_dir: Path, eras: str) -> Child:
    """The server that is judged. Its announcement is `{"url": ...}`."""
    command = python_module("tests.conformance.fixture_server", "--eras", eras)
    return Child(f"fixture-{eras}", command, log_dir)


def start_forwarder(listen_port: int, gateway_port: int, token: str, log_dir: Path) -> Child:
    """The one that adds the token. It announces that it listens."""
    module = "tests.conformance.forwarder"
    command = python_module(module, str(listen_port), str(gateway_port))
    return Child("forwarder", command, log_dir, environ={"FORWARDED_TOKEN": token})


def _another_port(taken: int) -> int:
    chosen = (_port(choose_public_url()) for _ in range(100))
    return next(port for port in chosen if port != taken)


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
