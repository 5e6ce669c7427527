"""The SQLite file that holds a registry, and the connections to it.

Rules
- The file is made once, when a registry is opened. A connection never makes one: a file that has
  vanished is a failure, never a new and empty registry.
- Every connection has a thread (aiosqlite's). One that was cancelled goes on for a moment to undo
  what it did; `close` waits for it, so that nothing speaks to an event loop that is gone.
"""

import asyncio
import os
import threading
from pathlib import Path
from weakref import WeakSet

import aiosqlite

BUSY_TIMEOUT_S = 5
_GOODBYE_S = 5
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


class SqliteFile:
    """A database file, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._uri = f"{path.absolute().as_uri()}?mode=rw"
        self._threads: WeakSet[threading.Thread] = WeakSet()

    async def connect(self) -> aiosqlite.Connection:
        """A connection on which only an explicit BEGIN begins a transaction."""
        opening = aiosqlite.connect(
            self._uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
        )
        self._remember(opening)
        connection = await opening
        try:
            for pragma in _PRAGMAS:
                await (await connection.execute(f"PRAGMA {pragma}")).close()
        except BaseException:
            connection.stop()
            raise
        return connection

    async def close(self) -> None:
        """Wait until the last connection has let go."""
        for thread in list(self._threads):
            if thread.is_alive():
                await asyncio.to_thread(thread.join, _GOODBYE_S)

    def _remember(self, connection: aiosqlite.Connection) -> None:
        thread = connection._thread  # noqa: SLF001 - aiosqlite has no public name for it
        thread.daemon = True
        self._threads.add(thread)
