"""A real client and a real server of the legacy era talk in both directions through the gateway."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.branch_office import BranchOffice, branch_office
from tests.rigs.child import Child
from tests.rigs.legacy_client_env import legacy_interpreter
from tests.rigs.oidc_provider import start_oidc_provider
from tests.rigs.sdk_clients import run_script

RIGS = Path(__file__).parents[1] / "rigs"


@pytest.fixture
def talking_office(tmp_path: Path) -> Iterator[BranchOffice]:
    server = RIGS / "legacy_talking_server.py"
    command: list[str | Path] = [legacy_interpreter(), server, "--port", "0"]
    with Child("talker", command, tmp_path) as talker:
        url = str(talker.announcement()["url"])
        with branch_office(start_oidc_provider, url, tmp_path) as office:
            yield office


async def test_the_previous_python_sdk_is_asked_told_and_cancels(
    talking_office: BranchOffice,
) -> None:
    job = {"url": talking_office.url, "token": talking_office.token()}

    interpreter = await asyncio.to_thread(legacy_interpreter)
    found = await run_script([interpreter, RIGS / "legacy_talking_client.py"], job)

    assert found == {
        "ask_model": "answer to hello?",
        "ask_person": "accept Ada (who?)",
        "ask_roots": "file:///home/ada",
        "cancelled": "Request cancelled yes",
        "told": ["notifications/resources/updated", "notifications/tools/list_changed"],
    }
