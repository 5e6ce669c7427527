"""What a registered tenant is at run time: everything a call needs, built once at registration.

Values of `tenants.model` say what a tenant is; here they get verifiers, key rings, connections to
backends, challenges and metadata documents, so that a call only looks things up.

Rule: a runtime lives as long as its value does not change. Across a change of their tenant,
backends that did not change keep their connections and catalogues, and issuers their keys; what is
dropped ends when its last call has ended.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from auth.challenges import Challenges, build_challenges
from auth.credentials import HeaderCredential
from auth.documents import DocumentFetcher
from auth.egress import EgressGuard, TenantEgress
from auth.keys import KeyRing
from auth.policy import IssuerPolicy, TokenPolicy
from auth.resource_metadata import ResourceMetadata, resource_metadata
from auth.tokens import TokenVerifier
from auth.verified_tokens import VerifiedTokens
from gateway.backends.limits import BackendLimits
from gateway.backends.peer import BackendPeer
from gateway.config.limits import Limits
from gateway.endpoint_backends import EndpointBackends
from gateway.hosts import PublicUrl
from tenants.model import Backend, Endpoint, Tenant, TenantStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What every tenant's runtime is built from."""

    public_url: PublicUrl
    tasks: asyncio.TaskGroup
    guard: EgressGuard
    verified: VerifiedTokens
    now: Callable[[], float]
    clock: Callable[[], float]
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EndpointRuntime:
    """One MCP URL, ready to serve. `path` includes the public URL's prefix."""

    tenant: "TenantRuntime"
    endpoint: Endpoint
    path: str
    resource: str
    policy: TokenPolicy
    challenges: Challenges
    metadata: ResourceMetadata
    backends: EndpointBackends


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TenantRuntime:
    """One tenant, ready to serve."""

    tenant: Tenant
    verifier: TokenVerifier
    rings: Mapping[str, KeyRing]
    peers: Mapping[str, BackendPeer]
    fetcher: DocumentFetcher

    @property
    def slug(self) -> str:
        """The tenant's name in URLs, keys, logs and metrics."""
        return self.tenant.slug

    @property
    def status(self) -> TenantStatus:
        """Whether it is served."""
        return self.tenant.status

    async def retire(self, successor: "TenantRuntime | None") -> None:
        """Drop what `successor` did not take over, each backend after its last call."""
        if successor is None:
            await self.fetcher.close()
        rings = {} if successor is None else successor.rings
        for issuer, ring in self.rings.items():
            if rings.get(issuer) is not ring:
                await ring.close()
        peers = {} if successor is None else successor.peers
        dropped = [peer for name, peer in self.peers.items() if peers.get(name) is not peer]
        await asyncio.gather(*(peer.retire() for peer in dropped))

    async def close(self) -> None:
        """Drop all connections at once."""
        for peer in self.peers.values():
            await peer.close()
        await self.fetcher.close()


def build_tenant(
    tenant: Tenant, materials: Materials, *, previous: TenantRuntime | None = None
) -> TenantRuntime:
    """Make a tenant ready, reusing of `previous` the backends and issuers that are the same."""
    egress = materials.guard.for_tenant(tenant.slug)
    fetcher = DocumentFetcher(egress) if previous is None else previous.fetcher
    rings = {
        policy.issuer: _known_ring(previous, policy)
        or KeyRing(policy, fetcher, tasks=materials.tasks, clock=materials.clock)
        for policy in tenant.issuers
    }
    verifier = TokenVerifier(tenant.slug, rings, cache=materials.verified, now=materials.now)
    peers = {
        name: _reusable(previous, backend) or _peer(tenant.slug, backend, egress, materials)
        for name, backend in tenant.backends.items()
    }
    return TenantRuntime(
        tenant=tenant, verifier=verifier, rings=rings, peers=peers, fetcher=fetcher
    )


def build_endpoint(
    runtime: TenantRuntime, endpoint: Endpoint, public_url: PublicUrl
) -> EndpointRuntime:
    """Make one endpoint of a tenant ready."""
    path = endpoint.path(runtime.slug)
    metadata = resource_metadata(
        public_url=public_url.url,
        endpoint_path=path,
        authorization_servers=[issuer.issuer for issuer in runtime.tenant.issuers],
        scopes_supported=endpoint.access.every_scope(),
        resource_name=runtime.tenant.display_name,
    )
    resource = public_url.url + path
    return EndpointRuntime(
        tenant=runtime,
        endpoint=endpoint,
        path=public_url.prefix + path,
        resource=resource,
        policy=_policy(runtime.tenant, endpoint, resource, public_url),
        challenges=build_challenges(metadata.url, endpoint.access.endpoint_scopes),
        metadata=metadata,
        backends=EndpointBackends([runtime.peers[name] for name in endpoint.backends]),
    )


def _policy(
    tenant: Tenant, endpoint: Endpoint, resource: str, public_url: PublicUrl
) -> TokenPolicy:
    issuers: dict[str, IssuerPolicy] = {issuer.issuer: issuer for issuer in tenant.issuers}
    return TokenPolicy(
        tenant=tenant.slug,
        issuers=issuers,
        audiences=endpoint.audiences | {resource},
        foreign_audience_prefix=f"{public_url.url}/t/",
    )


def _known_ring(previous: TenantRuntime | None, policy: IssuerPolicy) -> KeyRing | None:
    ring = None if previous is None else previous.rings.get(policy.issuer)
    return ring if ring is not None and ring.policy == policy else None


def _reusable(previous: TenantRuntime | None, backend: Backend) -> BackendPeer | None:
    if previous is None or previous.tenant.backends.get(backend.name) != backend:
        return None
    return previous.peers[backend.name]


def _peer(tenant: str, backend: Backend, egress: TenantEgress, materials: Materials) -> BackendPeer:
    source = backend.credential
    credential = None if source is None else HeaderCredential(source)
    return BackendPeer(
        tenant,
        _within(backend, materials.limits),
        egress,
        credential,
        tasks=materials.tasks,
        clock=materials.clock,
        limits=_backend_limits(materials.limits),
    )


def _within(backend: Backend, limits: Limits) -> Backend:
    """The backend, whose calls last no longer than any request may."""
    return replace(backend, timeout_s=min(backend.timeout_s, limits.request_s))


def _backend_limits(limits: Limits) -> BackendLimits:
    return BackendLimits(
        header_bytes=limits.header_bytes,
        json_bytes=limits.response_bytes,
        event_bytes=limits.sse_event_bytes,
        idle_s=limits.idle_s,
        write_stall_s=limits.write_stall_s,
        tools=limits.tools_per_backend,
        schema_bytes=limits.tool_schema_bytes,
    )
