"""What is one tenant's, or one user's, is nobody else's: judged with real tokens from outside."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rigs.caller import Caller
from tests.rigs.dev_issuer import start_dev_issuer
from tests.rigs.fake_backend import FakeBackend
from tests.rigs.gateway import choose_public_url, endpoint_url, gateway_beside
from tests.rigs.house import House
from tests.rigs.raw_http import Answer

TENANTS = ("acme", "globex")
SECRETS_BY_VARIABLE = {f"SECRET_{tenant.upper()}": f"secret-of-{tenant}" for tenant in TENANTS}
ROUNDS = 10


async def test_a_token_of_one_tenant_is_a_401_at_the_other(house: House, issuer_name: str) -> None:
    issuer = house.issuers[issuer_name]
    acme, globex = house.endpoint("acme"), house.endpoint("globex")

    answers = [
        await Caller(url, issuer.token(own)).modern("tools/list")
        for url, own in ((globex, acme), (acme, globex), (acme, acme), (globex, globex))
    ]

    assert [answer.status for answer in answers] == [401, 401, 200, 200]
    assert 'error="invalid_token"' in (answers[0].header("WWW-Authenticate") or "")


async def test_a_token_of_one_endpoint_is_a_401_at_another_of_the_same_tenant(
    house: House, issuer_name: str
) -> None:
    token = house.issuers[issuer_name].token(house.endpoint("acme"))

    answer = await Caller(house.endpoint("acme", "stock"), token).modern("tools/list")

    assert answer.status == 401


async def test_a_session_of_another_user_is_as_unknown_as_one_that_never_was(
    house: House, issuer_name: str
) -> None:
    url, issuer = house.endpoint("acme", "stock"), house.issuers[issuer_name]
    alice, bob = (Caller(url, issuer.token(url, client=name)) for name in ("alice", "bob"))
    session = await alice.open_session()

    foreign = await bob.legacy(session, "tools/list")
    unknown = await bob.legacy("A" * len(session), "tools/list")
    ended = await bob.end(session)
    own = await alice.legacy(session, "tools/list")

    assert (foreign.status, own.status) == (404, 200)
    assert foreign.fixed == unknown.fixed
    assert ended.status == 404


async def test_a_session_is_unknown_to_the_same_user_of_another_issuer(house: House) -> None:
    url = house.endpoint("acme", "stock")
    here, there = (Caller(url, issuer.token(url)) for issuer in house.issuers.values())
    session = await here.open_session()

    answer = await there.legacy(session, "tools/list")

    assert answer.status == 404


@dataclass(frozen=True, kw_only=True)
class _Twins:
    """Two tenants that are equal in every name, and number their requests alike."""

    acme: Caller
    globex: Caller

    async def call_at_once(self) -> tuple[list[Answer], list[Answer]]:
        """The same calls at both, at the same time."""
        calls = [caller.call_tool("echo") for caller in [self.acme, self.globex] * ROUNDS]
        answers = await asyncio.gather(*calls)
        return answers[::2], answers[1::2]


@asynccontextmanager
async def _twins(tmp_path: Path, urls: dict[str, str]) -> AsyncIterator[_Twins]:
    public_url = choose_public_url()
    endpoints = {tenant: endpoint_url(public_url, tenant) for tenant in TENANTS}
    issuer = start_dev_issuer(list(endpoints.values()), tmp_path)
    with issuer.child:
        tenants = {tenant: _twin(tenant, issuer.issuer, urls[tenant]) for tenant in TENANTS}
        async with gateway_beside(
            {"tenants": tenants}, public_url=public_url, environ=SECRETS_BY_VARIABLE
        ):
            callers = {t: Caller(url, issuer.token(url)) for t, url in endpoints.items()}
            yield _Twins(**callers)


def _twin(tenant: str, issuer: str, backend_url: str) -> dict[str, Any]:
    credential = {"prefix": "Bearer ", "env": f"SECRET_{tenant.upper()}"}
    return {
        "issuers": [{"issuer": issuer}],
        "backends": {"desk": {"url": backend_url, "credential": credential}},
    }


async def test_equal_ids_and_names_never_bring_what_is_of_the_other_tenant(tmp_path: Path) -> None:
    async with (
        FakeBackend(canary="canary-of-acme") as acme,
        FakeBackend(canary="canary-of-globex") as globex,
        _twins(tmp_path, {"acme": acme.url, "globex": globex.url}) as twins,
    ):
        of_acme, of_globex = await twins.call_at_once()

    assert all(each.status == 200 for each in of_acme + of_globex)
    assert all("canary-of-acme" in a.text and "canary-of-globex" not in a.text for a in of_acme)
    assert all("canary-of-globex" in a.text and "canary-of-acme" not in a.text for a in of_globex)


async def test_tenants_with_one_backend_url_share_neither_credential_nor_connection(
    tmp_path: Path,
) -> None:
    async with (
        FakeBackend() as shared,
        _twins(tmp_path, {"acme": shared.url, "globex": shared.url}) as twins,
    ):
        await twins.call_at_once()

    calls = shared.calls("tools/call")
    sent = Counter(call.header("Authorization") for call in calls)
    assert sent == {"Bearer secret-of-acme": ROUNDS, "Bearer secret-of-globex": ROUNDS}
    connections = {(call.connection, call.header("Authorization")) for call in calls}
    assert len({number for number, _ in connections}) == len(connections)
    assert twins.acme.token.encode() not in shared.received
    assert twins.globex.token.encode() not in shared.received
