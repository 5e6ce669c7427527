import asyncio
import inspect
import random
import secrets

import pytest

from tenants.errors import SessionAhead, SessionLimit, StoreUnavailable, UnknownSession
from tenants.keyspace import keyspace
from tenants.seals import SealingRoot
from tenants.session_records import Session, SessionOwner
from tenants.session_rules import SessionLifetimes, SessionLimits
from tenants.sessions import new_session_id
from tenants.store import Store
from tests.rigs.sessions import Clock, Process, owner
from tests.rigs.valkey import PrivateValkey


@pytest.fixture
def here(store: Store) -> Process:
    return Process(store)


@pytest.fixture
def there(store: Store, here: Process) -> Process:
    """Another process over the same Redis, at the same time."""
    return Process(store, clock=here.clock)


@pytest.fixture
def private_here(private_store: Store) -> Process:
    return Process(private_store)


async def commands_of(process: Process, session_id: str, tenant: str) -> int:
    before = process.store.commands
    await process.join(session_id, owner(tenant))
    return process.store.commands - before


# Ids and owners


def test_s01_ids_have_256_bits_and_are_minted_here() -> None:
    ids = {new_session_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(len(session_id) == 43 for session_id in ids)


async def test_a_session_is_joined_on_any_process(here: Process, there: Process, slug: str) -> None:
    session_id, session = await here.active(owner(slug))

    assert await here.join(session_id, owner(slug)) == session
    assert await there.join(session_id, owner(slug)) == session


async def test_the_id_itself_is_nowhere_in_redis(
    private_here: Process, private_store: Store
) -> None:
    session_id, session = await private_here.active(owner("acme"))
    await private_here.sessions.remember(session, "backend:one", b"canary-1")

    keys = await private_store.read("KEYS", "*")
    assert isinstance(keys, list)
    dumps = [await private_store.read("DUMP", key) for key in keys if isinstance(key, bytes)]

    assert len(dumps) == 3
    for planted in (session_id.encode(), b"canary-1"):
        assert not any(planted in found for found in [*keys, *dumps] if isinstance(found, bytes))


@pytest.mark.parametrize("is_warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize(
    "difference",
    [
        {"subject": "bob"},
        {"client_id": "other"},
        {"issuer": "https://other"},
        {"endpoint": "other"},
        {"tenant": "globex"},
    ],
    ids=lambda d: next(iter(d)),
)
async def test_s02_a_foreign_session_is_unknown_and_lives_on(
    here: Process, there: Process, slug: str, difference: dict[str, str], *, is_warm: bool
) -> None:
    session_id, _ = await here.active(owner(slug))
    foreign = owner(**{"tenant": slug, "subject": "ann", **difference})

    with pytest.raises(UnknownSession):
        await (here if is_warm else there).join(session_id, foreign)

    await here.join(session_id, owner(slug))
    await there.join(session_id, owner(slug))


async def test_s03_made_up_ids_are_unknown(here: Process, slug: str) -> None:
    await here.active(owner(slug))

    for _ in range(300):
        with pytest.raises(UnknownSession):
            await here.join(secrets.token_urlsafe(32), owner(slug))


@pytest.mark.parametrize(
    "bad", ["", "x", "é" * 43, "a" * 42, "a" * 44, "a" * 42 + "\n", "a" * 42 + "="]
)
async def test_s03_what_cannot_be_an_id_never_reaches_redis(
    here: Process, slug: str, bad: str
) -> None:
    before = here.store.commands

    with pytest.raises(UnknownSession):
        await here.join(bad, owner(slug))

    assert here.store.commands == before


async def test_a_session_of_before_a_rotation_of_the_root_lives_on(
    here: Process, store: Store, slug: str
) -> None:
    session_id, session = await here.active(owner(slug))
    await here.sessions.remember(session, "f", b"v")

    rotated = Process(store, clock=here.clock, root=SealingRoot(b"n" * 32, here.root.current))
    joined = await rotated.join(session_id, owner(slug))

    assert joined == session
    assert await rotated.sessions.recall(joined, "f") == b"v"
    unrelated = Process(store, clock=here.clock, root=SealingRoot(b"x" * 32))
    with pytest.raises(UnknownSession):
        await unrelated.join(session_id, owner(slug))


async def test_s18_a_record_copied_to_another_tenants_key_is_unknown(
    here: Process, there: Process, store: Store, slug: str
) -> None:
    session_id, session = await here.active(owner(slug))
    source = keyspace(slug).session(session.key)
    target = keyspace(f"{slug}-b").session(session.key)
    await store.read("COPY", source, target)

    with pytest.raises(UnknownSession):
        await there.join(session_id, owner(f"{slug}-b"))


# The warm path


async def test_a_warm_join_costs_no_command_and_does_not_suspend(here: Process, slug: str) -> None:
    session_id, session = await here.active(owner(slug))
    before = here.store.commands

    joining = here.join(session_id, owner(slug))
    assert inspect.iscoroutine(joining)
    with pytest.raises(StopIteration) as done:
        joining.send(None)

    assert done.value.value == session
    assert here.store.commands == before


async def test_a_session_in_use_stays_warm_by_the_write_back(here: Process, slug: str) -> None:
    session_id, _ = await here.active(owner(slug))

    for _ in range(5):
        assert await commands_of(here, session_id, slug) == 0
        here.clock.time += 1
        await here.sessions.write_back()
        here.clock.time += 0.9


async def test_a_session_unchecked_for_two_seconds_is_read_again(here: Process, slug: str) -> None:
    session_id, _ = await here.active(owner(slug))
    here.clock.time += 2.1

    assert await commands_of(here, session_id, slug) == 1
    assert await commands_of(here, session_id, slug) == 0


async def test_the_write_back_is_one_command_for_each_session_that_was_used(
    here: Process, slug: str
) -> None:
    ids = [(await here.active(owner(slug)))[0] for _ in range(4)]
    await here.sessions.write_back()
    for session_id in ids[:3]:
        await here.join(session_id, owner(slug))
    before = here.store.commands

    await here.sessions.write_back()
    await here.sessions.write_back()

    assert here.store.commands - before == 3


async def test_the_cache_is_bounded_and_what_it_drops_is_read_again(
    store: Store, slug: str
) -> None:
    process = Process(store, cache_size=3)
    ids = [(await process.active(owner(slug)))[0] for _ in range(6)]
    await process.sessions.write_back()

    assert process.sessions.active == 3
    assert await commands_of(process, ids[0], slug) == 1
    assert await commands_of(process, ids[5], slug) == 0


async def test_absence_is_never_remembered(here: Process, there: Process, slug: str) -> None:
    session_id, session = await here.active(owner(slug))
    redis_key = keyspace(slug).session(session.key)
    await here.store.read("RENAME", redis_key, f"{redis_key}-away")
    with pytest.raises(UnknownSession):
        await there.join(session_id, owner(slug))

    await here.store.read("RENAME", f"{redis_key}-away", redis_key)

    await there.join(session_id, owner(slug))


# Ends


async def test_s09_an_ended_session_is_unknown_here_at_once_and_elsewhere_within_two_seconds(
    here: Process, there: Process, slug: str
) -> None:
    session_id, session = await here.active(owner(slug))
    other_id, _ = await here.active(owner(slug))
    await there.join(session_id, owner(slug))

    await here.sessions.end(session)

    with pytest.raises(UnknownSession):
        await here.join(session_id, owner(slug))
    here.clock.time += 1
    await there.sessions.write_back()
    with pytest.raises(UnknownSession):
        await there.join(session_id, owner(slug))
    await there.join(other_id, owner(slug))


async def test_s09_an_end_elsewhere_holds_after_two_seconds_without_any_write_back(
    here: Process, there: Process, slug: str
) -> None:
    session_id, session = await here.active(owner(slug))
    await there.join(session_id, owner(slug))
    await here.sessions.end(session)
    here.clock.time += 2.1

    with pytest.raises(UnknownSession):
        await there.join(session_id, owner(slug))


async def test_s09_a_session_ends_once(here: Process, there: Process, slug: str) -> None:
    _, session = await here.active(owner(slug))
    await here.sessions.end(session)

    with pytest.raises(UnknownSession):
        await there.sessions.end(session)


async def test_nothing_brings_an_ended_session_back(
    here: Process, there: Process, store: Store, slug: str
) -> None:
    session_id, session = await here.pending(owner(slug))
    used_id, used = await there.active(owner(slug))
    await there.join(used_id, owner(slug))
    await here.sessions.end(session)
    await here.sessions.end(used)

    for attempt in (
        there.sessions.activate(session),
        there.sessions.remember(session, "f", b"v"),
    ):
        with pytest.raises(UnknownSession):
            await attempt
    await there.sessions.forget(session, "f")
    await there.sessions.write_back()

    assert await store.read("EXISTS", keyspace(slug).session(session.key)) == 0
    assert await store.read("EXISTS", keyspace(slug).session(used.key)) == 0
    assert await store.read("ZCARD", keyspace(slug).sessions) == 0
    assert await there.sessions.recall(session, "f") is None
    for ended in (session_id, used_id):
        with pytest.raises(UnknownSession):
            await there.join(ended, owner(slug))


@pytest.mark.parametrize(("is_active", "allowance"), [(False, 30), (True, 1800)])
async def test_s13_r18_an_idle_session_ends_by_our_clock(
    here: Process, there: Process, slug: str, allowance: int, *, is_active: bool
) -> None:
    make = here.active if is_active else here.pending
    session_id, _ = await make(owner(slug))
    here.clock.time += allowance
    await there.join(session_id, owner(slug))
    await there.sessions.write_back()
    here.clock.time += allowance + 1

    with pytest.raises(UnknownSession):
        await here.join(session_id, owner(slug))


async def test_s13_a_pending_session_does_not_live_longer_by_being_used(
    here: Process, slug: str
) -> None:
    session_id, _ = await here.pending(owner(slug))

    with pytest.raises(UnknownSession):  # noqa: PT012 - it ends on the way
        for _ in range(40):
            await here.join(session_id, owner(slug))
            await here.sessions.write_back()
            here.clock.time += 2.5


async def test_s13_a_session_ends_absolutely_however_much_it_is_used(
    here: Process, slug: str
) -> None:
    session_id, session = await here.active(owner(slug))
    assert session.absolute_end == here.clock.time + 12 * 3600

    for _ in range(12 * 3 - 1):
        here.clock.time += 1200
        await here.join(session_id, owner(slug))
        await here.sessions.write_back()
    here.clock.time += 1200

    with pytest.raises(UnknownSession):
        await here.join(session_id, owner(slug))


async def test_s13_redis_lets_go_of_what_is_not_used(store: Store, slug: str) -> None:
    short = Process(store, lifetimes=SessionLifetimes(pending_s=0.05, idle_s=0.1))
    await short.pending(owner(slug))
    await short.active(owner(slug))
    keys = [keyspace(slug).sessions, keyspace(slug).user_sessions("https://issuer", "ann")]

    async with asyncio.timeout(5):
        while await store.read("EXISTS", *keys):
            pass


async def test_an_activated_session_is_active_on_every_process(
    here: Process, there: Process, slug: str
) -> None:
    session_id, session = await here.pending(owner(slug))
    assert not (await there.join(session_id, owner(slug))).is_active

    await here.sessions.activate(session)
    await here.sessions.activate(session)
    here.clock.time += 2.1

    assert (await there.join(session_id, owner(slug))).is_active
    ttl = await here.store.read("PTTL", keyspace(slug).session(session.key))
    assert isinstance(ttl, int)
    assert ttl > 1_700_000


# Revocation


async def test_s07_a_session_passes_until_an_epoch_that_covers_it_is_higher(
    here: Process, slug: str
) -> None:
    session_id, _ = await here.active(owner(slug), seq=5)
    await here.join(session_id, owner(slug), epoch=lambda _: 5, seq_now=6)

    with pytest.raises(UnknownSession):
        await here.join(session_id, owner(slug), epoch=lambda _: 6, seq_now=6)


async def test_r12_a_session_of_another_incarnation_is_unknown(here: Process, slug: str) -> None:
    session_id, _ = await here.active(owner(slug))

    with pytest.raises(UnknownSession):
        await here.join(session_id, owner(slug), incarnation="second")


async def test_a_session_ahead_of_the_view_asks_for_a_refresh(here: Process, slug: str) -> None:
    session_id, _ = await here.active(owner(slug), seq=9)

    with pytest.raises(SessionAhead) as caught:
        await here.join(session_id, owner(slug), seq_now=8)

    assert caught.value.seq == 9
    await here.join(session_id, owner(slug), seq_now=9)


async def test_the_epoch_is_asked_for_the_session_that_was_found(here: Process, slug: str) -> None:
    session_id, session = await here.active(owner(slug))
    asked: list[Session] = []

    def epoch(found: Session) -> int:
        asked.append(found)
        return 0

    await here.join(session_id, owner(slug), epoch=epoch)

    assert asked == [session]


# Limits


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


# What is remembered


async def test_what_is_remembered_is_recalled_on_any_process_and_then_from_memory(
    here: Process, there: Process, slug: str
) -> None:
    session_id, session = await here.active(owner(slug))
    await there.join(session_id, owner(slug))
    assert await there.sessions.recall(session, "backend") is None

    await here.sessions.remember(session, "backend", b"\x00id")
    assert await there.sessions.recall(session, "backend") == b"\x00id"
    before = here.store.commands
    for process in (here, there):
        assert await process.sessions.recall(session, "backend") == b"\x00id"
    assert here.store.commands == before


async def test_what_is_forgotten_is_not_recalled(here: Process, there: Process, slug: str) -> None:
    _, session = await here.active(owner(slug))
    await here.sessions.remember(session, "level", b"debug")

    await here.sessions.forget(session, "level")

    for process in (here, there):
        assert await process.sessions.recall(session, "level") is None


async def test_a_value_moved_to_another_field_or_session_is_not_recalled(
    here: Process, there: Process, store: Store, slug: str
) -> None:
    (_, one), (_, other) = await here.active(owner(slug)), await here.active(owner(slug, "bob"))
    await here.sessions.remember(one, "a", b"secret")
    sealed = await store.read("HGET", keyspace(slug).session(one.key), "field:a")
    assert isinstance(sealed, bytes)
    await store.read("HSET", keyspace(slug).session(one.key), "field:b", sealed)
    await store.read("HSET", keyspace(slug).session(other.key), "field:a", sealed)

    assert await there.sessions.recall(one, "b") is None
    assert await there.sessions.recall(other, "a") is None
    assert await there.sessions.recall(one, "a") == b"secret"


async def test_activation_keeps_what_was_remembered(
    here: Process, there: Process, slug: str
) -> None:
    _, session = await here.pending(owner(slug))
    await here.sessions.remember(session, "f", b"v")
    await here.sessions.activate(session)

    assert await here.sessions.recall(session, "f") == b"v"
    assert await there.sessions.recall(session, "f") == b"v"


# Redis in trouble


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
