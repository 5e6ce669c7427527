"""The registry's database on real SQLite files: who opens it, who writes, who dies."""

import asyncio
import signal
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tenants import database
from tenants.database import Database
from tenants.errors import RegistryUnavailable
from tenants.registry import Registry
from tenants.revocation import RevocationScope, ScopeKind

EVERYTHING = RevocationScope(kind=ScopeKind.GLOBAL)

OPEN = """
import asyncio, sys
from tenants.registry import Registry

async def main() -> None:
    registry = await Registry.open(sys.argv[1])
    print((await registry.head())[0])
    await registry.close()

asyncio.run(main())
"""

DIE_WRITING = """
import asyncio, sys
from tenants.database import Database

async def main() -> None:
    database = await Database.open(sys.argv[1])
    async with database.writing() as transaction:
        seq = await transaction.next_seq()
        await transaction.erase_tenants(["acme"])
        print(seq, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


async def start(program: str, path: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, url_of(path), stdout=asyncio.subprocess.PIPE
    )


async def test_the_migrations_make_exactly_the_tables_that_are_used(tmp_path: Path) -> None:
    await (await Database.open(url_of(tmp_path / "r.db"))).close()

    engine = sa.create_engine(f"sqlite:///{tmp_path / 'r.db'}", poolclass=sa.NullPool)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), database.metadata)

    assert differences == []


async def test_the_file_is_durable_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    opened = await Database.open(url_of(tmp_path / "r.db"))
    async with opened.reading() as transaction:
        pragmas = [
            (await transaction._connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()  # noqa: SLF001 - what SQLite itself says
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    await opened.close()

    full = 2
    assert pragmas == ["wal", full, 1]
    assert stat.S_IMODE((tmp_path / "r.db").stat().st_mode) == 0o600


async def test_processes_that_open_a_new_registry_at_once_agree_on_it(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        processes = [await start(OPEN, tmp_path / "r.db") for _ in range(4)]
        said = [(await process.communicate())[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert len(set(said)) == 1


async def test_registries_that_open_a_new_file_at_once_in_one_process_agree(
    tmp_path: Path,
) -> None:
    url = url_of(tmp_path / "r.db")

    opened = await asyncio.gather(*(Registry.open(url) for _ in range(8)))
    heads = {await registry.head() for registry in opened}
    for registry in opened:
        await registry.close()

    assert len(heads) == 1


async def test_a_schema_of_a_later_version_is_refused(tmp_path: Path) -> None:
    await (await Registry.open(url_of(tmp_path / "r.db"))).close()
    connection = sqlite3.connect(tmp_path / "r.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()

    with pytest.raises(RegistryUnavailable, match="newer than this version"):
        await Registry.open(url_of(tmp_path / "r.db"))


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"])
async def test_a_registry_that_forgets_is_refused(url: str) -> None:
    with pytest.raises(RegistryUnavailable, match="must be a file"):
        await Registry.open(url)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "nosuchdatabase://x/y", "sqlite:////no/where/r.db"]
)
async def test_a_registry_that_cannot_be_opened_says_so(url: str) -> None:
    with pytest.raises(RegistryUnavailable):
        await Registry.open(url)


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "r.db").write_text("not a database, and longer than its header would be" * 10)

    with pytest.raises(RegistryUnavailable):
        await Registry.open(url_of(tmp_path / "r.db"))


async def test_a_path_with_odd_characters_is_that_path(tmp_path: Path) -> None:
    odd = tmp_path / "a ?#%41 b"
    odd.mkdir()
    (tmp_path / "link").symlink_to(odd)

    await (await Registry.open(url_of(tmp_path / "link" / "r.db"))).close()

    assert (odd / "r.db").exists()


async def test_a_file_that_vanished_is_a_failure_and_not_a_new_registry(tmp_path: Path) -> None:
    registry = await Registry.open(url_of(tmp_path / "r.db"))
    (tmp_path / "r.db").unlink()

    with pytest.raises(RegistryUnavailable):
        await registry.head()

    assert not (tmp_path / "r.db").exists()
    await registry.close()


async def test_a_reader_sees_one_moment_and_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    writer = await Database.open(url_of(tmp_path / "r.db"))
    async with writer.writing() as transaction:
        await transaction.begin_history("x")
    reader = await Database.open(url_of(tmp_path / "r.db"))

    async with asyncio.timeout(5), reader.reading() as reading:
        before = await reading.head()
        async with writer.writing() as writing:
            await writing.next_seq()
            during = await reading.head()
        after = await reading.head()
    async with reader.reading() as reading:
        then = await reading.head()
    await writer.close()
    await reader.close()

    assert before == during == after == ("x", 0)
    assert then == ("x", 1)


async def test_a_writer_killed_inside_its_transaction_leaves_no_trace(tmp_path: Path) -> None:
    registry = await Registry.open(url_of(tmp_path / "r.db"))
    await registry.revoke(EVERYTHING, actor="ops", reason="")

    async with asyncio.timeout(60):
        process = await start(DIE_WRITING, tmp_path / "r.db")
        assert process.stdout is not None
        taken = int(await process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        await process.wait()
        after = await registry.revoke(EVERYTHING, actor="ops", reason="")

    assert taken == 2
    assert after.seq == 2
    assert [change.seq for change in await registry.changes_after(0)] == [1, 2]
    await registry.close()


async def test_a_cancelled_writer_leaves_no_trace_and_no_lock(tmp_path: Path) -> None:
    opened = await Database.open(url_of(tmp_path / "r.db"))
    async with opened.writing() as transaction:
        await transaction.begin_history("x")

    async def write_slowly(begun: asyncio.Event) -> None:
        async with opened.writing() as transaction:
            await transaction.next_seq()
            begun.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        begun = asyncio.Event()
        task = tasks.create_task(write_slowly(begun))
        await begun.wait()
        task.cancel()
    async with opened.writing() as transaction:
        seq = await transaction.next_seq()
    await opened.close()

    assert seq == 1
