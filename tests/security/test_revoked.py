"""C22, S07: what was revoked or blocked in the registry dies here within two seconds."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.config.model import SEAL_FILE
from tenants.registry import Registry
from tenants.revocation_scope import RevocationScope, ScopeKind
from tenants.seals import SealingRoot
from tenants.session_names import name_of
from tests.rigs.doors import Door
from tests.rigs.walled_city import City, eventually, initialize, legacy_call, modern_call

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOUND_S = 2.0
"""After a revocation was acknowledged, nothing that starts later than this succeeds."""


@pytest_asyncio.fixture(loop_scope="session")
async def registry(city: City) -> AsyncIterator[Registry]:
    """The gateway's own registry, as the command line opens it beside the gateway."""
    path = city.gateway.directory / "state" / "registry.db"
    opened = await Registry.open(f"sqlite+aiosqlite:///{path}")
    yield opened
    await opened.close()


def _user(door: Door, subject: str) -> RevocationScope:
    return RevocationScope(kind=ScopeKind.USER, issuer=door.tokens.issuer, subject=subject)


async def _revoke(registry: Registry, scope: RevocationScope, verb: str = "revoke") -> None:
    await getattr(registry, verb)(scope, actor="tests", reason="a test")


async def _dies(door: Door, token: str) -> None:
    async def is_refused() -> bool:
        return (await door.modern(modern_call(), token=token)).status == 401

    await eventually(is_refused, BOUND_S)


SCOPES: dict[str, dict[str, Any]] = {
    "user": {"kind": ScopeKind.USER, "issuer": "%", "subject": "uma"},
    "user-of-a-tenant": {
        "kind": ScopeKind.USER,
        "issuer": "%",
        "subject": "ute",
        "tenant": "acme",
    },
    "client": {"kind": ScopeKind.CLIENT, "client_id": "cli-of-uli"},
    "token": {"kind": ScopeKind.TOKEN, "token_id": "jti-of-uri"},
}


@pytest.mark.parametrize("name", SCOPES)
async def test_c22_a_revoked_token_is_refused_within_the_bound_and_nobody_elses(
    name: str, city: City, acme: Door, registry: Registry
) -> None:
    members: dict[str, Any] = {
        k: acme.tokens.issuer if v == "%" else v for k, v in SCOPES[name].items()
    }
    claims = {
        "subject": members.get("subject", "someone"),
        "client_id": members.get("client_id", "cli"),
        "jti": members.get("token_id", "jti-1"),
    }
    victim, bystander = acme.good(**claims), acme.good("bystander")
    assert (await acme.modern(modern_call(), token=victim)).status == 200

    await _revoke(registry, RevocationScope(**members))
    await _dies(acme, victim)

    refused = await acme.modern(modern_call(), token=victim)
    assert (await acme.modern(modern_call(), token=bystander)).status == 200
    assert refused.fixed == (await acme.modern(modern_call(), token="x.y.z")).fixed
    assert (await city.audited(refused))["reason"] == "revoked"


async def test_c22_a_revoked_user_signs_in_again_and_a_blocked_one_does_not(
    city: City, acme: Door, registry: Registry
) -> None:
    old = acme.good("vera")
    assert (await acme.modern(modern_call(), token=old)).status == 200
    await _revoke(registry, _user(acme, "vera"), "block")
    await _dies(acme, old)
    fresh = acme.good("vera", iat=int(time.time()) + 4)

    blocked = await acme.modern(modern_call(), token=fresh)

    assert blocked.status == 401
    assert (await city.audited(blocked))["reason"] == "blocked"


async def test_c22_s07_sessions_of_a_revoked_user_are_gone_and_a_new_initialize_is_refused(
    city: City, old_acme: Door, registry: Registry
) -> None:
    victim, bystander = old_acme.good("wanda"), old_acme.good("wilma")
    session = await old_acme.session(token=victim)
    other = await old_acme.session(token=bystander)
    await _revoke(registry, _user(old_acme, "wanda"))

    async def is_refused() -> bool:
        return (await old_acme.legacy(legacy_call(), session, token=victim)).status == 401

    await eventually(is_refused, BOUND_S)
    again = await old_acme.legacy(initialize(), None, token=victim)
    still = await old_acme.legacy(legacy_call(), other, token=bystander)

    assert again.status == 401
    assert still.status == 200


async def test_s07_a_revoked_session_answers_like_one_that_never_was(
    city: City, old_acme: Door, registry: Registry
) -> None:
    token = old_acme.good("xenia")
    session, other = await old_acme.session(token=token), await old_acme.session(token=token)
    root = SealingRoot.load_or_create(city.gateway.directory / "state" / SEAL_FILE)
    for key in root.derive("session id"):
        scope = RevocationScope(kind=ScopeKind.SESSION, session_key=name_of(key, session))
        await _revoke(registry, scope)

    async def is_gone() -> bool:
        return (await old_acme.legacy(legacy_call(), session, token=token)).status == 404

    await eventually(is_gone, BOUND_S)
    gone = await old_acme.legacy(legacy_call(), session, token=token)
    never = await old_acme.legacy(legacy_call(), "never-was", token=token)

    assert gone.fixed == never.fixed
    assert (await old_acme.legacy(legacy_call(), other, token=token)).status == 200
