"""`portcullis check` as a command: options, exit codes, what it prints."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.cli import main
from tests.gateway.check.bad_server import CheckedBackend, bad_server
from tests.gateway.check.judged import sdk_server
from tests.rigs.gateway import choose_public_url

TOKEN = "canary-of-a-token"


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["check", *arguments])


async def test_a_server_without_errors_is_exit_code_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with sdk_server(tmp_path, "library") as url:
        assert await run(url, "--allow-private") == 0

    said = capsys.readouterr()
    assert "revisions: 2026-07-28, 2025-11-25" in said.out
    assert "score 94 of 100: 0 errors" in said.out
    assert "[errors.batch-refused]" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 100


async def test_a_server_with_errors_is_exit_code_1_and_a_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with bad_server() as server:
        assert await run(server.url, "--allow-private", "--json") == 1

    document = json.loads(capsys.readouterr().out)
    assert document["score"] == 0
    assert document["url"] == server.url
    assert {"id", "severity", "where", "seen", "title", "remedy", "source"} == set(
        document["findings"][0]
    )


async def test_credentials_come_from_the_environment_or_an_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    async with CheckedBackend(era="legacy") as server:
        await run(server.url, "--allow-private", "--token-env", "THE_TOKEN", "--header", "X-Key: k")

    first = server.calls("initialize")[0]
    said = capsys.readouterr()
    assert first.header("Authorization") == f"Bearer {TOKEN}"
    assert first.header("X-Key") == "k"
    assert TOKEN not in said.out + said.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["not a url"],
        ["http://127.0.0.1:1/mcp"],
        ["https://10.1.2.3/mcp"],
        ["https://mcp.example.com/mcp", "--header", "no colon"],
        ["https://mcp.example.com/mcp", "--header", "Mcp-Session-Id: x"],
        ["https://mcp.example.com/mcp", "--header", "X-A: b\r\nX-B: c"],
        ["https://mcp.example.com/mcp", "--token-env", "NOT_SET_ANYWHERE"],
        ["https://mcp.example.com/mcp", "--call", "x", "--arguments", "[1]"],
        ["https://mcp.example.com/mcp", "--timeout", "0"],
    ],
)
def test_being_asked_wrongly_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2

    assert "Error" in capsys.readouterr().err


def test_a_private_address_says_which_option_allows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "http://127.0.0.1:1/mcp"]) == 2

    assert "--allow-private" in capsys.readouterr().err


def test_a_server_that_cannot_be_reached_is_exit_code_69(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", f"{choose_public_url()}/mcp", "--allow-private"]) == 69

    assert "cannot reach" in capsys.readouterr().err
