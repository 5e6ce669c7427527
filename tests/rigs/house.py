"""The whole of it: a gateway, two issuers, three real servers, two tenants.

`acme` has `orders` (both eras) on its default endpoint, `stock` (legacy only) on the endpoint of
that name, and both on `all`; `globex` has `library` (both eras). Both tenants trust both issuers,
each names another one first.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rigs.dev_backends import start_backend
from tests.rigs.dev_issuer import start_dev_issuer
from tests.rigs.gateway import RunningGateway, choose_public_url, endpoint_url, running_gateway
from tests.rigs.issuers import RunningIssuer
from tests.rigs.oidc_provider import start_oidc_provider

TENANTS = {"acme": ("orders", "stock"), "globex": ("library",)}
ENDPOINTS = {"acme": ("", "orders", "stock", "all"), "globex": ("", "library")}
"""Every endpoint of each tenant; "" is the default one."""

_RESERVING = {"tools": {"*reserve_parts": ["stock:reserve"]}}
_DECLARED: Mapping[str, Any] = {
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


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything, running."""

    gateway: RunningGateway
    issuers: Mapping[str, RunningIssuer]
    backends: Mapping[str, str]
    """The URL of each backend, by name."""

    def endpoint(self, tenant: str, name: str = "") -> str:
        """The URL of an endpoint."""
        return self.gateway.endpoint(tenant, name)


@contextmanager
def running_house(log_dir: Path) -> Iterator[House]:
    """Start everything at the same time; all of it ends with the block."""
    public_url = choose_public_url()
    resources = all_resources(public_url)
    with ExitStack() as stack:
        issuers = [start(resources, log_dir) for start in (start_dev_issuer, start_oidc_provider)]
        for issuer in issuers:
            stack.enter_context(issuer.child)
        names = [name for backends in TENANTS.values() for name in backends]
        children = {n: stack.enter_context(start_backend(n, log_dir)) for n in names}
        urls = {name: str(child.announcement()["url"]) for name, child in children.items()}
        document = house_document([each.issuer for each in issuers], urls)
        gateway = stack.enter_context(running_gateway(document, public_url=public_url))
        by_name = {issuer.name: issuer for issuer in issuers}
        yield House(gateway=gateway, issuers=by_name, backends=urls)


def all_resources(public_url: str) -> list[str]:
    """The URL of every endpoint: what the issuers mint tokens for."""
    return [endpoint_url(public_url, tenant, n) for tenant, ns in ENDPOINTS.items() for n in ns]


def house_document(issuers: list[str], backends: Mapping[str, str]) -> dict[str, Any]:
    """The configuration, in the words of `portcullis.yaml`."""
    return {"tenants": {slug: _tenant(slug, issuers, backends) for slug in TENANTS}}


def _tenant(slug: str, issuers: list[str], backends: Mapping[str, str]) -> dict[str, Any]:
    # A client that finds its own way takes the first: so both are taken by somebody.
    ordered = issuers[::-1] if slug == "globex" else issuers
    return {
        "issuers": [{"issuer": each} for each in ordered],
        "backends": {name: {"url": backends[name]} for name in TENANTS[slug]},
        "endpoints": _DECLARED[slug],
    }
