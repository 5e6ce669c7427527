"""A tenant written as a document that `tenants.definitions` reads back to the same value.

Defaults are left out; endpoints are all written, the derived ones too, so that what is exported
says everything that is reachable.
"""

from collections.abc import Mapping
from typing import Any

from auth.access import AccessPolicy
from auth.policy import IssuerPolicy
from tenants.model import DEFAULT_ENDPOINT, Backend, Endpoint, StaticCredential, Tenant

_PLAIN_ISSUER = IssuerPolicy(issuer="")
_PLAIN_BACKEND = Backend(name="", url="")


def tenant_document(tenant: Tenant) -> dict[str, Any]:
    """The tenant as JSON-able values; the slug is the caller's key."""
    return {
        "display_name": tenant.display_name,
        "status": tenant.status.value,
        **_given(allowed_origins=sorted(tenant.allowed_origins)),
        "issuers": [_issuer(policy) for policy in tenant.issuers],
        "backends": {name: _backend(backend) for name, backend in tenant.backends.items()},
        "endpoints": {
            "default" if name == DEFAULT_ENDPOINT else name: _endpoint(endpoint)
            for name, endpoint in tenant.endpoints.items()
        },
    }


def _issuer(policy: IssuerPolicy) -> dict[str, Any]:
    said = _unlike(_issuer_members(_PLAIN_ISSUER), _issuer_members(policy))
    return {"issuer": policy.issuer, **said}


def _issuer_members(policy: IssuerPolicy) -> dict[str, Any]:
    return {
        "profile": policy.profile.value,
        "algorithms": sorted(policy.algorithms),
        "required_claims": dict(policy.required_claims),
        "leeway": policy.leeway_s,
        "clock_ahead": policy.clock_ahead_s,
        "max_lifetime": policy.max_lifetime_s,
        "allow_missing_kid": policy.allow_missing_kid,
        "jwks_hosts": sorted(policy.jwks_hosts),
    }


def _backend(backend: Backend) -> dict[str, Any]:
    said = _unlike(_backend_members(_PLAIN_BACKEND), _backend_members(backend))
    credential = _credential(backend.credential) if backend.credential else None
    return {"url": backend.url, **said, **_given(credential=credential)}


def _backend_members(backend: Backend) -> dict[str, Any]:
    return {
        "protocol": backend.protocol.value,
        "timeout": backend.timeout_s,
        "max_in_flight": backend.max_in_flight,
    }


def _credential(credential: StaticCredential) -> dict[str, str]:
    written = {"header": credential.header, "prefix": credential.prefix}
    place = {"env": credential.env, "file": credential.file}
    return {**written, **{name: value for name, value in place.items() if value is not None}}


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "backends": list(endpoint.backends),
        **_given(
            audiences=sorted(endpoint.audiences),
            scopes=_scopes(endpoint.access),
            tools=_given(
                allow=list(endpoint.access.allow_tools), deny=list(endpoint.access.deny_tools)
            ),
        ),
    }


def _scopes(access: AccessPolicy) -> dict[str, Any]:
    return _given(
        endpoint=sorted(access.endpoint_scopes),
        methods=_sorted_values(access.method_scopes),
        tools=_sorted_values(access.tool_scopes),
    )


def _sorted_values(scopes: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    return {name: sorted(values) for name, values in scopes.items()}


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _unlike(plain: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in written.items() if value != plain[name]}
