from tenants.keyspace import keyspace
from tenants.store import Store
from tests.rigs.sessions import Process, owner


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
