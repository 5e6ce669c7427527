import asyncio

import pytest

from tenants.errors import SessionAhead, UnknownSession
from tenants.keyspace import keyspace
from tenants.session_records import Session
from tenants.session_rules import SessionLifetimes
from tenants.store import Store
from tests.rigs.sessions import Process, owner


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
