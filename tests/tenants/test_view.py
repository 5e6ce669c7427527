"""The view on a real registry: polled, hinted at, lost, restored, never older than its lease."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from auth.access_token import AccessToken
from auth.errors import InvalidToken
from auth.principal import Principal
from tenants.definitions import parse_tenants
from tenants.errors import RegistryUnavailable, StoreUnavailable, ViewStale
from tenants.model import Slug, Tenant
from tenants.registry import Registry
from tenants.revocation import RevocationScope, ScopeKind
from tenants.view import View

NOW = 1_700_000_000.0
ACME, GLOBEX = Slug("acme"), Slug("globex")
EVERYTHING = RevocationScope(kind=ScopeKind.GLOBAL)
OF_ACME = RevocationScope(kind=ScopeKind.TENANT, tenant="acme")
TOKEN = AccessToken(
    principal=Principal(issuer="https://idp.example", subject="ana", client_id="app"),
    scopes=frozenset(),
    audiences=frozenset(),
    issued_at=NOW - 60,
    expires_at=NOW + 3600,
    token_id="t1",
    clock_ahead_s=5,
)


class Clock:
    """A clock that a test moves."""

    def __init__(self, value: float = 0) -> None:
        self.value = value

    def __call__(self) -> float:
        return self.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
def wall() -> Clock:
    return Clock(NOW)


@pytest.fixture
def clock() -> Clock:
    return Clock(100)


@pytest.fixture
async def registry(path: Path, wall: Clock) -> AsyncIterator[Registry]:
    opened = await Registry.open(f"sqlite+aiosqlite:///{path}", now=wall)
    yield opened
    await opened.close()


@pytest.fixture
async def view(registry: Registry, clock: Clock, wall: Clock) -> View:
    made = View(registry, clock=clock, now=wall)
    await made.refresh()
    return made


def tenants(*slugs: str, **changes: Any) -> dict[Slug, Tenant]:
    plain = {
        "issuers": [{"issuer": "https://idp.example"}],
        "backends": {"files": {"url": "https://files.example/mcp"}},
    }
    document = {slug: {**plain, **changes} for slug in slugs}
    return parse_tenants(document, public_url="https://gw.example")


def back_up(path: Path) -> Path:
    return Path(shutil.copy(path, path.with_suffix(".backup")))


def take_away(path: Path) -> Path:
    return path.rename(path.with_suffix(".away"))


def restore(copy: Path, path: Path) -> None:
    copy.rename(path)


@asynccontextmanager
async def running(view: View) -> AsyncIterator[None]:
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(view.run())
        yield
        task.cancel()


def changed(view: View) -> asyncio.Event:
    event = asyncio.Event()
    view.on_change(lambda _: event.set())
    return event


def is_revoked(view: View) -> bool:
    try:
        view.revocations.check_token("acme", TOKEN, NOW)
    except InvalidToken:
        return True
    return False


async def test_a_view_that_was_never_refreshed_admits_nobody(registry: Registry) -> None:
    view = View(registry)

    with pytest.raises(ViewStale):
        view.ensure_fresh()

    assert view.snapshot.tenants == {}


async def test_the_first_refresh_loads_everything(registry: Registry, clock: Clock) -> None:
    await registry.replace_tenants(tenants("acme"))
    await registry.revoke(OF_ACME, actor="ops", reason="")
    view = View(registry, clock=clock)

    await view.refresh()

    view.ensure_fresh()
    assert list(view.snapshot.tenants) == ["acme"]
    assert is_revoked(view)
    assert (view.incarnation, view.seq) == await registry.head()


async def test_the_lease_counts_from_the_start_of_the_last_poll_that_succeeded(
    registry: Registry, clock: Clock, view: View
) -> None:
    clock.value += 2
    view.ensure_fresh()
    clock.value += 0.001

    with pytest.raises(ViewStale):
        view.ensure_fresh()

    assert view.age_s == pytest.approx(2.001)
    await view.refresh()
    view.ensure_fresh()
    assert view.age_s == 0


async def test_a_poll_that_took_long_renews_from_its_start(
    registry: Registry, clock: Clock, view: View
) -> None:
    await registry.revoke(OF_ACME, actor="ops", reason="")
    view.on_change(lambda _: setattr(clock, "value", clock.value + 5))

    await view.refresh()

    with pytest.raises(ViewStale):
        view.ensure_fresh()
    assert view.age_s == 5


async def test_a_failed_poll_renews_nothing(
    path: Path, registry: Registry, clock: Clock, view: View
) -> None:
    take_away(path)
    clock.value += 1.5

    with pytest.raises(RegistryUnavailable):
        await view.refresh()

    assert view.age_s == 1.5


async def test_a_revocation_arrives_with_the_next_refresh_and_keeps_the_tenants(
    registry: Registry, view: View
) -> None:
    await registry.replace_tenants(tenants("acme"))
    await view.refresh()
    before = view.snapshot
    await registry.revoke(OF_ACME, actor="ops", reason="")

    await view.refresh()

    assert is_revoked(view)
    assert view.snapshot.tenants is before.tenants
    assert (before.seq, view.seq, view.revocations.seq) == (1, 2, 2)


async def test_a_configuration_change_replaces_the_snapshot_whole(
    registry: Registry, view: View
) -> None:
    await registry.replace_tenants(tenants("acme", "globex"))
    await view.refresh()
    before = view.snapshot
    wanted = tenants("acme", "initech", display_name="Other")
    await registry.replace_tenants(wanted)

    await view.refresh()

    assert view.snapshot.tenants == wanted
    assert set(before.tenants) == {"acme", "globex"}


async def test_callbacks_hear_of_changes_and_of_nothing_else(
    registry: Registry, view: View
) -> None:
    heard: list[int] = []
    view.on_change(lambda changed_view: heard.append(changed_view.seq))

    await view.refresh()
    await registry.revoke(OF_ACME, actor="ops", reason="")
    await view.refresh()
    await view.refresh()

    assert heard == [1]


async def test_a_poll_without_news_is_cheap_and_callers_share_one(
    registry: Registry, view: View
) -> None:
    before = registry.commands
    await view.refresh()
    one_poll = registry.commands - before

    await asyncio.gather(*(view.refresh() for _ in range(50)))

    # The first caller's own, and one that began after all the others had asked.
    assert registry.commands - before == 3 * one_poll


async def test_callers_share_a_failure_too(path: Path, registry: Registry, view: View) -> None:
    take_away(path)

    results = await asyncio.gather(*(view.refresh() for _ in range(10)), return_exceptions=True)

    assert all(isinstance(result, RegistryUnavailable) for result in results)


async def test_a_refresh_that_is_cancelled_leaves_the_next_one_working(
    registry: Registry, view: View
) -> None:
    await registry.revoke(OF_ACME, actor="ops", reason="")
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(view.refresh())
        waiting = tasks.create_task(view.refresh())
        await asyncio.sleep(0)
        task.cancel()
        await waiting

    assert is_revoked(view)


async def test_the_poll_carries_changes_without_any_feed(registry: Registry) -> None:
    view = View(registry, poll_s=0.01)
    event = changed(view)

    async with running(view):
        await event.wait()
        event.clear()
        await registry.revoke(OF_ACME, actor="ops", reason="")
        await event.wait()

        assert is_revoked(view)


async def test_a_hint_makes_the_poll_come_at_once(registry: Registry) -> None:
    hints: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    async def feed() -> AsyncIterator[tuple[str, int]]:
        while True:
            yield await hints.get()

    view = View(registry, poll_s=3600, feed=feed())
    event = changed(view)

    async with running(view):
        await event.wait()
        event.clear()
        await registry.revoke(OF_ACME, actor="ops", reason="")
        hints.put_nowait(await registry.head())
        await event.wait()

        assert is_revoked(view)


async def test_a_hint_is_not_believed(registry: Registry, view: View) -> None:
    async def feed() -> AsyncIterator[tuple[str, int]]:
        yield ("made up", 10_000)
        yield (view.incarnation, 10_000)
        told.set()

    told = asyncio.Event()
    hinted = View(registry, poll_s=0.01, feed=feed())

    async with running(hinted):
        await told.wait()
        await hinted.refresh()

    assert (hinted.incarnation, hinted.seq) == (view.incarnation, 0)


async def test_a_feed_that_breaks_costs_speed_alone(registry: Registry) -> None:
    async def feed() -> AsyncIterator[tuple[str, int]]:
        yield ("x", 1)
        raise StoreUnavailable

    view = View(registry, poll_s=0.01, feed=feed())
    event = changed(view)

    async with running(view):
        await event.wait()
        event.clear()
        await registry.revoke(OF_ACME, actor="ops", reason="")
        await event.wait()


async def test_run_survives_a_registry_that_is_away_and_recovers(
    path: Path, registry: Registry
) -> None:
    await registry.revoke(OF_ACME, actor="ops", reason="")
    away = take_away(path)
    view = View(registry, poll_s=0.01)
    event = changed(view)

    async with running(view):
        with pytest.raises(RegistryUnavailable):
            await view.refresh()
        restore(away, path)
        await event.wait()

        view.ensure_fresh()
        assert is_revoked(view)


async def test_another_incarnation_is_loaded_whole(registry: Registry, view: View) -> None:
    before = view.incarnation
    await registry.replace_tenants(tenants("acme"))
    moved = await registry.move_incarnation(before)

    await view.refresh()

    assert view.incarnation == moved != before
    assert list(view.snapshot.tenants) == ["acme"]


async def test_a_gap_in_the_log_is_bridged_by_loading_everything(
    registry: Registry, wall: Clock, view: View
) -> None:
    await registry.replace_tenants(tenants("acme"))
    wall.value += 40 * 3600
    await registry.forget_old_changes()
    await registry.revoke(RevocationScope(kind=ScopeKind.TENANT, tenant="x"), actor="", reason="")

    await view.refresh()

    assert list(view.snapshot.tenants) == ["acme"]
    assert view.seq == 2


async def test_a_restored_backup_closes_the_view_and_then_signs_everybody_out(
    path: Path, registry: Registry, wall: Clock, view: View
) -> None:
    before = view.incarnation
    backup = back_up(path)
    await registry.revoke(RevocationScope(kind=ScopeKind.TOKEN, token_id="t1"), actor="", reason="")
    await registry.revoke(RevocationScope(kind=ScopeKind.TOKEN, token_id="t2"), actor="", reason="")
    await view.refresh()
    wall.value += 1
    restore(backup, path)

    with pytest.raises(RegistryUnavailable, match="lost changes"):
        await view.refresh()
    with pytest.raises(ViewStale):
        view.ensure_fresh()
    await view.refresh()

    view.ensure_fresh()
    assert view.incarnation != before
    assert (view.incarnation, view.seq) == await registry.head()
    assert is_revoked(view)


async def test_views_that_see_the_same_loss_end_up_in_one_incarnation(
    path: Path, registry: Registry, clock: Clock, wall: Clock
) -> None:
    views = [View(registry, clock=clock, now=wall) for _ in range(3)]
    backup = back_up(path)
    for _ in range(3):
        await registry.revoke(OF_ACME, actor="", reason="")
    await asyncio.gather(*(view.refresh() for view in views))
    wall.value += 1
    restore(backup, path)

    with pytest.raises(RegistryUnavailable):
        await views[0].refresh()
    await asyncio.gather(*(view.refresh() for view in views))

    # One moved it; the others found everything revoked since they had last heard, and adopted.
    assert {(view.incarnation, view.seq) for view in views} == {await registry.head()}
    assert (await registry.head())[1] == 1


async def test_an_old_backup_of_an_older_incarnation_is_a_loss_as_well(
    path: Path, registry: Registry, wall: Clock, view: View
) -> None:
    first = view.incarnation
    backup = back_up(path)
    await registry.revoke(OF_ACME, actor="", reason="")
    await registry.move_incarnation(first)
    await view.refresh()
    wall.value += 1
    restore(backup, path)

    with pytest.raises(RegistryUnavailable, match="lost changes"):
        await view.refresh()
    await view.refresh()

    assert view.incarnation != first
    assert is_revoked(view)
