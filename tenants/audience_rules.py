"""Which audiences a tenant may list besides its endpoints' own URLs.

Rule: a token must never be good for two tenants. A pair (issuer, audience) belongs to one tenant,
unless the two that list it require claims of which no token can have both.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations

from auth.policy import IssuerPolicy
from tenants.document_part import Part
from tenants.model import DEFAULT_ENDPOINT, Endpoint, Slug, Tenant


def report_shared_audiences(tenants: Mapping[Slug, Tenant], root: Part, *, public_url: str) -> None:
    """Report every listed audience that another tenant owns or lists."""
    for slug, tenant in tenants.items():
        for endpoint in tenant.endpoints.values():
            for audience in sorted(endpoint.audiences):
                if _is_ours(audience, public_url) and audience not in _own_urls(tenant, public_url):
                    _place(root, slug, endpoint).fault(
                        f"{audience} is this gateway's own and not an endpoint of {slug}"
                    )
    for (issuer, audience), claimants in _claims(tenants).items():
        for (first, one), (second, other) in combinations(claimants, 2):
            if first != second and not _exclude_each_other(one, other):
                root.below(second, None).fault(
                    f"accepts {audience} of {issuer}, as {first} does; both need "
                    "required_claims that cannot both hold"
                )


def _is_ours(audience: str, public_url: str) -> bool:
    return audience.rstrip("/") == public_url or audience.startswith(f"{public_url}/")


def _own_urls(tenant: Tenant, public_url: str) -> set[str]:
    return {f"{public_url}{e.path(tenant.slug)}" for e in tenant.endpoints.values()}


def _place(root: Part, slug: Slug, endpoint: Endpoint) -> Part:
    name = "default" if endpoint.name == DEFAULT_ENDPOINT else endpoint.name
    steps = (slug, "endpoints", name, "audiences")
    place = root
    for step in steps:
        place = place.below(step, None)
    return place


def _claims(
    tenants: Mapping[Slug, Tenant],
) -> dict[tuple[str, str], list[tuple[Slug, IssuerPolicy]]]:
    found: dict[tuple[str, str], list[tuple[Slug, IssuerPolicy]]] = {}
    for slug, issuer, audience in _pairs(tenants):
        found.setdefault((issuer.issuer, audience), []).append((slug, issuer))
    return found


def _pairs(tenants: Mapping[Slug, Tenant]) -> Iterator[tuple[Slug, IssuerPolicy, str]]:
    for slug, tenant in tenants.items():
        audiences = frozenset[str]().union(*(e.audiences for e in tenant.endpoints.values()))
        for issuer in tenant.issuers:
            yield from ((slug, issuer, audience) for audience in sorted(audiences))


def _exclude_each_other(one: IssuerPolicy, other: IssuerPolicy) -> bool:
    mine, theirs = one.required_claims, other.required_claims
    return any(mine[name] != theirs[name] for name in mine.keys() & theirs.keys())
