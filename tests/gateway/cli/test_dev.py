"""`portcullis dev` as a newcomer meets it: one command, and the commands that talk to it."""

import json
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.mcp_client import CallFailed, McpClient

PORTCULLIS = [sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main())"]
ROOT = Path(__file__).parents[3]
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20


@dataclass(frozen=True)
class Dev:
    process: subprocess.Popen[str]
    directory: Path
    start: str

    @property
    def note(self) -> dict[str, dict[str, dict[str, str]]]:
        text = (self.directory / ".portcullis/dev.json").read_text()
        document: dict[str, dict[str, dict[str, str]]] = json.loads(text)
        return document

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command line
            [*PORTCULLIS, *words],
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def start(directory: Path, *words: str) -> subprocess.Popen[str]:
    ports = ("--port", "0", "--admin-port", "0", "--issuer-port", "0")
    return subprocess.Popen(  # noqa: S603 - our own command line
        [*PORTCULLIS, "dev", *(words or ports)],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def until(process: subprocess.Popen[str], last: str) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(last):
            return "".join(lines)
    raise AssertionError("it ended early:\n" + "".join(lines))


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    try:
        return process.wait(STOP_TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def dev() -> Iterator[Dev]:
    directory = Path(tempfile.mkdtemp(prefix="pc"))
    process = start(directory)
    try:
        yield Dev(process, directory, until(process, "Ctrl-C ends everything."))
    finally:
        end(process)
        shutil.rmtree(directory)


def test_the_note_is_private_and_says_where_everything_is(dev: Dev) -> None:
    path = dev.directory / ".portcullis/dev.json"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(dev.note) == {"issuer", "admin", "tenants"}
    assert set(dev.note["tenants"]) == {"acme", "globex"}
    assert set(dev.note["tenants"]["acme"]) == {"endpoint", "token", "tools"}
    assert "find_order" in dev.note["tenants"]["acme"]["tools"]
    assert "search_books" in dev.note["tenants"]["globex"]["tools"]


def test_the_printed_curl_brings_a_real_result(dev: Dev) -> None:
    curl = re.search(r"^curl .*?'$(?=\n\n)", dev.start, flags=re.DOTALL | re.MULTILINE)
    assert curl is not None

    printed = subprocess.run(  # noqa: S603 - what a newcomer pastes
        ["/bin/sh", "-c", curl[0]], capture_output=True, text=True, timeout=20, check=True
    )

    assert "Ada Lovelace" in printed.stdout


@pytest.mark.parametrize("client", ["claude mcp add", '"servers"', '"mcpServers"', "inspector"])
def test_the_start_ends_with_snippets(dev: Dev, client: str) -> None:
    assert client in dev.start
    assert dev.note["tenants"]["acme"]["token"] in dev.start


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["call", "acme", "find_order", '{"number": "A-1002"}'], "Alan Turing"),
        (["call", "acme/stock", "count_parts", '{"part": "bolt"}'], "1200"),
        (["call", "globex", "search_books", '{"text": ""}'], ""),
        (["call", "acme/all", "orders__find_order", '{"number": "B-2001"}'], "Grace Hopper"),
    ],
)
def test_call_calls_a_tool_of_either_era(dev: Dev, words: list[str], answer: str) -> None:
    done = dev.command(*words)

    assert done.returncode == 0, done.stderr
    assert answer in done.stdout


def test_call_tells_a_tools_failure_and_an_unknown_tool_apart(dev: Dev) -> None:
    failed = dev.command("call", "acme", "find_order", '{"number": "Z-9"}')
    unknown = dev.command("call", "acme", "no_such_tool")

    assert (failed.returncode, unknown.returncode) == (1, 1)
    assert "There is no order Z-9" in failed.stdout
    assert "-32602" in unknown.stderr


def test_a_new_token_opens_its_own_endpoint_only(dev: Dev) -> None:
    url = dev.note["tenants"]["acme"]["endpoint"]
    own = dev.command("token", "--tenant", "acme").stdout.strip()
    foreign = dev.command("token", "--tenant", "globex").stdout.strip()
    call = ("call", "acme", "find_order", '{"number": "A-1001"}', "--url", url, "--token")

    assert dev.command(*call, own).returncode == 0
    refused = dev.command(*call, foreign)
    assert refused.returncode == 1
    assert "the token is not accepted (401)" in refused.stderr


def test_a_token_can_be_asked_for_with_fewer_scopes(dev: Dev) -> None:
    answer = dev.command("token", "--tenant", "globex", "--scope", "library:borrow", "--json")
    wrong = dev.command("token", "--tenant", "globex", "--scope", "everything")

    assert json.loads(answer.stdout)["scope"] == "library:borrow"
    assert wrong.returncode == 1
    assert "refused" in wrong.stderr


def test_client_config_carries_a_fresh_token(dev: Dev) -> None:
    done = dev.command("client-config", "--for", "vscode", "--tenant", "globex")

    server = json.loads(done.stdout)["servers"]["globex"]
    assert server["url"] == dev.note["tenants"]["globex"]["endpoint"]
    assert server["headers"]["Authorization"].startswith("Bearer ")


def test_a_block_refuses_a_client_until_it_is_lifted(dev: Dev) -> None:
    call = ("call", "globex", "search_books", '{"text": ""}')
    blocked = dev.command("block", "--tenant", "globex", "--client", "portcullis-cli")

    assert "in force" in blocked.stdout, blocked.stderr
    assert dev.command(*call).returncode == 1

    lifted = dev.command("block", "--tenant", "globex", "--client", "portcullis-cli", "--lift")

    assert "in force" in lifted.stdout
    assert dev.command(*call).returncode == 0


def test_a_session_is_ended_by_its_id(dev: Dev) -> None:
    url = dev.note["tenants"]["acme"]["endpoint"].replace("/t/acme/", "/t/acme/stock/")
    token = dev.command("token", "--tenant", "acme", "--endpoint", "stock").stdout.strip()
    client = McpClient(url, token)
    client.list_tools()
    assert client.session is not None

    done = dev.command("revoke", "--tenant", "acme", "--session", client.session)

    assert "in force" in done.stdout, done.stderr
    with pytest.raises(CallFailed, match="session not found"):
        client.list_tools()


def test_a_second_one_in_the_same_directory_says_so(dev: Dev) -> None:
    done = dev.command("dev")

    assert done.returncode == 1
    assert "another `portcullis dev` runs in" in done.stderr
    assert dev.note["tenants"]


def children_of(pid: int) -> set[int]:
    found = set()
    for stat_file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat_file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.add(int(stat_file.parent.name))
    return found


def are_gone(pids: set[int]) -> bool:
    """Wait for processes that are not our children; the fd of each turns readable at its end."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(descriptor) as ended:
            if not select.select([ended], [], [], STOP_TIMEOUT_S)[0]:
                return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_ends_everything_that_it_started(number: int) -> None:
    directory = Path(tempfile.mkdtemp(prefix="pc"))
    process = start(directory)
    try:
        until(process, "Ctrl-C ends everything.")
        children = children_of(process.pid)
    finally:
        code = end(process, number)

    assert len(children) >= 4
    assert are_gone(children)
    assert code == (-9 if number == signal.SIGKILL else 0)
    assert (directory / ".portcullis/dev.json").exists() == (number == signal.SIGKILL)
    shutil.rmtree(directory)


def test_a_signal_during_the_start_ends_everything_too() -> None:
    directory = Path(tempfile.mkdtemp(prefix="pc"))
    process = start(directory)
    try:
        until(process, "  issuer")
        children = children_of(process.pid)
    finally:
        code = end(process)

    assert code == 0
    assert are_gone(children)
    shutil.rmtree(directory)
