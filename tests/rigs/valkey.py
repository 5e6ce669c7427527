"""A real Valkey for tests: one for the whole run, and private ones that may be hurt.

Tests that share the one keep apart by tenant slugs of their own (`slug`).
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tenants.embedded_valkey import EmbeddedValkey, find_server
from tenants.store import Store


class PrivateValkey:
    """An embedded Valkey with data of its own, which a test may kill, stop, pause and restart."""

    def __init__(self) -> None:
        self.state_dir = Path(tempfile.mkdtemp(prefix="pc"))
        self._valkey = EmbeddedValkey()
        self.url = self._valkey.start(self.state_dir)

    @property
    def pid(self) -> int:
        pid = self._valkey.pid
        assert pid is not None
        return pid

    def start(self) -> None:
        """Come back, with the data that was on disk."""
        assert self._valkey.start(self.state_dir) == self.url

    def stop(self) -> None:
        """End in good order."""
        self._valkey.stop()

    def kill(self) -> None:
        """End without a word."""
        os.kill(self.pid, signal.SIGKILL)
        self._valkey.stop()

    def pause(self) -> None:
        """Keep the sockets and answer nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        if self._valkey.is_running:
            self.resume()
        self._valkey.stop()
        shutil.rmtree(self.state_dir, ignore_errors=True)


class ConfiguredValkey:
    """A Valkey with settings that the embedded one never has."""

    def __init__(self, *settings: str) -> None:
        self.state_dir = Path(tempfile.mkdtemp(prefix="pc"))
        self.socket_path = self.state_dir / "v.sock"
        options = ("--port", "0", "--save", "", "--unixsocket", str(self.socket_path))
        self.process = subprocess.Popen(  # noqa: S603 - the server under test
            [str(find_server()), *options, "--dir", str(self.state_dir), *settings],
            stdout=subprocess.DEVNULL,
        )
        self._await_socket()

    @property
    def url(self) -> str:
        return f"unix://{self.socket_path}"

    def close(self) -> None:
        self.process.kill()
        self.process.wait(5)
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def _await_socket(self) -> None:
        for _ in range(500):
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self.socket_path)) == 0:
                    return
            try:
                self.process.wait(0.01)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError("Valkey does not listen")


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of the Valkey that the tests of this process share."""
    shared = PrivateValkey()
    yield shared.url
    shared.close()


@pytest.fixture
def private_valkey() -> Iterator[PrivateValkey]:
    """A Valkey that belongs to one test."""
    private = PrivateValkey()
    yield private
    private.close()


@pytest.fixture
def slug() -> str:
    """A tenant that no other test has."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
async def store(valkey: str) -> AsyncIterator[Store]:
    """A store over the shared Valkey."""
    store = Store.open(valkey)
    yield store
    await store.close()


@pytest.fixture
async def private_store(private_valkey: PrivateValkey) -> AsyncIterator[Store]:
    """A store over the Valkey of this test."""
    store = Store.open(private_valkey.url)
    yield store
    await store.close()
