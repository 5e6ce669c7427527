"""A gateway with one tenant, and an issuer that a test may rotate or end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.caller import Caller
from tests.rigs.gateway import RunningGateway, choose_public_url, endpoint_url, running_gateway
from tests.rigs.issuers import RunningIssuer

TENANT = "acme"


@dataclass(frozen=True, kw_only=True)
class BranchOffice:
    """One endpoint over one backend, and one issuer."""

    gateway: RunningGateway
    issuer: RunningIssuer

    @property
    def url(self) -> str:
        return self.gateway.endpoint(TENANT)

    def token(self) -> str:
        """A token with the issuer's newest key."""
        return self.issuer.token(self.url)

    def caller(self, token: str | None = None) -> Caller:
        """Somebody with that token, or with a new one."""
        return Caller(self.url, token or self.token())


@contextmanager
def branch_office(
    start: Callable[[list[str], Path], RunningIssuer], backend_url: str, log_dir: Path
) -> Iterator[BranchOffice]:
    """Start both; both end with the block."""
    public_url = choose_public_url()
    issuer = start([endpoint_url(public_url, TENANT)], log_dir)
    with issuer.child:
        tenant = {
            "issuers": [{"issuer": issuer.issuer}],
            "backends": {"orders": {"url": backend_url}},
        }
        document = {"tenants": {TENANT: tenant}}
        with running_gateway(document, public_url=public_url) as gateway:
            yield BranchOffice(gateway=gateway, issuer=issuer)
