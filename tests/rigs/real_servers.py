"""The example servers as real processes, each on a free port, ended with the test run.

The one on the SDK's previous major gets an environment of its own, made once a run from the
locked requirements that are shipped beside it.
"""

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "gateway" / "dev" / "backends"
UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class RealServer:
    """One server and where it listens."""

    process: "subprocess.Popen[bytes]"
    url: str


@contextmanager
def real_server(script: str, interpreter: str | Path = sys.executable) -> Iterator[RealServer]:
    """Run one of the example servers until the block ends: its stdin closes, and it is gone."""
    with subprocess.Popen(  # noqa: S603 - our own script
        [interpreter, SCRIPTS / script, "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, process.communicate(timeout=5)[1].decode()
            yield RealServer(process, json.loads(line)["url"])
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def legacy_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the SDK's previous major, shared by the workers of one test run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    environment = shared / "legacy-environment"
    with (shared / "legacy-environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (environment / "ready").exists():
            build_legacy_environment(environment)
    return environment / "bin" / "python"


def build_legacy_environment(environment: Path) -> None:
    """Install exactly what is locked, hashes checked."""
    run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    interpreter = environment / "bin" / "python"
    requirements = SCRIPTS / "legacy-requirements.txt"
    run(
        *(UV, "pip", "sync", "--quiet", "--require-hashes"),
        *("--python", interpreter, requirements),
    )
    (environment / "ready").touch()


def run(*command: str | Path) -> None:
    """Run to completion; its output is shown when it fails."""
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="session")
def orders_server() -> Iterator[RealServer]:
    """SDK 2.x, both eras."""
    with real_server("orders.py") as server:
        yield server


@pytest.fixture(scope="session")
def library_server() -> Iterator[RealServer]:
    """SDK 2.x, both eras, with other names."""
    with real_server("library.py") as server:
        yield server


@pytest.fixture(scope="session")
def stock_server(legacy_python: Path) -> Iterator[RealServer]:
    """SDK 1.x, legacy only."""
    with real_server("legacy_stock.py", legacy_python) as server:
        yield server
