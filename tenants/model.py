"""A tenant and what belongs to it: frozen values, as the registry holds them.

Nothing here is a runtime object: clients, key rings and catalogues are built from these values
by the gateway and live as long as the value does not change.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from auth.access import AccessPolicy
from auth.policy import IssuerPolicy

Slug = NewType("Slug", str)

TENANT_SLUG = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]\Z")
MEMBER_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}\Z")
RESERVED_MEMBER_NAMES = frozenset({"mcp", "sse", "messages"})

DEFAULT_ENDPOINT = ""
"""The name of the endpoint at `/t/{tenant}/mcp`; the others stand at `/t/{tenant}/{name}/mcp`."""


class TenantStatus(StrEnum):
    """Whether a tenant is served."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class BackendProtocol(StrEnum):
    """Which era a backend speaks, or that it is to be found out."""

    AUTO = "auto"
    LEGACY = "legacy"
    MODERN = "modern"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticCredential:
    """A header that the gateway sends to one backend. The value is never in the registry.

    Exactly one of `env` (a variable's name) and `file` (a path) says where the value is.
    """

    header: str = "Authorization"
    prefix: str = ""
    env: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A registered tool server of a tenant. Durations in seconds."""

    name: str
    url: str
    protocol: BackendProtocol = BackendProtocol.AUTO
    credential: StaticCredential | None = None
    timeout_s: float = 300
    max_in_flight: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One MCP URL of a tenant: an ordered set of backends and what is shown of them."""

    name: str
    backends: tuple[str, ...]
    access: AccessPolicy = field(default_factory=AccessPolicy)
    audiences: frozenset[str] = frozenset()
    """Accepted besides the endpoint's own URL."""

    def path(self, tenant: str) -> str:
        """The endpoint's URL path below `public_url`."""
        middle = f"/{self.name}" if self.name else ""
        return f"/t/{tenant}{middle}/mcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """The isolation boundary. `endpoints` holds the default one under `DEFAULT_ENDPOINT`."""

    slug: Slug
    display_name: str
    issuers: tuple[IssuerPolicy, ...]
    backends: Mapping[str, Backend]
    endpoints: Mapping[str, Endpoint]
    status: TenantStatus = TenantStatus.ACTIVE
    allowed_origins: frozenset[str] = frozenset()
    """Browser origins that may call this tenant's endpoints; absent Origin is always fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The registry as of one sequence number, replaced whole."""

    incarnation: str
    seq: int
    tenants: Mapping[Slug, Tenant]
