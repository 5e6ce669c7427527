"""The backends of `dev` as child processes that cannot outlive it.

Each prints one JSON line with its URL once it listens, ends on SIGTERM, and ends when its stdin
closes: the kernel closes our end of that pipe however this process dies.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.dev.errors import DevFailed

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
BACKENDS = Path(__file__).parent / "backends"
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendProgram:
    """A script of `gateway/dev/backends` and the interpreter that runs it."""

    name: str
    script: str
    python: Path = Path(sys.executable)


@asynccontextmanager
async def running_backend(program: BackendProgram, log_dir: Path) -> AsyncIterator[str]:
    """Start a backend and give its URL; it has ended when this returns.

    Raises:
        DevFailed: it did not start; the message shows its last words.
    """
    log = log_dir / f"{program.name}.log"
    process = await _spawn(program, log)
    try:
        yield await _announced_url(program, process, log)
    finally:
        await stop(process)


async def _spawn(program: BackendProgram, log: Path) -> Process:
    with log.open("wb") as stderr:
        return await asyncio.create_subprocess_exec(
            program.python,
            BACKENDS / program.script,
            "--port",
            "0",
            stdin=PIPE,
            stdout=PIPE,
            stderr=stderr,
            env=_environment(os.environ),
            # Ctrl-C goes to the foreground group; only we tell our children to end.
            start_new_session=True,
        )


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in _PASSED_ON if name in environ}


async def _announced_url(program: BackendProgram, process: Process, log: Path) -> str:
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await process.stdout.readline()
        return str(json.loads(line)["url"])
    except (TimeoutError, ValueError, KeyError) as error:
        words = last_words(log)
        raise DevFailed(f"the backend {program.name} did not start:\n{words}") from error


def last_words(log: Path, lines: int = 8) -> str:
    """The end of what a backend wrote to stderr."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    return "\n".join(text.splitlines()[-lines:]) or f"it said nothing; see {log}"


async def stop(process: Process) -> None:
    """End a child: SIGTERM, then SIGKILL. Returns when it is gone."""
    if process.stdin is not None:
        process.stdin.close()
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def run_to_end(*words: str | Path, environ: Mapping[str, str]) -> tuple[int, str]:
    """Run a program; its exit code and what it said. Cancelling ends it."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environ),
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode(errors="replace")
    finally:
        if process.returncode is None:
            await stop(process)
