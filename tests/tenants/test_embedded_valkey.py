import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenants import embedded_valkey
from tenants.embedded_valkey import EmbeddedValkey, EmbeddedValkeyFailed, find_server
from tenants.store import Store
from tests.rigs.valkey import PrivateValkey

ROOT = Path(__file__).parent.parent.parent
PARENT = """
import sys
from pathlib import Path
from tenants.embedded_valkey import EmbeddedValkey
valkey = EmbeddedValkey()
valkey.start(Path(sys.argv[1]))
print(valkey.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def embedded() -> Iterator[EmbeddedValkey]:
    valkey = EmbeddedValkey()
    yield valkey
    valkey.stop()


async def test_it_is_a_store_that_may_be_used_and_keeps_its_data(
    private_valkey: PrivateValkey,
) -> None:
    store = Store.open(private_valkey.url)

    assert await store.check() == ()
    await store.close()


async def test_what_was_written_survives_a_restart(private_valkey: PrivateValkey) -> None:
    before = Store.open(private_valkey.url)
    await before.publish_change("i", 7)
    await before.close()

    private_valkey.stop()
    private_valkey.start()
    after = Store.open(private_valkey.url)

    assert await after.mark() == ("i", 7)
    await after.close()


def test_directory_and_socket_are_for_this_user_only(private_valkey: PrivateValkey) -> None:
    socket_path = Path(private_valkey.url.removeprefix("unix://"))

    assert stat.S_IMODE(private_valkey.state_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket_path.stat().st_mode) == 0o700


def test_a_path_too_long_for_a_socket_moves_the_socket_and_says_so(
    embedded: EmbeddedValkey, tmp_path: Path
) -> None:
    state_dir = tmp_path / ("long" * 25) / 'and "odd" \\ too'

    socket_path = Path(embedded.start(state_dir).removeprefix("unix://"))

    assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
    assert str(socket_path.parent) in embedded.notes[0]
    assert (state_dir / "appendonlydir").is_dir()
    embedded.stop()
    assert not socket_path.parent.exists()


def test_a_second_instance_on_the_same_state_is_refused_with_the_reason(
    private_valkey: PrivateValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_valkey, "LOCK_TIMEOUT_S", 0.1)
    pid = private_valkey.pid

    with pytest.raises(EmbeddedValkeyFailed, match=f"process {pid}.*another state directory"):
        EmbeddedValkey().start(private_valkey.state_dir)

    assert private_valkey.pid == pid


def test_what_a_crash_left_behind_is_no_obstacle(private_valkey: PrivateValkey) -> None:
    private_valkey.kill()
    assert (private_valkey.state_dir / "valkey.pid").exists()

    private_valkey.start()

    assert private_valkey.pid


def test_stopping_one_that_died_or_never_ran_is_fine(embedded: EmbeddedValkey) -> None:
    private = PrivateValkey()
    os.kill(private.pid, signal.SIGKILL)

    private.close()
    embedded.stop()

    assert embedded.pid is None


def test_one_that_does_not_end_when_asked_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_valkey, "STOP_TIMEOUT_S", 0.05)
    private = PrivateValkey()
    private.pause()

    private.stop()
    private.start()  # the lock is free

    private.close()


def test_one_that_never_answers_is_given_up(
    embedded: EmbeddedValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_valkey, "START_TIMEOUT_S", 0.1)
    mute = tmp_path / "mute"
    mute.write_text("#!/bin/sh\nexec sleep 60\n")
    mute.chmod(0o700)

    with pytest.raises(EmbeddedValkeyFailed, match="did not answer"):
        EmbeddedValkey(server=mute).start(tmp_path / "s")

    embedded.start(tmp_path / "s")


def test_one_that_runs_is_not_started_twice(embedded: EmbeddedValkey, tmp_path: Path) -> None:
    embedded.start(tmp_path)

    with pytest.raises(EmbeddedValkeyFailed, match="already started"):
        embedded.start(tmp_path)

    assert embedded.is_running


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux only")
def test_p03_it_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", PARENT, str(tmp_path / "s")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) > 0
        parent.kill()

    # The lock is free only when parent and child are both gone.
    successor = EmbeddedValkey()
    successor.start(tmp_path / "s")
    successor.stop()


def test_a_server_that_cannot_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedValkeyFailed, match="ended with status 1"):
        EmbeddedValkey(server=Path("/bin/false")).start(tmp_path)
    with pytest.raises(EmbeddedValkeyFailed, match="No such file"):
        EmbeddedValkey(server=tmp_path / "absent").start(tmp_path)


def test_without_the_packaged_server_the_path_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_valkey, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedValkeyFailed, match="put valkey-server or redis-server on the PATH"):
        find_server()

    (tmp_path / "redis-server").touch(0o700)

    assert find_server() == tmp_path / "redis-server"
