import asyncio

import pytest

from tenants.errors import SessionLimit, UnknownSession
from tenants.keyspace import keyspace
from tenants.session_rules import SessionLimits
from tenants.store import Store
from tests.rigs.sessions import Process, owner


async def test_s12_at_the_cap_the_users_own_longest_idle_session_ends(
    here: Process, slug: str
) -> None:
    ids = []
    for _ in range(20):
        here.clock.time += 1
        ids.append((await here.active(owner(slug)))[0])
    other_id, _ = await here.active(owner(slug, "bob"))
    await here.join(ids[0], owner(slug))  # so the second is idle for longest

    newest, _ = await here.active(owner(slug))

    with pytest.raises(UnknownSession):
        await here.join(ids[1], owner(slug))
    for session_id in [ids[0], *ids[2:], newest]:
        await here.join(session_id, owner(slug))
    await here.join(other_id, owner(slug, "bob"))


async def test_s12_sessions_with_an_open_call_or_stream_are_not_ended(
    here: Process, there: Process, slug: str
) -> None:
    limits = SessionLimits(per_user=2)
    here.sessions, there.sessions = (
        Process(here.store, clock=here.clock, limits=limits).sessions for _ in range(2)
    )
    first_id, first = await here.active(owner(slug))
    here.clock.time += 1
    second_id, _ = await here.active(owner(slug))
    here.clock.time += 1

    with here.sessions.hold(first):
        await here.sessions.write_back()
        third_id, third = await there.active(owner(slug))
        with pytest.raises(UnknownSession):
            await there.join(second_id, owner(slug))
        await there.join(third_id, owner(slug))
        with there.sessions.hold(third), pytest.raises(SessionLimit):
            await there.pending(owner(slug))
        await here.join(first_id, owner(slug))
    await here.sessions.write_back()
    await there.pending(owner(slug))


async def test_s12_a_stream_that_stays_open_keeps_its_mark_and_its_session(
    here: Process, there: Process, slug: str
) -> None:
    session_id, session = await here.active(owner(slug))
    there.sessions = Process(
        there.store, clock=here.clock, limits=SessionLimits(per_user=1)
    ).sessions

    with here.sessions.hold(session):
        before = here.store.commands
        for _ in range(3600):
            await here.sessions.write_back()
            here.clock.time += 1
        written = here.store.commands - before
        with pytest.raises(SessionLimit):
            await there.pending(owner(slug))

    assert written <= 3600 / 5 + 1
    await there.join(session_id, owner(slug))


async def test_s12_a_mark_of_a_process_that_died_holds_for_some_seconds_only(
    store: Store, slug: str
) -> None:
    process = Process(store, limits=SessionLimits(per_user=1))
    session_id, session = await process.active(owner(slug))
    successor = Process(store, clock=process.clock, limits=process.limits)
    with process.sessions.hold(session):
        await process.sessions.write_back()
        with pytest.raises(SessionLimit):
            await successor.pending(owner(slug))
        process.clock.time += 16

        assert await successor.pending(owner(slug))

    with pytest.raises(UnknownSession):
        await process.join(session_id, owner(slug))


async def test_s12_only_the_tenants_cap_counts_for_a_client_that_acts_for_itself(
    store: Store, slug: str
) -> None:
    process = Process(store, limits=SessionLimits(per_user=2, per_tenant=5))
    robot = owner(slug, "robot", client_id="robot")
    ids = []
    for _ in range(5):
        process.clock.time += 1
        ids.append((await process.active(robot))[0])

    with pytest.raises(SessionLimit):  # nobody else's is ended for ann
        await process.pending(owner(slug))
    await process.pending(robot)  # one of its own is
    with pytest.raises(UnknownSession):
        await process.join(ids[0], robot)
    for session_id in ids[1:]:
        await process.join(session_id, robot)


async def test_s12_sessions_that_ended_by_themselves_do_not_count(store: Store, slug: str) -> None:
    process = Process(store, limits=SessionLimits(per_user=3, per_tenant=3))
    kept_id, _ = await process.active(owner(slug))
    for _ in range(2):
        await process.pending(owner(slug))
    process.clock.time += 31

    for _ in range(2):
        await process.pending(owner(slug))

    await process.join(kept_id, owner(slug))


async def test_s12_a_flood_of_initialize_leaves_no_more_than_the_cap(
    store: Store, slug: str
) -> None:
    process = Process(store)
    robot = owner(slug, "robot", client_id="robot")
    limited = Process(store, clock=process.clock, limits=SessionLimits(per_tenant=40))
    user_key = keyspace(slug).user_sessions("https://issuer", "robot")

    for _ in range(6):
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(limited.pending(robot))
        process.clock.time += 31

    assert await store.read("ZCARD", keyspace(slug).sessions) == 40
    members = await store.read("ZCARD", user_key)
    assert isinstance(members, int)
    assert members <= 80


async def test_o7_a_refused_session_leaves_nothing_behind(store: Store, slug: str) -> None:
    process = Process(store, limits=SessionLimits(per_tenant=0))

    with pytest.raises(SessionLimit):
        await process.pending(owner(slug))

    assert await store.read("EXISTS", keyspace(slug).sessions) == 0
    assert process.sessions.active == 0
