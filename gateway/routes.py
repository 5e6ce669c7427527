"""Which URL is what: one dictionary, replaced whole when the registry changes.

Paths are compared as they came, byte for byte: nothing is decoded, folded or redirected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType

from gateway.hosts import PublicUrl
from gateway.runtime import EndpointRuntime, Materials, TenantRuntime, build_endpoint, build_tenant
from tenants.model import Snapshot, Tenant

AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"


class Kind(Enum):
    """What is served at a path."""

    MCP = auto()
    RESOURCE_METADATA = auto()
    AUTHORIZATION_SERVER_METADATA = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """A path's meaning and the endpoint that it belongs to."""

    kind: Kind
    endpoint: EndpointRuntime


@dataclass(frozen=True, slots=True)
class ServedTenant:
    """A tenant's runtime and its endpoints."""

    runtime: TenantRuntime
    endpoints: tuple[EndpointRuntime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The registry's snapshot, ready to serve."""

    by_path: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))
    tenants: Mapping[str, ServedTenant] = field(default_factory=lambda: MappingProxyType({}))

    def replaced_by(self, snapshot: Snapshot, materials: Materials) -> "Routes":
        """Build the routes of another snapshot; a tenant that did not change is kept as it is."""
        tenants = {
            str(slug): _served(tenant, materials, self.tenants.get(slug))
            for slug, tenant in snapshot.tenants.items()
        }
        by_path: dict[str, Route] = {}
        for served in tenants.values():
            for endpoint in served.endpoints:
                by_path.update(_routes_of(endpoint, materials.public_url))
        return Routes(by_path=by_path, tenants=tenants)

    def dropped_by(self, successor: "Routes") -> list[TenantRuntime]:
        """The runtimes that `successor` no longer uses and that should be closed."""
        return [
            served.runtime
            for slug, served in self.tenants.items()
            if successor.tenants.get(slug) is not served
        ]


def _served(tenant: Tenant, materials: Materials, previous: ServedTenant | None) -> ServedTenant:
    if previous is not None and previous.runtime.tenant == tenant:
        return previous
    runtime = build_tenant(
        tenant, materials, previous=None if previous is None else previous.runtime
    )
    endpoints = (
        build_endpoint(runtime, endpoint, materials.public_url)
        for endpoint in tenant.endpoints.values()
    )
    return ServedTenant(runtime, tuple(endpoints))


def _routes_of(endpoint: EndpointRuntime, public_url: PublicUrl) -> Mapping[str, Route]:
    path = endpoint.endpoint.path(endpoint.tenant.slug)
    return {
        endpoint.path: Route(Kind.MCP, endpoint),
        endpoint.metadata.path: Route(Kind.RESOURCE_METADATA, endpoint),
        f"{AUTHORIZATION_SERVER}{public_url.prefix}{path}": Route(
            Kind.AUTHORIZATION_SERVER_METADATA, endpoint
        ),
    }
