import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.credentials import HeaderCredential, check_header_name
from auth.errors import CredentialUnavailable


@dataclass(frozen=True)
class Source:
    header: str = "Authorization"
    prefix: str = ""
    env: str | None = None
    file: str | None = None


def resolved(credential: HeaderCredential) -> tuple[str, str]:
    name, value = credential.resolve()
    return name, value.reveal()


def test_a_value_comes_from_the_environment_with_its_prefix() -> None:
    source = Source(prefix="Bearer ", env="BACKEND_TOKEN")
    credential = HeaderCredential(source, environ={"BACKEND_TOKEN": "hunter2"})

    assert resolved(credential) == ("Authorization", "Bearer hunter2")


def test_a_value_shows_itself_to_nobody() -> None:
    credential = HeaderCredential(Source(env="T"), environ={"T": "hunter2"})

    assert "hunter2" not in repr(credential.resolve())
    assert (
        "hunter2"
        not in f"{credential.resolve()[1]} {credential!r} {vars(credential)!r}".replace(
            repr({"T": "hunter2"}), ""
        )
    )


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_value_comes_from_a_file_without_its_last_line_break(tmp_path: Path, end: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"hunter2" + end.encode())

    assert resolved(HeaderCredential(Source(header="X-Api-Key", file=str(path)))) == (
        "X-Api-Key",
        "hunter2",
    )


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    credential = HeaderCredential(Source(file=str(path)))
    assert resolved(credential)[1] == "first"

    replacement = tmp_path / "new"
    replacement.write_text("other")
    replacement.replace(path)
    assert resolved(credential)[1] == "other"

    path.write_text("third")
    os.utime(path, ns=(1, 1))
    assert resolved(credential)[1] == "third"


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("hunter2")
    credential = HeaderCredential(Source(file=str(path)))

    assert credential.resolve()[1] is credential.resolve()[1]


def test_a_file_that_goes_away_or_bad_ends_the_credential(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("hunter2")
    credential = HeaderCredential(Source(file=str(path)))
    credential.resolve()

    path.write_text("")
    with pytest.raises(CredentialUnavailable):
        credential.resolve()
    path.unlink()
    with pytest.raises(CredentialUnavailable):
        credential.resolve()
    path.write_text("hunter3")
    assert resolved(credential)[1] == "hunter3"


@pytest.mark.parametrize(
    "value",
    ["", " ", "\n", "a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", "\x7f", "a\n\n", " a", "a ", "é"],
)
def test_a_value_that_is_empty_or_unfit_for_a_header_is_never_sent(
    tmp_path: Path, value: str
) -> None:
    path = tmp_path / "token"
    path.write_bytes(value.encode())
    by_env = HeaderCredential(Source(prefix="Bearer ", env="T"), environ={"T": value})
    by_file = HeaderCredential(Source(prefix="Bearer ", file=str(path)))

    for credential in (by_env, by_file):
        with pytest.raises(CredentialUnavailable, match="the credential"):
            credential.resolve()


def test_a_value_that_is_missing_or_too_long_is_an_error(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_text("a" * 8193)
    for source in (Source(env="T"), Source(file=str(tmp_path / "no")), Source(file=str(large))):
        with pytest.raises(CredentialUnavailable):
            HeaderCredential(source, environ={}).resolve()


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "Transfer-Encoding", "Connection", "TE", "Trailer", "Upgrade"),
        *("Keep-Alive", "Proxy-Authorization", "Expect", "Content-Type", "Accept", "traceparent"),
        *("Mcp-Session-Id", "MCP-Protocol-Version", "mcp-param-x", "Last-Event-ID"),
        *("", " ", "A B", "A:", "A\r\n", "Ä", "A\x00", "(A)"),
    ],
)
def test_a_header_that_is_none_or_not_a_credentials_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header"):
        HeaderCredential(Source(header=name, env="T"))


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "api_key", "Cookie", "DPoP"])
def test_other_headers_may_carry_a_credential(name: str) -> None:
    check_header_name(name)


@pytest.mark.parametrize(
    "source",
    [
        Source(),
        Source(env="A", file="b"),
        Source(env="A", prefix="a\r\n"),
        Source(env="A", prefix=" "),
    ],
)
def test_a_definition_that_could_never_be_sent_is_refused(source: Source) -> None:
    with pytest.raises(ValueError, match=r"prefix|exactly one"):
        HeaderCredential(source)


@given(st.text(max_size=20))
def test_no_value_breaks_out_of_its_header(value: str) -> None:
    credential = HeaderCredential(Source(env="T"), environ={"T": value})
    try:
        sent = resolved(credential)[1]
    except CredentialUnavailable:
        return

    assert sent.isascii()
    assert sent.strip() == sent != ""
    assert sent.replace("\t", " ").isprintable()
