"""A tenant as rows of the registry and back.

What is looked up is a column; the rest of a value is one JSON text, decoded straight into the
frozen values of `tenants.model`, with their types checked. A member that a later version adds to
them needs a default, and no migration.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from auth.policy import IssuerPolicy
from tenants.errors import RegistryUnavailable
from tenants.model import Backend, Endpoint, Slug, Tenant, TenantStatus

V = TypeVar("V")
Rows = Mapping[str, Sequence[Mapping[Any, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tenant:
    """What a tenant's own row says of it."""

    display_name: str
    status: TenantStatus
    allowed_origins: frozenset[str] = frozenset()


def rows_of(tenants: Iterable[Tenant]) -> dict[str, list[dict[str, Any]]]:
    """The rows to insert, by table."""
    rows: dict[str, list[dict[str, Any]]] = {
        "tenants": [],
        "issuers": [],
        "backends": [],
        "endpoints": [],
    }
    for tenant in tenants:
        rows["tenants"].append({"slug": tenant.slug, "definition": encode(_own(tenant))})
        rows["issuers"] += _members(tenant, "issuer", {p.issuer: p for p in tenant.issuers})
        rows["backends"] += _members(tenant, "name", tenant.backends)
        rows["endpoints"] += _members(tenant, "name", tenant.endpoints)
    return rows


def tenants_of(rows: Rows) -> dict[Slug, Tenant]:
    """The tenants that these rows are.

    Raises:
        RegistryUnavailable: a row does not hold what it must; half a tenant is served by nobody.
    """
    issuers = _by_tenant(rows["issuers"], IssuerPolicy)
    backends = _by_tenant(rows["backends"], Backend)
    endpoints = _by_tenant(rows["endpoints"], Endpoint)
    found = {}
    for row in rows["tenants"]:
        slug, own = row["slug"], decode(row["definition"], _Tenant)
        found[Slug(slug)] = Tenant(
            slug=Slug(slug),
            display_name=own.display_name,
            status=own.status,
            allowed_origins=own.allowed_origins,
            issuers=tuple(issuers.get(slug, ())),
            backends={backend.name: backend for backend in backends.get(slug, ())},
            endpoints={endpoint.name: endpoint for endpoint in endpoints.get(slug, ())},
        )
    return found


def encode(value: Any) -> str:
    """A value as JSON text; equal values give equal text."""
    return msgspec.json.encode(value, order="sorted").decode()


def decode(text: str, kind: type[V]) -> V:
    """The value of type `kind` that `text` holds."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise RegistryUnavailable(f"the registry holds no {kind.__name__} where it must") from error


def _own(tenant: Tenant) -> _Tenant:
    return _Tenant(
        display_name=tenant.display_name,
        status=tenant.status,
        allowed_origins=tenant.allowed_origins,
    )


def _members(tenant: Tenant, key: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"tenant": tenant.slug, key: name, "position": position, "definition": encode(value)}
        for position, (name, value) in enumerate(values.items())
    ]


def _by_tenant(rows: Sequence[Mapping[Any, Any]], kind: type[V]) -> dict[str, list[V]]:
    found: dict[str, list[V]] = {}
    for row in rows:
        found.setdefault(row["tenant"], []).append(decode(row["definition"], kind))
    return found
