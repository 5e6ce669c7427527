"""A child process of the tests that announces itself by one JSON line and cannot outlive them.

Rules
1. It prints one JSON line on stdout once it is ready; what it says on stderr goes to a file.
2. It obeys one JSON line on stdin at a time and answers with one on stdout.
3. It ends when its stdin closes: the kernel closes our end however this process dies.
"""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent
START_TIMEOUT_S = 40.0
ANSWER_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


class ChildFailed(Exception):
    """The child did not start, or died, or does not answer. The message has its last words."""


class Child:
    """Started on construction. Synchronous, so that a session's fixture can own it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log_dir: Path,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log_dir / f"{name}.log"
        self._unread = b""
        with self.log.open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - what the tests name
                [str(word) for word in command],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=_environment(environ or {}),
                start_new_session=True,
            )

    def announcement(self) -> dict[str, Any]:
        """What it said when it was ready. Call it once."""
        return self._line(START_TIMEOUT_S)

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Give a command and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        return self._line(ANSWER_TIMEOUT_S)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def log_text(self) -> str:
        """Everything that it has said on stderr so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def terminate(self) -> int:
        """SIGTERM, and SIGKILL when that does not help. Its exit code; negative after a signal."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        return self._wait()

    def kill(self) -> int:
        """SIGKILL: what a crash looks like."""
        with suppress(ProcessLookupError):
            self._process.kill()
        return self._wait()

    def wait(self, timeout_s: float) -> int:
        """Its exit code, once it ends by itself."""
        return self._process.wait(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_stdin()
        self._wait()

    def _wait(self) -> int:
        try:
            code = self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait(STOP_TIMEOUT_S)
        self._close_stdin()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def _close_stdin(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _line(self, timeout_s: float) -> dict[str, Any]:
        line = self._read_line(time.monotonic() + timeout_s)
        try:
            found = json.loads(line)
        except ValueError:
            raise self._failure(f"said {line!r}") from None
        assert isinstance(found, dict)
        return found

    def _read_line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self._failure("does not answer")
                chunk = os.read(descriptor, 65_536)
                if not chunk:
                    raise self._failure("has ended")
                self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _failure(self, what: str) -> ChildFailed:
        words = "\n".join(self.log_text().splitlines()[-20:])
        return ChildFailed(f"{self.name} {what}; its last words:\n{words}")


def python_module(module: str, *words: str) -> list[str | Path]:
    """The command that runs a module of the tests with the interpreter that runs the tests."""
    return [sys.executable, "-m", module, *words]


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {"PYTHONUNBUFFERED": "1"} | dict(more)
