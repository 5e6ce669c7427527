"""A real gateway in this process, so that what it does inside can be counted.

Without its background loops: nothing but requests touches Redis or the database. Requests come
over real sockets, from `gateway.mcp_client` in another thread.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from auth.dev_issuer.issuer import DevIssuer
from gateway.background import background_tasks
from gateway.composition import Foundations, Gateway
from gateway.config.loading import load_config
from gateway.dev.issuer_server import loopback_socket, serving_issuer
from gateway.foundations import standing
from gateway.listeners import listening
from gateway.mcp_client import McpClient
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.gateway import LOOPBACK, choose_public_url, endpoint_url


@dataclass(frozen=True, kw_only=True)
class InnerGateway:
    """The gateway's parts, and a way to call it as somebody."""

    foundations: Foundations
    gateway: Gateway
    issuer: DevIssuer
    public_url: str

    def client(self, tenant: str, endpoint: str = "", *, subject: str = "someone") -> McpClient:
        """A client with a fresh token for one endpoint."""
        url = endpoint_url(self.public_url, tenant, endpoint)
        token = self.issuer.mint(subject=subject, client_id="cli", audience=url, scopes=())
        return McpClient(url, token, timeout_s=10)


@asynccontextmanager
async def inner_gateway(
    tenants: dict[str, dict[str, FakeBackend]], **settings: Any
) -> AsyncIterator[InnerGateway]:
    """A gateway whose tenants have these backends; `settings` go into its configuration."""
    directory = Path(tempfile.mkdtemp(prefix="pc"))
    public_url = choose_public_url()
    listener = loopback_socket(LOOPBACK, 0)
    issuer_url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    resources = [
        endpoint_url(public_url, tenant, name)
        for tenant, backends in tenants.items()
        for name in ("", *backends)
    ]
    issuer = DevIssuer(issuer_url, resources=resources, scopes=(), clients=())
    document = _document(tenants, public_url, issuer_url, directory) | settings
    path = directory / "portcullis.yaml"
    path.write_text(yaml.safe_dump(document))
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(serving_issuer(issuer, listener))
            config = load_config(path, environ={}, cwd=directory)
            foundations = await stack.enter_async_context(standing(config, burn=False))
            tasks = await stack.enter_async_context(background_tasks())
            gateway = Gateway(foundations, tasks, own_addresses=frozenset)
            gateway.take_tenants()
            port = config.listen.port
            await stack.enter_async_context(listening(gateway.table, LOOPBACK, port))
            stack.push_async_callback(gateway.close)
            yield InnerGateway(
                foundations=foundations, gateway=gateway, issuer=issuer, public_url=public_url
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _document(
    tenants: dict[str, dict[str, FakeBackend]], public_url: str, issuer: str, directory: Path
) -> dict[str, Any]:
    return {
        "public_url": public_url,
        "listen": {"host": LOOPBACK, "port": int(public_url.rpartition(":")[2])},
        "admin": {"host": LOOPBACK, "port": 0},
        "state_dir": str(directory / "state"),
        "egress_grants": [{"tenants": ["*"], "cidr": "127.0.0.0/8", "schemes": ["http"]}],
        # Nothing polls here, so that the view must last as long as a test.
        "revocation": {"lease": 60, "poll": 1},
        "telemetry": {"log_format": "json"},
        "tenants": {
            slug: {
                "display_name": slug.capitalize(),
                "issuers": [{"issuer": issuer}],
                "backends": {name: {"url": backend.url} for name, backend in backends.items()},
            }
            for slug, backends in tenants.items()
        },
    }
