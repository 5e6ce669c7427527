"""Tenants as people write them, in `portcullis.yaml`: read strictly, written back exactly.

Rules
- Every fault is reported at once, each with its path. An unknown key is a fault.
- `tenant.schema.json` beside this file says the same to editors; a test keeps the two in agreement.
- `parse_tenants` of what `tenant_document` wrote gives the same tenant.
"""

from collections.abc import Callable, Mapping
from typing import Any

from auth.access import AccessPolicy
from auth.policy import SIGNATURE_ALGORITHMS, IssuerPolicy, Profile
from tenants import grammar
from tenants.audience_rules import report_shared_audiences
from tenants.document_part import Part, suggestion
from tenants.errors import Fault, InvalidDefinition
from tenants.model import (
    DEFAULT_ENDPOINT,
    Backend,
    BackendProtocol,
    Endpoint,
    Slug,
    StaticCredential,
    Tenant,
    TenantStatus,
)
from tenants.own_endpoints import with_own_endpoints
from tenants.tenant_document import tenant_document

__all__ = ["parse_tenants", "tenant_document"]

DEFAULT_ENDPOINT_KEY = "default"
MAX_TIMEOUT_S = 3600
MAX_LEEWAY_S = 60
MAX_LIFETIME_S = 86_400
"""The registry keeps revocations for as long as a token may live; see `tenants.registry`."""
MAX_IN_FLIGHT = 4000


def parse_tenants(
    document: Mapping[str, Any], *, public_url: str, path: str = "tenants"
) -> dict[Slug, Tenant]:
    """Read the mapping of slugs to tenants.

    Raises:
        InvalidDefinition: with every fault.
    """
    root = Part(document, path, [])
    tenants = {}
    for slug, part in root.entries().items():
        message = grammar.tenant_slug(slug)
        if message is not None:
            part.fault(message)
        tenants[Slug(slug)] = _tenant(Slug(slug), part)
    report_shared_audiences(tenants, root, public_url=public_url.rstrip("/"))
    if root.faults:
        raise InvalidDefinition(_in_order(root.faults))
    return tenants


def _in_order(faults: list[Fault]) -> list[Fault]:
    return list(dict.fromkeys(faults))


def _tenant(slug: Slug, part: Part) -> Tenant:
    known = ("display_name", "status", "allowed_origins", "issuers", "backends", "endpoints")
    of = part.members(known, needed=("issuers", "backends"))
    backends = _backends(of["backends"]) if "backends" in of else {}
    written = _endpoints(of["endpoints"], backends) if "endpoints" in of else {}
    return Tenant(
        slug=slug,
        display_name=of["display_name"].text(grammar.display_name)
        if "display_name" in of
        else slug,
        status=_status(of),
        allowed_origins=frozenset(
            of["allowed_origins"].texts(grammar.origin) if "allowed_origins" in of else ()
        ),
        issuers=_issuers(of["issuers"]) if "issuers" in of else (),
        backends=backends,
        endpoints=with_own_endpoints(written, backends),
    )


def _status(of: Mapping[str, Part]) -> TenantStatus:
    if "status" not in of:
        return TenantStatus.ACTIVE
    return of["status"].choice(TenantStatus, TenantStatus.SUSPENDED)


def _issuers(part: Part) -> tuple[IssuerPolicy, ...]:
    issuers: list[IssuerPolicy] = []
    for item in part.items(at_least=1):
        policy = _issuer(item)
        if policy.issuer and policy.issuer in (other.issuer for other in issuers):
            item.below("issuer", None).fault("is there twice")
        issuers.append(policy)
    return tuple(issuers)


def _issuer(part: Part) -> IssuerPolicy:
    known = (
        "issuer",
        "profile",
        "algorithms",
        "required_claims",
        "leeway",
        "clock_ahead",
        "max_lifetime",
        "allow_missing_kid",
        "jwks_hosts",
    )
    of = part.members(known, needed=("issuer",))
    found: dict[str, Any] = {
        "issuer": of["issuer"].text(grammar.issuer_url) if "issuer" in of else ""
    }
    if "profile" in of:
        found["profile"] = of["profile"].choice(Profile, Profile.RFC9068)
    if "algorithms" in of:
        found["algorithms"] = frozenset(of["algorithms"].texts(_algorithm, at_least=1))
    if "required_claims" in of:
        found["required_claims"] = _required_claims(of["required_claims"])
    if "leeway" in of:
        found["leeway_s"] = of["leeway"].seconds(0, MAX_LEEWAY_S)
    if "clock_ahead" in of:
        found["clock_ahead_s"] = of["clock_ahead"].seconds(0, MAX_LEEWAY_S)
    if "max_lifetime" in of:
        found["max_lifetime_s"] = of["max_lifetime"].seconds(1, MAX_LIFETIME_S)
    if "allow_missing_kid" in of:
        found["allow_missing_kid"] = of["allow_missing_kid"].flag()
    if "jwks_hosts" in of:
        found["jwks_hosts"] = frozenset(of["jwks_hosts"].texts(grammar.host_name))
    return IssuerPolicy(**found)


def _algorithm(text: str) -> str | None:
    if text in SIGNATURE_ALGORITHMS:
        return None
    known = sorted(SIGNATURE_ALGORITHMS)
    return f"must be one of {', '.join(known)}{suggestion(text, known)}"


def _required_claims(part: Part) -> dict[str, str]:
    claims = {}
    for name, value in part.entries().items():
        message = grammar.claim_name(name)
        if message is not None:
            value.fault(message)
        claims[name] = value.text(grammar.claim_value)
    return claims


def _backends(part: Part) -> dict[str, Backend]:
    backends = {}
    for name, body in part.entries().items():
        message = grammar.member_name(name)
        if message is not None:
            body.fault(message)
        backends[name] = _backend(name, body)
    if not backends and isinstance(part.value, Mapping):
        part.fault("must have at least 1 backend")
    return backends


def _backend(name: str, part: Part) -> Backend:
    known = ("url", "protocol", "credential", "timeout", "max_in_flight")
    of = part.members(known, needed=("url",))
    found: dict[str, Any] = {"url": of["url"].text(grammar.backend_url) if "url" in of else ""}
    if "protocol" in of:
        found["protocol"] = of["protocol"].choice(BackendProtocol, BackendProtocol.AUTO)
    if "credential" in of:
        found["credential"] = _credential(of["credential"])
    if "timeout" in of:
        found["timeout_s"] = of["timeout"].seconds(0.001, MAX_TIMEOUT_S)
    if "max_in_flight" in of:
        found["max_in_flight"] = of["max_in_flight"].count(1, MAX_IN_FLIGHT)
    return Backend(name=name, **found)


def _credential(part: Part) -> StaticCredential:
    checks: dict[str, Callable[[str], str | None]] = {
        "header": grammar.header_name,
        "prefix": grammar.header_prefix,
        "env": grammar.environment_variable,
        "file": grammar.file_path,
    }
    of = part.members(checks)
    if isinstance(part.value, Mapping) and ("env" in part.value) == ("file" in part.value):
        part.fault("needs either env (a variable's name) or file (a path)")
    return StaticCredential(**{name: value.text(checks[name]) for name, value in of.items()})


def _endpoints(part: Part, backends: Mapping[str, Backend]) -> dict[str, Endpoint]:
    endpoints = {}
    for key, body in part.entries().items():
        name = DEFAULT_ENDPOINT if key == DEFAULT_ENDPOINT_KEY else key
        message = grammar.member_name(name) if name else None
        if message is not None:
            body.fault(message)
        endpoint = _endpoint(name, body, backends)
        if name in backends and endpoint.backends not in ((), (name,)):
            body.fault(f'has the name of a backend, so its backends must be ["{name}"]')
        endpoints[name] = endpoint
    if not endpoints and isinstance(part.value, Mapping):
        part.fault("must have at least 1 endpoint, or be left out")
    return endpoints


def _endpoint(name: str, part: Part, backends: Mapping[str, Backend]) -> Endpoint:
    of = part.members(("backends", "audiences", "scopes", "tools"), needed=("backends",))

    def known_backend(text: str) -> str | None:
        return None if text in backends else f"is not a backend{suggestion(text, backends)}"

    return Endpoint(
        name=name,
        backends=of["backends"].texts(known_backend, at_least=1) if "backends" in of else (),
        audiences=frozenset(of["audiences"].texts(grammar.audience) if "audiences" in of else ()),
        access=_access(of),
    )


def _access(of: Mapping[str, Part]) -> AccessPolicy:
    scopes = of["scopes"].members(("endpoint", "methods", "tools")) if "scopes" in of else {}
    tools = of["tools"].members(("allow", "deny")) if "tools" in of else {}
    allow, deny = tools.get("allow"), tools.get("deny")
    return AccessPolicy(
        endpoint_scopes=_scopes(scopes["endpoint"]) if "endpoint" in scopes else frozenset(),
        method_scopes=_method_scopes(scopes["methods"]) if "methods" in scopes else {},
        tool_scopes=_tool_scopes(scopes["tools"]) if "tools" in scopes else {},
        # An empty list would read as "none" and mean "all".
        allow_tools=allow.texts(grammar.tool_pattern, at_least=1) if allow else (),
        deny_tools=deny.texts(grammar.tool_pattern) if deny else (),
    )


def _scopes(part: Part) -> frozenset[str]:
    return frozenset(part.texts(grammar.scope_token))


def _method_scopes(part: Part) -> dict[str, frozenset[str]]:
    return {name: _scopes(value) for name, value in part.members(grammar.SCOPED_METHODS).items()}


def _tool_scopes(part: Part) -> dict[str, frozenset[str]]:
    found = {}
    for glob, value in part.entries().items():
        message = grammar.tool_pattern(glob)
        if message is not None:
            value.fault(message)
        found[glob] = _scopes(value)
    return found
