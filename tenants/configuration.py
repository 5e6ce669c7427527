"""What differs between the tenants that are stored and those that are wanted."""

from collections.abc import Mapping

from tenants.changes import TenantsTouched
from tenants.model import Slug, Tenant, TenantStatus


def difference(stored: Mapping[Slug, Tenant], wanted: Mapping[Slug, Tenant]) -> TenantsTouched:
    """The slugs to add, to change and to remove; false when there are none."""
    both = stored.keys() & wanted.keys()
    return TenantsTouched(
        added=tuple(sorted(wanted.keys() - stored.keys())),
        changed=tuple(sorted(slug for slug in both if stored[slug] != wanted[slug])),
        removed=tuple(sorted(stored.keys() - wanted.keys())),
    )


def switched_on(stored: Mapping[Slug, Tenant], wanted: Mapping[Slug, Tenant]) -> list[Slug]:
    """The tenants that were suspended and are to be served again."""
    return sorted(
        slug
        for slug in stored.keys() & wanted.keys()
        if stored[slug].status is TenantStatus.SUSPENDED
        and wanted[slug].status is TenantStatus.ACTIVE
    )
