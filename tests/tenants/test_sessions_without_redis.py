import asyncio
import random

import pytest

from tenants.errors import StoreUnavailable, UnknownSession
from tenants.keyspace import keyspace
from tenants.session_records import Session, SessionOwner
from tenants.session_rules import SessionLifetimes
from tenants.store import Store
from tests.rigs.sessions import Clock, Process, owner
from tests.rigs.valkey import PrivateValkey


@pytest.mark.parametrize("seed", range(3))
async def test_r04_cancelled_joins_never_find_somebody_elses_session(
    store: Store, slug: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - reproducible is the point
    process = Process(store, lifetimes=SessionLifetimes(unchecked_s=-1))  # always asks Redis
    there = Process(store, clock=process.clock, cache_size=0)
    owners = [owner(f"{slug}-{i % 3}", f"user{i}") for i in range(9)]
    made = [(whose, *await process.active(whose)) for whose in owners]
    joined = 0

    async def use(whose: SessionOwner, session_id: str, expected: Session) -> None:
        nonlocal joined
        assert await process.join(session_id, whose) == expected
        await process.sessions.remember(expected, "mine", session_id.encode())
        assert await there.sessions.recall(expected, "mine") == session_id.encode()
        joined += 1

    async def leave_early() -> None:
        for _ in range(40):
            async with asyncio.TaskGroup() as group:
                task = group.create_task(use(*chance.choice(made)))
                if chance.random() < 0.7:
                    for _ in range(chance.randrange(25)):
                        await asyncio.sleep(0)
                    task.cancel()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(leave_early())

    assert joined >= 60


async def test_r01_r02_without_redis_what_needs_it_is_unavailable_and_recovers(
    private_here: Process, private_valkey: PrivateValkey
) -> None:
    session_id, session = await private_here.active(owner("acme"))
    private_valkey.stop()

    assert await private_here.join(session_id, owner("acme")) == session  # confirmed just now
    private_here.clock.time += 2.1
    for attempt in (
        private_here.join(session_id, owner("acme")),
        private_here.pending(owner("acme")),
        private_here.sessions.remember(session, "f", b"v"),
        private_here.sessions.end(session),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt

    private_valkey.start()
    async with asyncio.timeout(2):
        while True:
            try:
                assert await private_here.join(session_id, owner("acme")) == session
            except StoreUnavailable:
                await asyncio.sleep(0.01)
            else:
                break


async def test_a_last_use_that_could_not_be_written_is_written_later(
    private_here: Process, private_valkey: PrivateValkey, private_store: Store
) -> None:
    session_id, session = await private_here.active(owner("acme"))
    private_here.clock.time += 1
    await private_here.join(session_id, owner("acme"))
    private_valkey.pause()
    with pytest.raises(StoreUnavailable):
        await private_here.sessions.write_back()
    private_valkey.resume()

    await private_here.sessions.write_back()

    seen = await private_store.read("HGET", keyspace("acme").session(session.key), "seen")
    assert seen == str(int(private_here.clock.time * 1000)).encode()


async def test_r07_sessions_outlive_a_script_flush(
    private_here: Process, private_store: Store
) -> None:
    session_id, _ = await private_here.active(owner("acme"))
    await private_store.read("SCRIPT", "FLUSH")
    private_here.clock.time += 2.1

    await private_here.join(session_id, owner("acme"))
    await private_here.sessions.write_back()
    assert await private_here.active(owner("acme"))


async def test_r08_a_full_redis_reads_and_ends_and_makes_no_more(
    private_here: Process, private_store: Store
) -> None:
    session_id, session = await private_here.active(owner("acme"))
    await private_store.read("CONFIG", "SET", "maxmemory", "1")
    private_here.clock.time += 2.1

    with pytest.raises(StoreUnavailable):
        await private_here.pending(owner("acme"))
    await private_here.join(session_id, owner("acme"))
    await private_here.sessions.end(session)

    with pytest.raises(UnknownSession):
        await private_here.join(session_id, owner("acme"))


async def test_r11_a_flush_ends_all_sessions_within_two_seconds(
    private_here: Process, private_store: Store
) -> None:
    ids = [(await private_here.active(owner("acme")))[0] for _ in range(3)]
    await private_store.read("FLUSHALL")
    private_here.clock.time += 1
    for session_id in ids:
        await private_here.join(session_id, owner("acme"))

    await private_here.sessions.write_back()

    for session_id in ids:
        with pytest.raises(UnknownSession):
            await private_here.join(session_id, owner("acme"))


async def test_the_loop_writes_back_through_an_outage(
    private_valkey: PrivateValkey, private_store: Store
) -> None:
    often = SessionLifetimes(write_back_s=0.005)
    process = Process(private_store, clock=Clock(), lifetimes=often)
    session_id, session = await process.active(owner("acme"))
    key = keyspace("acme").session(session.key)
    private_valkey.stop()
    process.clock.time += 1
    await process.join(session_id, owner("acme"))

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        running = group.create_task(process.sessions.run())
        before = private_store.commands
        while private_store.commands == before:  # noqa: ASYNC110 - until it has tried
            await asyncio.sleep(0.01)
        private_valkey.start()
        reader = Store.open(private_valkey.url)
        expected = str(int(process.clock.time * 1000)).encode()
        while await reader.read("HGET", key, "seen") != expected:
            pass
        running.cancel()
    await reader.close()
