"""What the command line says and with which code it ends, without a gateway."""

import asyncio
import json
import time
from pathlib import Path

import pytest
import typer

from gateway.cli import main
from gateway.cli.app import COMMANDS
from gateway.cli.block import read_until
from tenants.registry import Registry

GOOD = """
public_url: https://mcp.example.com
tenants:
  acme:
    issuers: [{issuer: "https://login.example.com"}]
    backends: {orders: {url: "https://orders.example.com/mcp"}}
"""
ENDPOINT = "https://mcp.example.com/t/acme/mcp"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORTCULLIS_CONFIG", raising=False)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command.replace("_", "-"), "--help"]) == 0

    text = capsys.readouterr().out
    assert "Usage: portcullis" in text
    assert len(text.splitlines()) > 6


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    text = capsys.readouterr().out
    assert [name for name in COMMANDS if name.replace("_", "-") not in text] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["version", "--no-such-option"],
        ["dev", "--port", "70000"],
        ["token"],
        ["client-config", "--for", "netscape"],
        ["call", "acme", "find_order", "{not json"],
        ["call", "acme", "find_order", "[1]"],
        ["revoke"],
        ["revoke", "--subject", "ada"],
        ["revoke", "--global", "--tenant", "acme"],
        ["revoke", "--client", "one", "--token", "two"],
        ["block", "--client", "one", "--until", "soon"],
        ["block", "--client", "one", "--until", "2020-01-01T00:00Z"],
        ["block", "--client", "one", "--lift", "--until", "1h"],
    ],
)
def test_being_asked_wrongly_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    assert "Error" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "--tenant", "acme"],
        ["call", "acme", "find_order"],
        ["client-config", "--for", "vscode"],
    ],
)
def test_without_a_running_dev_they_say_how_to_get_one(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1

    assert "no running `portcullis dev`" in capsys.readouterr().err


def test_a_good_configuration_is_shown_as_its_endpoints(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "portcullis.yaml").write_text(GOOD)

    assert main(["check-config", "--json"]) == 0
    endpoints = json.loads(capsys.readouterr().out)["endpoints"]
    assert main(["check-config"]) == 0
    table = capsys.readouterr().out

    assert endpoints[0]["endpoint"] == ENDPOINT
    assert "no faults" in table
    assert "login.example.com" in table


@pytest.mark.parametrize("command", ["check-config", "serve", "revoke"])
def test_a_bad_configuration_is_exit_code_64_with_every_fault(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "bad.yaml").write_text("public_url: http://mcp.example.com\nlisten: {prot: 1}\n")
    more = ["--client", "one"] if command == "revoke" else []

    assert main([command, "-c", "bad.yaml", *more]) == 64

    report = capsys.readouterr().err
    assert "bad.yaml: 2 faults" in report
    assert "public_url: must be https" in report
    assert 'listen.prot: unknown key (did you mean "port"?)' in report


def test_the_schema_can_be_had(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--schema"]) == 0

    assert json.loads(capsys.readouterr().out)["title"] == "portcullis.yaml"


def test_the_version_names_the_revisions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main(["version"]) == 0

    assert "2026-07-28" in document["revisions"]
    assert document["portcullis"] in capsys.readouterr().out


@pytest.mark.parametrize("client", ["claude", "vscode", "cursor", "inspector", "mcp-remote"])
def test_a_snippet_for_any_endpoint_needs_no_gateway(
    client: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["client-config", "--for", client, "--url", ENDPOINT]) == 0

    text = capsys.readouterr().out
    assert ENDPOINT in text
    assert "Bearer" not in text


async def commands_in_log(home: Path) -> list[str]:
    registry = await Registry.open(f"sqlite+aiosqlite:///{home}/.portcullis/registry.db")
    try:
        return [change.kind.value for change in await registry.changes_after(0)]
    finally:
        await registry.close()


@pytest.mark.parametrize(
    ("arguments", "said", "kind"),
    [
        (["revoke", "--global"], "revoked everyone, everywhere", "revocation"),
        (
            ["revoke", "--issuer", "https://i.example", "--subject", "ada"],
            "revoked issuer https://i.example, subject ada",
            "revocation",
        ),
        (["block", "--client", "one", "--until", "8h"], "blocked client id one", "block"),
        (["block", "--client", "one", "--lift"], "unblocked client id one", "unblock"),
    ],
)
async def test_a_revocation_is_written_even_when_nothing_runs(
    arguments: list[str],
    said: str,
    kind: str,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await empty_registry(home)

    code = await in_a_thread(arguments)

    text = capsys.readouterr().out
    assert code == 0
    assert said in text
    assert "Redis could not be reached" in text
    assert "within 2 s" in text
    assert (await commands_in_log(home))[-1] == kind


async def in_a_thread(arguments: list[str]) -> int:
    return await asyncio.to_thread(main, arguments)


async def empty_registry(home: Path) -> None:
    (home / "portcullis.yaml").write_text(GOOD)
    (home / ".portcullis").mkdir(mode=0o700)
    await (await Registry.open(f"sqlite+aiosqlite:///{home}/.portcullis/registry.db")).close()


def test_revoking_without_a_registry_does_not_make_one(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "portcullis.yaml").write_text(GOOD)

    assert main(["revoke", "--global"]) == 1

    assert "there is no registry at" in capsys.readouterr().err
    assert not (home / ".portcullis").exists()


async def test_revoking_a_tenant_that_is_not_there_names_those_that_are(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await empty_registry(home)

    assert await in_a_thread(["revoke", "--tenant", "acne"]) == 1

    assert "there is no tenant acne; there are: none" in capsys.readouterr().err


def test_a_block_ends_at_a_time_or_after_a_while() -> None:
    now = time.time()

    assert read_until("90s", now=now) == now + 90
    assert read_until("2100-01-01T00:00", now=now) == 4102444800
    assert read_until("2100-01-01T01:00+01:00", now=now) == 4102444800
    with pytest.raises(typer.BadParameter, match="has passed"):
        read_until("2020-01-01", now=now)
