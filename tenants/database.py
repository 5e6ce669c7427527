"""The registry's database: the one door to SQLAlchemy and Alembic.

What lives here: tables, transactions, migrations; rows go in and out as plain values. What they
mean is `tenants.registry`'s business.

Rules
- SQLite: WAL, synchronous=FULL, foreign keys on. Whoever writes says BEGIN IMMEDIATE, so that two
  writers queue instead of failing half-way; readers see one moment and never wait for a writer.
- Every transaction has a connection of its own: a database file that was replaced under us (a
  backup restored) is noticed by the next one, where a pooled connection would go on reading the
  deleted file.
- A library's error leaves as RegistryUnavailable, and so does a deadline.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tenants.errors import RegistryUnavailable
from tenants.sqlite_file import SqliteFile

STATEMENT_TIMEOUT_S = 10
LOAD_TIMEOUT_S = 60

metadata = sa.MetaData()


def _member_table(name: str, key: "sa.Column[str]") -> sa.Table:
    owner = sa.ForeignKey("tenants.slug", ondelete="CASCADE")
    return sa.Table(
        name,
        metadata,
        sa.Column("tenant", sa.String(32), owner, primary_key=True),
        key,
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
    )


tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("slug", sa.String(32), primary_key=True),
    sa.Column("definition", sa.Text, nullable=False),
    sa.Column("deleted_at", sa.Float),
)
issuers = _member_table("issuers", sa.Column("issuer", sa.Text, primary_key=True))
backends = _member_table("backends", sa.Column("name", sa.String(23), primary_key=True))
endpoints = _member_table("endpoints", sa.Column("name", sa.String(23), primary_key=True))
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("incarnation", sa.String(32), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.CheckConstraint("id = 1", name="meta_has_one_row"),
)
changes = sa.Table(
    "changes",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("scope", sa.Text),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("body", sa.Text),
)

Row = Mapping[Any, Any]
MEMBER_TABLES = {"issuers": issuers, "backends": backends, "endpoints": endpoints}


class Transaction:
    """One transaction: rows in and out."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def head(self) -> tuple[str, int]:
        """The incarnation and the last sequence number."""
        row = (await self._connection.execute(sa.select(meta.c.incarnation, meta.c.seq))).one()
        return row.incarnation, row.seq

    async def begin_history(self, incarnation: str) -> None:
        """Make the one row of `meta`."""
        row = {"id": 1, "incarnation": incarnation, "seq": 0}
        await self._connection.execute(sa.insert(meta).values(row))

    async def has_history(self) -> bool:
        """Whether that row is there."""
        return (await self._connection.execute(sa.select(meta.c.id))).first() is not None

    async def replace_incarnation(self, expected: str, new: str) -> None:
        """Compare and set."""
        same = meta.c.incarnation == expected
        await self._connection.execute(sa.update(meta).where(same).values(incarnation=new))

    async def next_seq(self) -> int:
        """Take the next sequence number; the caller adds its change in this transaction."""
        statement = sa.update(meta).values(seq=meta.c.seq + 1).returning(meta.c.seq)
        return int((await self._connection.execute(statement)).scalar_one())

    async def add_change(self, row: Row) -> None:
        """Add one row to the log."""
        await self._connection.execute(sa.insert(changes).values(dict(row)))

    async def changes_after(self, seq: int, kinds: Collection[str] = ()) -> Sequence[Row]:
        """The log after `seq`, in order; of these kinds when some are named."""
        statement = sa.select(changes).where(changes.c.seq > seq).order_by(changes.c.seq)
        if kinds:
            statement = statement.where(changes.c.kind.in_(kinds))
        return (await self._connection.execute(statement)).mappings().all()

    async def drop_changes(self, *, before: float, kinds: Collection[str]) -> int:
        """Forget old rows of these kinds; how many there were."""
        old = (changes.c.at < before) & changes.c.kind.in_(kinds)
        return (await self._connection.execute(sa.delete(changes).where(old))).rowcount

    async def tenant_rows(self, slugs: Collection[str] | None = None) -> dict[str, Sequence[Row]]:
        """The rows of all living tenants, or of those named, by table."""
        living = sa.select(tenants).where(tenants.c.deleted_at.is_(None)).order_by(tenants.c.slug)
        if slugs is not None:
            living = living.where(tenants.c.slug.in_(slugs))
        found: dict[str, Sequence[Row]] = {
            "tenants": (await self._connection.execute(living)).mappings().all()
        }
        for name, table in MEMBER_TABLES.items():
            rows = sa.select(table).order_by(table.c.tenant, table.c.position)
            if slugs is not None:
                rows = rows.where(table.c.tenant.in_(slugs))
            found[name] = (await self._connection.execute(rows)).mappings().all()
        return found

    async def deleted_slugs(self) -> frozenset[str]:
        """Slugs that are never given out again."""
        statement = sa.select(tenants.c.slug).where(tenants.c.deleted_at.is_not(None))
        return frozenset((await self._connection.execute(statement)).scalars())

    async def erase_tenants(self, slugs: Collection[str]) -> None:
        """Remove tenants with all that belongs to them, leaving no trace."""
        gone = [{"gone": slug} for slug in sorted(slugs)]
        if gone:
            statement = sa.delete(tenants).where(tenants.c.slug == sa.bindparam("gone"))
            await self._connection.execute(statement, gone)

    async def add_rows(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """Insert rows by table; `tenants` first, as the others refer to it."""
        for name, table in {"tenants": tenants, **MEMBER_TABLES}.items():
            if rows.get(name):
                await self._connection.execute(sa.insert(table), [dict(row) for row in rows[name]])


class Database:
    """An opened, migrated database. `commands` counts every statement sent to it."""

    def __init__(self, engine: AsyncEngine, file: SqliteFile | None) -> None:
        self._engine = engine
        self._file = file
        self.commands = 0
        sa.event.listen(engine.sync_engine, "before_cursor_execute", self._count)

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Open and migrate; a SQLite file is made when there is none, readable by its owner alone.

        Raises:
            RegistryUnavailable: it cannot be opened, or its schema is newer than this program.
        """
        try:
            database = cls._at(sa.make_url(url))
        except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
            raise RegistryUnavailable(f"the registry cannot be opened: {_brief(error)}") from error
        try:
            await database.migrate()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Let go of the database."""
        await self._engine.dispose()
        if self._file is not None:
            await self._file.close()

    @classmethod
    def _at(cls, url: sa.URL) -> "Database":
        if url.get_backend_name() != "sqlite":
            return cls(create_async_engine(url, pool_pre_ping=True, hide_parameters=True), None)
        file = SqliteFile(_sqlite_path(url))
        return cls(_sqlite_engine(file), file)

    @asynccontextmanager
    async def reading(self, timeout_s: float = STATEMENT_TIMEOUT_S) -> AsyncIterator[Transaction]:
        """One moment of the database."""
        async with self._transaction(timeout_s, is_writer=False) as connection:
            yield Transaction(connection)

    @asynccontextmanager
    async def writing(self, timeout_s: float = STATEMENT_TIMEOUT_S) -> AsyncIterator[Transaction]:
        """All or nothing; durable when the block has been left."""
        async with self._transaction(timeout_s, is_writer=True) as connection:
            yield Transaction(connection)

    @asynccontextmanager
    async def _transaction(
        self, timeout_s: float, *, is_writer: bool
    ) -> AsyncIterator[AsyncConnection]:
        try:
            async with asyncio.timeout(timeout_s), self._engine.connect() as connection:
                _ = await connection.execution_options(is_writer=is_writer)
                async with connection.begin():
                    yield connection
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise RegistryUnavailable(f"the registry did not answer: {_brief(error)}") from error

    def _count(self, *_: object) -> None:
        self.commands += 1

    async def migrate(self) -> None:
        """Bring the schema up to date; `open` has done it."""
        scripts = ScriptDirectory.from_config(_alembic())
        async with self._transaction(LOAD_TIMEOUT_S, is_writer=False) as connection:
            is_current = await connection.run_sync(_is_current, scripts)
        if not is_current:
            async with self._transaction(LOAD_TIMEOUT_S, is_writer=True) as connection:
                await connection.run_sync(_upgrade, scripts)


def _brief(error: Exception) -> str:
    # Not the statement and its values: a definition is nobody's business but the registry's.
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__} {cause}".strip()


def _sqlite_engine(file: SqliteFile) -> AsyncEngine:
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        async_creator=file.connect,
        poolclass=NullPool,
        hide_parameters=True,
    )
    sa.event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _sqlite_path(url: sa.URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise RegistryUnavailable("the registry must be a file: it has to survive a restart")
    return Path(url.database)


def _begin(connection: sa.Connection) -> None:
    is_writer = connection.get_execution_options().get("is_writer")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def _alembic() -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
    )
    return config


def _is_current(connection: sa.Connection, scripts: ScriptDirectory) -> bool:
    found = MigrationContext.configure(connection).get_current_revision()
    if found == scripts.get_current_head():
        return True
    if found is not None and found not in {step.revision for step in scripts.walk_revisions()}:
        raise RegistryUnavailable(
            f"the registry's schema ({found}) is newer than this version of Portcullis knows "
            f"({scripts.get_current_head()}): start the version that made it, or a later one"
        )
    return False


def _upgrade(connection: sa.Connection, scripts: ScriptDirectory) -> None:
    # Asked again under the lock: another process may have been here in between.
    if _is_current(connection, scripts):
        return
    config = _alembic()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise RegistryUnavailable(f"the registry could not be migrated: {error}") from error
