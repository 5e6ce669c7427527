import inspect
import secrets

import pytest

from tenants.errors import UnknownSession
from tenants.keyspace import keyspace
from tenants.seals import SealingRoot
from tenants.sessions import new_session_id
from tenants.store import Store
from tests.rigs.sessions import Process, commands_of, owner


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
