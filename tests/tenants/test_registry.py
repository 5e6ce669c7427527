"""The registry by meaning: tenants replaced whole, a log without gaps, slugs never given again."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenants.changes import ChangeKind, Head, TenantsTouched
from tenants.definitions import parse_tenants
from tenants.errors import InvalidDefinition, RegistryUnavailable
from tenants.model import Slug, Tenant, TenantStatus
from tenants.registry import RETENTION_S, Registry
from tenants.revocation import RevocationScope, ScopeKind

ACME, GLOBEX = Slug("acme"), Slug("globex")
EVERYTHING = RevocationScope(kind=ScopeKind.GLOBAL)
SCOPES = [
    EVERYTHING,
    RevocationScope(kind=ScopeKind.TENANT, tenant="acme"),
    RevocationScope(kind=ScopeKind.USER, issuer="https://idp.example", subject="ana"),
    RevocationScope(kind=ScopeKind.CLIENT, client_id="app", tenant="acme"),
    RevocationScope(kind=ScopeKind.SESSION, session_key="k1"),
    RevocationScope(kind=ScopeKind.TOKEN, token_id="t1", issuer="https://idp.example"),
]


class Time:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}"


@pytest.fixture
async def registry(url: str, time: Time) -> AsyncIterator[Registry]:
    opened = await Registry.open(url, now=time)
    yield opened
    await opened.close()


def definition(**changes: Any) -> dict[str, Any]:
    plain = {
        "issuers": [
            {"issuer": "https://idp.example", "required_claims": {"tid": "1"}},
            {"issuer": "https://other.example", "profile": "okta", "leeway": 10},
        ],
        "backends": {
            "mail": {"url": "https://mail.example/mcp", "credential": {"env": "MAIL_KEY"}},
            "files": {"url": "https://files.example/mcp", "timeout": "5s"},
        },
        "allowed_origins": ["https://app.example"],
        "endpoints": {
            "default": {
                "backends": ["mail", "files"],
                "audiences": ["api://acme"],
                "scopes": {"endpoint": ["mcp"], "tools": {"files__rm*": ["write"]}},
                "tools": {"deny": ["mail__purge"]},
            }
        },
    }
    return {**plain, **changes}


def tenants(**documents: dict[str, Any]) -> dict[Slug, Tenant]:
    return parse_tenants(documents, public_url="https://gw.example")


async def test_a_new_registry_is_empty_and_begins_a_history(registry: Registry) -> None:
    incarnation, seq = await registry.head()

    assert len(incarnation) == 32
    assert seq == 0
    assert (await registry.load()).tenants == {}


async def test_tenants_come_back_as_they_were_stored(url: str, registry: Registry) -> None:
    stored = tenants(acme=definition(), globex=definition(endpoints={"x": {"backends": ["mail"]}}))
    await registry.replace_tenants(stored)
    other = await Registry.open(url)

    snapshot = await other.load()
    await other.close()

    assert snapshot.tenants == stored
    assert list(snapshot.tenants[ACME].backends) == ["mail", "files"]
    assert list(snapshot.tenants[ACME].endpoints) == ["", "mail", "files"]
    assert (snapshot.incarnation, snapshot.seq) == await registry.head()


async def test_storing_the_same_tenants_is_no_change(registry: Registry) -> None:
    first = await registry.replace_tenants(tenants(acme=definition()))

    again = await registry.replace_tenants(tenants(acme=definition()))

    assert (first, again) == (1, 1)
    assert len(await registry.changes_after(0)) == 1


async def test_a_configuration_change_names_what_it_touched(registry: Registry, time: Time) -> None:
    await registry.replace_tenants(
        tenants(acme=definition(), globex=definition(endpoints={"x": {"backends": ["mail"]}}))
    )

    seq = await registry.replace_tenants(
        tenants(
            acme=definition(display_name="ACME"),
            initech=definition(endpoints={"x": {"backends": ["mail"]}}),
        ),
        actor="ops",
        reason="merger",
    )

    (change,) = await registry.changes_after(1)
    assert (change.seq, change.kind, change.at) == (seq, ChangeKind.CONFIGURATION, time.now)
    assert (change.actor, change.reason) == ("ops", "merger")
    assert change.touched == TenantsTouched(
        added=("initech",), changed=("acme",), removed=("globex",)
    )


async def test_a_deleted_slug_is_never_given_out_again(registry: Registry) -> None:
    await registry.replace_tenants(tenants(acme=definition()))
    await registry.replace_tenants({})

    with pytest.raises(InvalidDefinition, match=r"tenants\.acme: was deleted"):
        await registry.replace_tenants(tenants(acme=definition()))

    assert (await registry.load()).tenants == {}
    assert (await registry.head())[1] == 2


async def test_in_development_a_deleted_slug_may_come_back(registry: Registry) -> None:
    await registry.replace_tenants(tenants(acme=definition()))
    await registry.replace_tenants({}, burn=False)
    await registry.replace_tenants(tenants(acme=definition()), burn=False)
    await registry.replace_tenants({})

    await registry.replace_tenants(tenants(acme=definition()), burn=False)

    assert list((await registry.load()).tenants) == ["acme"]


async def test_switching_a_tenant_on_again_signs_everybody_out(registry: Registry) -> None:
    await registry.replace_tenants(tenants(acme=definition()))
    await registry.replace_tenants(tenants(acme=definition(status="suspended")))
    suspended = await registry.changes_after(1)

    seq = await registry.replace_tenants(tenants(acme=definition()))

    revocation, configuration = await registry.changes_after(2)
    assert [change.kind for change in suspended] == [ChangeKind.CONFIGURATION]
    assert revocation.kind is ChangeKind.REVOCATION
    assert revocation.scope == RevocationScope(kind=ScopeKind.TENANT, tenant="acme")
    assert configuration.seq == seq == 4


@pytest.mark.parametrize("scope", SCOPES, ids=str)
async def test_every_scope_is_revoked_blocked_and_unblocked_through_the_log(
    registry: Registry, time: Time, scope: RevocationScope
) -> None:
    written = [
        await registry.revoke(scope, actor="ops", reason="left the company"),
        await registry.block(scope, until=time.now + 60, actor="ops", reason="abuse"),
        await registry.unblock(scope, actor="ops", reason="cleared"),
    ]

    read = await registry.changes_after(0)

    assert read == written
    assert [change.seq for change in read] == [1, 2, 3]
    assert read[0].cut == math.ceil(time.now) == 1_700_000_001
    assert read[1].until == time.now + 60


async def test_ending_a_session_is_a_change_of_its_own_kind(registry: Registry) -> None:
    change = await registry.end_session("k1", tenant="acme", actor="ops", reason="")

    assert change.kind is ChangeKind.SESSION_END
    assert await registry.changes_after(0) == [change]


async def test_concurrent_writers_leave_a_log_without_gaps(url: str, registry: Registry) -> None:
    other = await Registry.open(url)
    writers = (registry, other)

    async with asyncio.timeout(60):
        written = await asyncio.gather(
            *(writers[i % 2].revoke(EVERYTHING, actor=str(i), reason="") for i in range(30))
        )
    await other.close()

    log = await registry.changes_after(0)
    assert [change.seq for change in log] == list(range(1, 31))
    assert sorted(written, key=lambda change: change.seq) == log
    assert (await registry.head())[1] == 30


async def test_concurrent_replacements_are_one_after_the_other(
    url: str, registry: Registry
) -> None:
    other = await Registry.open(url)
    one, two = tenants(acme=definition()), tenants(globex=definition())

    await asyncio.gather(registry.replace_tenants(one), other.replace_tenants(two))
    await other.close()

    assert (await registry.load()).tenants in (one, two)
    assert [change.seq for change in await registry.changes_after(0)] == [1, 2]


async def test_a_picture_is_of_one_moment(registry: Registry) -> None:
    await registry.revoke(EVERYTHING, actor="ops", reason="")
    await registry.replace_tenants(tenants(acme=definition()))

    picture = await registry.picture()

    assert picture.snapshot.seq == picture.revocations.seq == 2
    assert picture.revocations.global_cut == 1_700_000_001


async def test_news_hold_only_the_tenants_that_were_touched(registry: Registry) -> None:
    both = tenants(acme=definition(), globex=definition(endpoints={"x": {"backends": ["mail"]}}))
    await registry.replace_tenants(both)
    since = Head(*await registry.head())
    changed = replace(both[GLOBEX], status=TenantStatus.SUSPENDED)
    await registry.replace_tenants({GLOBEX: changed})

    news = await registry.news(since)

    assert news.head == Head(since.incarnation, 2)
    assert news.tenants == {ACME: None, GLOBEX: changed}


async def test_there_are_no_news_of_another_incarnation(registry: Registry) -> None:
    await registry.revoke(EVERYTHING, actor="ops", reason="")

    news = await registry.news(Head("another", 0))

    assert news.changes == ()
    assert news.head == Head(*await registry.head())


async def test_one_of_those_who_move_the_incarnation_wins_and_the_others_adopt(
    url: str, registry: Registry
) -> None:
    before, _ = await registry.head()
    other = await Registry.open(url)

    moved = await asyncio.gather(*(r.move_incarnation(before) for r in (registry, other) * 4))
    await other.close()

    assert len(set(moved)) == 1
    assert await registry.head() == (moved[0], 0)
    assert moved[0] != before


async def test_moving_after_a_loss_revokes_everything(registry: Registry) -> None:
    before, _ = await registry.head()

    moved = await registry.move_incarnation(before, revoking_all="restored")

    (change,) = await registry.changes_after(0)
    assert (change.kind, change.scope, change.reason) == (
        ChangeKind.REVOCATION,
        EVERYTHING,
        "restored",
    )
    assert await registry.head() == (moved, 1)


async def test_old_revocations_are_forgotten_and_blocks_are_not(
    registry: Registry, time: Time
) -> None:
    await registry.revoke(EVERYTHING, actor="ops", reason="")
    await registry.block(EVERYTHING, actor="ops", reason="")
    time.now += RETENTION_S + 1
    await registry.revoke(EVERYTHING, actor="ops", reason="")

    forgotten = await registry.forget_old_changes()

    assert forgotten == 1
    assert [change.seq for change in await registry.changes_after(0)] == [2, 3]
    assert (await registry.head())[1] == 3


async def test_every_statement_is_counted(registry: Registry) -> None:
    before = registry.commands

    await registry.head()

    assert registry.commands > before


async def test_a_row_that_is_no_tenant_serves_nobody(url: str, registry: Registry) -> None:
    await registry.replace_tenants(tenants(acme=definition()))
    async with registry._database.writing() as transaction:  # noqa: SLF001 - damage from below
        await transaction.add_rows({"tenants": [{"slug": "broken", "definition": "{}"}]})

    with pytest.raises(RegistryUnavailable, match="holds no"):
        await registry.load()
