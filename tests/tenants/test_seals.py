import base64
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.seals import InvalidSeal, SealingRoot, UnusableRoot

ROOT = SealingRoot(b"r" * 32)


class Clock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


def write_root(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def encoded(root: bytes) -> str:
    return base64.urlsafe_b64encode(root).decode()


def test_a_root_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "seal.key"

    made, again = SealingRoot.load_or_create(path), SealingRoot.load_or_create(path)

    assert made == again
    assert len(made.current) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["seal.key"]


def test_processes_that_start_together_agree_on_one_root(tmp_path: Path) -> None:
    roots: list[bytes] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait(5)
        roots.append(SealingRoot.load_or_create(tmp_path / "seal.key").current)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert len(roots) == 8
    assert len(set(roots)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_p09_a_root_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    write_root(tmp_path / "k", encoded(b"r" * 32), mode)

    with pytest.raises(UnusableRoot, match="chmod 0600"):
        SealingRoot.load_or_create(tmp_path / "k")


@pytest.mark.parametrize(
    "text", ["", "\n", "changeme", encoded(b"r" * 31), "%" * 44, encoded(b"r" * 32) + "\nx 1"]
)
def test_p09_a_short_or_unreadable_root_is_refused(tmp_path: Path, text: str) -> None:
    write_root(tmp_path / "k", text)

    with pytest.raises(UnusableRoot):
        SealingRoot.load_or_create(tmp_path / "k")


def test_a_root_made_by_openssl_is_accepted(tmp_path: Path) -> None:
    root = b"\xfb\xff" * 16
    write_root(tmp_path / "k", base64.b64encode(root).decode() + "\n")

    assert SealingRoot.load_or_create(tmp_path / "k").current == root


def test_a_root_is_not_shown() -> None:
    assert "rrr" not in repr(ROOT)


def test_what_was_sealed_before_a_rotation_opens_until_its_time(tmp_path: Path) -> None:
    clock = Clock()
    token = ROOT.seal("cursor", now=clock).seal(b"page 2", bound_to=b"x")
    write_root(
        tmp_path / "k", f"{encoded(b'n' * 32)}\n{encoded(b'r' * 32)} {clock.time + 12 * 3600}\n"
    )

    within = SealingRoot.load_or_create(tmp_path / "k", now=clock).seal("cursor", now=clock)
    assert within.open(token, bound_to=b"x", max_age_s=60) == b"page 2"

    clock.time += 12 * 3600
    after = SealingRoot.load_or_create(tmp_path / "k", now=clock).seal("cursor", now=clock)
    with pytest.raises(InvalidSeal):
        after.open(token, bound_to=b"x", max_age_s=10**6)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_sealed_opens_with_what_it_is_bound_to(payload: bytes, bound_to: bytes) -> None:
    seal = ROOT.seal("test")
    token = seal.seal(payload, bound_to=bound_to)

    assert seal.open(token, bound_to=bound_to, max_age_s=5) == payload
    with pytest.raises(InvalidSeal):
        seal.open(token, bound_to=bound_to + b"x", max_age_s=5)


def test_j27_no_flipped_bit_and_no_other_spelling_opens() -> None:
    seal = ROOT.seal("test")
    token = seal.seal(b"state", bound_to=b"t")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forged = [
        encoded(raw[:i] + bytes([raw[i] ^ 1 << bit]) + raw[i + 1 :]).rstrip("=")
        for i in range(len(raw))
        for bit in range(8)
    ]

    for other in [*forged, token + "=", token[:-1], "", "é", token + "\n", f" {token}", token * 2]:
        with pytest.raises(InvalidSeal):
            seal.open(other, bound_to=b"t", max_age_s=60)


@given(st.text(max_size=120))
def test_anything_else_is_an_invalid_seal_and_nothing_worse(token: str) -> None:
    with pytest.raises(InvalidSeal):
        ROOT.seal("test").open(token, bound_to=b"", max_age_s=60)


def test_a_seal_of_one_purpose_or_root_opens_for_no_other() -> None:
    token = ROOT.seal("cursor").seal(b"x", bound_to=b"t")

    for other in (ROOT.seal("requestState"), SealingRoot(os.urandom(32)).seal("cursor")):
        with pytest.raises(InvalidSeal):
            other.open(token, bound_to=b"t", max_age_s=60)


def test_a_seal_ages_out_at_its_last_second_and_does_not_come_from_the_future() -> None:
    clock = Clock()
    seal = ROOT.seal("test", now=clock)
    token = seal.seal(b"x", bound_to=b"")
    clock.time += 900
    assert seal.open(token, bound_to=b"", max_age_s=900) == b"x"

    for elsewhere in (1, -1000):
        clock.time += elsewhere
        with pytest.raises(InvalidSeal):
            seal.open(token, bound_to=b"", max_age_s=900)


def test_the_same_payload_is_never_sealed_the_same_way_twice() -> None:
    seal = ROOT.seal("test", now=lambda: 1.0)

    assert len({seal.seal(b"x", bound_to=b"") for _ in range(100)}) == 100
