"""The commands of the README, run as they are printed, in a fresh copy of the tree.

`<!-- run: NAME -->` stands above what is run, `<!-- prints: NAME -->` above what it prints, where
`[…]` stands for anything. A block of shell without such a mark is a failure, so that nothing is
shown that nobody tried. `make test` is the one that is not run here: this is it.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rigs.legacy_client_env import legacy_interpreter
from tests.rigs.node import HOME as NODE_HOME
from tests.rigs.node import NODE, exclusively, install_packages

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CLIENTS = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
ANYTHING = "[…]"
LAST_LINE = "Ctrl-C ends everything."
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
NEW_SIGN_IN_S = 15
STARTING = Path(tempfile.gettempdir()) / f"portcullis-readme-{os.getuid()}.lock"

# What is built, kept or fetched is no part of a fresh tree.
LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv*", ".portcullis", ".*_cache", ".hypothesis", ".coverage*", "__pycache__",
    "build", "dist", "node_modules",
)  # fmt: skip

MARKED = re.compile(
    r"(?:<!-- (?P<mark>[\w-]+): (?P<name>[\w-]+) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)```",
    re.DOTALL,
)


def marked(mark: str, text: str = README) -> dict[str, str]:
    """The blocks below a comment of that kind, by name."""
    return {
        found["name"]: found["text"] for found in MARKED.finditer(text) if found["mark"] == mark
    }


RUN = marked("run")
PRINTS = marked("prints")


def as_pattern(printed: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in printed.strip().split(ANYTHING))
    return re.compile(".+?".join(parts), re.DOTALL)


@dataclass(frozen=True)
class Fresh:
    """A running `make run` in a tree of its own."""

    process: subprocess.Popen[bytes]
    tree: Path
    printed: str

    def shell(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run what a reader pastes into another terminal."""
        return subprocess.run(  # noqa: S603 - what the README says
            ["/bin/sh", "-e", "-c", text],
            cwd=self.tree,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @property
    def curl(self) -> str:
        found = re.search(r"^curl .*?'$(?=\n\n)", self.printed, re.DOTALL | re.MULTILINE)
        assert found is not None
        return found[0]


def environment(**more: str) -> dict[str, str]:
    # The uv that the lock names is in this environment; with it run.sh need not fetch one.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # A test run that was started by make is none of the newcomer's business.
    foreign = ("COV_CORE", "MAKE", "MFLAGS")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "PATH": path, "NO_COLOR": "1", **more}


def command_to_run() -> list[str]:
    words = RUN["start"].split()
    return words if shutil.which(words[0]) else ["./run.sh", words[1]]


def until_the_last_line(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout is not None
    said = b""
    deadline = time.monotonic() + START_TIMEOUT_S
    while f"{LAST_LINE}\n".encode() not in said:
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        chunk = os.read(process.stdout.fileno(), 65_536) if ready else b""
        if not chunk:
            words = log.read_text(encoding="utf-8")[-3000:]
            raise AssertionError(f"it did not come to its last line:\n{said.decode()}\n{words}")
        said += chunk
    return said.decode()


def started(process: subprocess.Popen[bytes], log: Path) -> str:
    """What it printed, or else it is ended."""
    try:
        return until_the_last_line(process, log)
    except AssertionError:
        interrupt(process)
        raise


def descendants_of(pid: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(file.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(file.parent.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.update(below)
        waiting += below
    return found


def still_alive(pids: set[int]) -> set[int]:
    """Those that do not end in time."""
    return {pid for pid in pids if not has_ended(pid)}


def has_ended(pid: int) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor) as ended:
        return bool(select.select([ended], [], [], STOP_TIMEOUT_S)[0])


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C: the terminal signals the whole foreground group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(STOP_TIMEOUT_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Fresh]:
    tree = Path(tempfile.mkdtemp(prefix="pc")) / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_BEHIND)
    log = tree.parent / "stderr"
    # Two that start at the same moment would see the same ports free.
    with exclusively(STARTING), log.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - what the README says
            command_to_run(),
            cwd=tree,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
        printed = started(process, log)
    try:
        yield Fresh(process, tree, printed)
    finally:
        interrupt(process)
        shutil.rmtree(tree.parent)


def test_every_block_of_shell_says_whether_it_runs() -> None:
    shown = [found for found in MARKED.finditer(README) if found["kind"] == "sh"]

    assert [found["text"] for found in shown if found["mark"] not in {"run", "snippet"}] == []


def test_both_commands_are_make_targets_and_run_sh_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    script = (ROOT / "run.sh").read_text(encoding="utf-8")

    for command in ("run", "test", "lint"):
        assert re.search(rf"^{command}: ; @\./run\.sh {command}$", makefile, re.MULTILINE)
        assert re.search(rf"^{command}\) ", script, re.MULTILINE)


def in_the_order_of_the_readme(printed: str) -> str:
    """The start as it is when the usual ports are free; children come in any order."""
    ports = re.search(r"gateway (\d+).*?, admin (\d+).*?, issuer (\d+)", printed)
    assert ports is not None
    for taken, usual in zip(ports.groups(), ("8080", "9090", "8081"), strict=True):
        printed = re.sub(rf"\b{taken}\b", usual, printed)
    printed = re.sub(r" \(port \d+ is busy\)", "", printed)
    lines = printed.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("  issuer")) + 1
    lines[first : first + 3] = sorted(lines[first : first + 3])
    return "\n".join(lines)


def test_it_prints_what_the_readme_says(fresh: Fresh) -> None:
    printed = in_the_order_of_the_readme(fresh.printed)

    assert as_pattern(PRINTS["start"]).fullmatch(printed.strip()), printed


def test_the_printed_curl_brings_a_real_tools_result(fresh: Fresh) -> None:
    done = fresh.shell(fresh.curl)

    assert as_pattern(PRINTS["curl"]).fullmatch(done.stdout.strip()), done.stdout


def test_call_prints_what_the_readme_says(fresh: Fresh) -> None:
    done = fresh.shell(RUN["call"])

    assert as_pattern(PRINTS["call"]).fullmatch(done.stdout.strip()), done.stderr


def test_the_configuration_of_the_readme_is_accepted(fresh: Fresh) -> None:
    example = next(found["text"] for found in MARKED.finditer(README) if found["kind"] == "yaml")
    (fresh.tree / "portcullis.yaml").write_text(example, encoding="utf-8")

    done = fresh.shell(RUN["check-config"])

    assert done.returncode == 0, done.stderr
    assert "no faults" in done.stdout
    assert "https://mcp.example.com/t/acme/mcp" in done.stdout


def interpreter(sdk: str) -> list[str | Path]:
    match sdk:
        case "python-1":
            return [legacy_interpreter()]
        case "python-2":
            return [sys.executable]
        case _:
            install_packages()
            return [NODE]


@pytest.mark.parametrize("sdk", sorted(marked("sdk", CLIENTS)))
def test_the_example_of_each_sdk_calls_the_tool(fresh: Fresh, sdk: str, tmp_path: Path) -> None:
    script = tmp_path / ("example.mjs" if sdk == "typescript" else "example.py")
    script.write_text(marked("sdk", CLIENTS)[sdk], encoding="utf-8")
    command = interpreter(sdk)
    (tmp_path / "node_modules").symlink_to(NODE_HOME / "node_modules")
    token = fresh.shell(".venv/bin/portcullis token --tenant acme").stdout.strip()
    url = re.search(r"http://\S+/t/acme/mcp", fresh.printed)
    assert url is not None

    done = subprocess.run(  # noqa: S603 - what the page says
        [*command, script],
        cwd=tmp_path,
        env=environment(TOKEN=token, URL=url[0]),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert "find_order" in done.stdout, done.stderr
    assert "Ada Lovelace" in done.stdout


def test_a_revocation_kills_the_printed_token_and_a_new_sign_in_works(fresh: Fresh) -> None:
    assert "Ada Lovelace" in fresh.shell(fresh.curl).stdout

    revoked = fresh.shell(RUN["revoke"])
    refused = fresh.shell(fresh.curl)
    deadline = time.monotonic() + NEW_SIGN_IN_S
    again = fresh.shell(RUN["call"])
    while again.returncode != 0 and time.monotonic() < deadline:
        again = fresh.shell(RUN["call"])

    assert as_pattern(PRINTS["revoke"]).fullmatch(revoked.stdout.strip()), revoked.stderr
    assert refused.stdout.strip() == PRINTS["refused"].strip()
    assert "Ada Lovelace" in again.stdout, again.stderr


def test_ctrl_c_leaves_nothing_running(fresh: Fresh) -> None:
    """The last one: it ends what the others used."""
    started = descendants_of(fresh.process.pid)

    interrupt(fresh.process)

    assert len(started) >= len(["valkey", "orders", "library", "stock"])
    assert still_alive(started) == set()
    assert not (fresh.tree / ".portcullis/dev.json").exists()
