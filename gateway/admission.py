"""The first room: who calls, for which tenant, and whether that is still good.

Rules:
 1. Headers only: the body of a request that is not admitted is never read.
 2. `Admission` is made by `admit` alone, and everything behind it takes one as an argument.
 3. The path claims the tenant; the token's audience proves it.
"""

from dataclasses import dataclass

from multidict import CIMultiDictProxy

from auth.access_token import AccessToken
from auth.bearer import bearer_from
from auth.principal import Principal
from gateway.runtime import EndpointRuntime
from tenants.errors import TenantSuspended
from tenants.model import TenantStatus
from tenants.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Proof that this endpoint may be talked to with this token, at this moment."""

    endpoint: EndpointRuntime
    token: AccessToken
    incarnation: str
    seq: int
    """The history, and the last change of it, that were known at that moment."""

    @property
    def principal(self) -> Principal:
        """Who acts."""
        return self.token.principal

    @property
    def tenant(self) -> str:
        """The slug of the tenant on whose behalf."""
        return self.endpoint.tenant.slug


async def admit(
    endpoint: EndpointRuntime, headers: CIMultiDictProxy[str], *, view: View, now: float
) -> Admission:
    """Verify the bearer of a request for one endpoint. `now` is wall time in seconds.

    Raises:
        MissingToken, MalformedCredentials, InvalidToken: the caller's credentials.
        IssuerUnavailable, ViewStale: it cannot be told now; never a refusal of the token.
        TenantSuspended: a good token for a tenant that is switched off.
    """
    bearer = bearer_from(headers.getall("Authorization", ()))
    token = await endpoint.tenant.verifier.verify(bearer, endpoint.policy)
    view.ensure_fresh()
    view.revocations.check_token(endpoint.tenant.slug, token, now)
    if endpoint.tenant.status is not TenantStatus.ACTIVE:
        raise TenantSuspended("the tenant is suspended")
    return Admission(
        endpoint=endpoint, token=token, incarnation=view.incarnation, seq=view.revocations.seq
    )
