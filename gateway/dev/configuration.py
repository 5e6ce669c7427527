"""The configuration of `dev`: written in memory, in the words of `portcullis.yaml`.

Rule: it passes through the same checks as a file does; nothing is allowed here that `serve`
would refuse.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config.building import Builder
from gateway.config.errors import InvalidConfig
from gateway.config.model import Config
from gateway.dev.ports import LOOPBACK

SCOPES = ("library:borrow", "stock:reserve")
"""What the tools that change something need; a token asked for without scopes has them all."""

BACKENDS: Mapping[str, tuple[str, ...]] = {"acme": ("orders", "stock"), "globex": ("library",)}
"""Which tenant has which backends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the parts of one `dev` are."""

    state_dir: Path
    port: int
    admin_port: int
    issuer: str

    @property
    def public_url(self) -> str:
        """The gateway as clients of this machine see it."""
        return f"http://{LOOPBACK}:{self.port}"

    def endpoint(self, tenant: str, name: str = "") -> str:
        """The URL of one endpoint."""
        middle = f"/{name}" if name else ""
        return f"{self.public_url}/t/{tenant}{middle}/mcp"

    def resources(self) -> tuple[str, ...]:
        """Every endpoint: what the development issuer mints tokens for."""
        names = [("acme", ""), ("acme", "all"), ("globex", "")]
        names += [(tenant, name) for tenant, backends in BACKENDS.items() for name in backends]
        return tuple(self.endpoint(*each) for each in names)


def dev_config(places: Places, backend_urls: Mapping[str, str]) -> Config:
    """Two tenants over the backends that run, on loopback only."""
    builder = Builder(_document(places, backend_urls), places.state_dir)
    config = builder.build()
    if config is None:
        raise InvalidConfig(builder.faults, source="portcullis dev")
    return config


def _document(places: Places, backend_urls: Mapping[str, str]) -> dict[str, Any]:
    return {
        "public_url": places.public_url,
        "listen": {"host": LOOPBACK, "port": places.port},
        "admin": {"host": LOOPBACK, "port": places.admin_port},
        "state_dir": str(places.state_dir),
        "egress_grants": [
            {"tenants": ["*"], "cidr": f"{LOOPBACK}/32", "schemes": ["http"]},
        ],
        "limits": {"drain_delay": 0.001},
        "tenants": {slug: _tenant(slug, places.issuer, backend_urls) for slug in BACKENDS},
    }


# The default endpoint has one backend, so that one modern request is enough to call a tool.
_RESERVING = {"tools": {"*reserve_parts": ["stock:reserve"]}}
_ENDPOINTS: Mapping[str, Any] = {
    "acme": {
        "default": {"backends": ["orders"]},
        "stock": {"backends": ["stock"], "scopes": _RESERVING},
        "all": {"backends": ["orders", "stock"], "scopes": _RESERVING},
    },
    "globex": {
        "default": {
            "backends": ["library"],
            "scopes": {"tools": {"borrow_book": ["library:borrow"]}},
        },
    },
}


def _tenant(slug: str, issuer: str, backend_urls: Mapping[str, str]) -> dict[str, Any]:
    return {
        "display_name": slug.capitalize(),
        "issuers": [{"issuer": issuer}],
        "backends": {name: {"url": backend_urls[name]} for name in BACKENDS[slug]},
        "endpoints": _ENDPOINTS[slug],
    }
