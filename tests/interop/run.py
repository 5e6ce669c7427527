"""`make interop`: real clients against a gateway, with tokens of oidc-provider; what each could do.

Each client of `tests/rigs/sdk_clients.py` visits the server of both eras; some of the legacy ones
also talk with a server of the previous SDK, which asks, tells and is cancelled. The table goes to
stdout, `build/interop.json` has it too; the end is 1 when something that was tried did not work. A
dash is what was not tried.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.interop.branch_office import BranchOffice, branch_office
from tests.interop.places import ORDERS
from tests.rigs.child import ROOT, Child, python_module
from tests.rigs.dev_backends import start_backend
from tests.rigs.legacy_client_env import legacy_interpreter
from tests.rigs.node import node_script
from tests.rigs.oidc_provider import start_oidc_provider
from tests.rigs.sdk_clients import CLIENTS, Report, SdkClient, VisitFailed, run_script

REPORT = ROOT / "build" / "interop.json"
RIGS = ROOT / "tests" / "rigs"
VISITED = ("tools", "prompts", "resources", "progress")
TALKED = ("sampling", "elicitation", "roots", "subscribe", "list changed", "cancel")

Row = dict[str, bool]


def judged(report: Report, client: SdkClient) -> Row:
    """What a visit shows."""
    place = ORDERS
    return {
        "tools": list(report.tools) == list(place.tools) and place.text in report.text,
        "prompts": report.prompt == place.prompt_text and report.revision == client.revision,
        "resources": place.resource_text in report.resource,
        "progress": list(report.progress) == list(range(1, place.steps + 1)),
    }


def judged_talk(found: dict[str, Any]) -> Row:
    """What a conversation shows."""
    told = found.get("told", [])
    return {
        "sampling": found.get("ask_model") == "answer to hello?",
        "elicitation": found.get("ask_person") == "accept Ada (who?)",
        "roots": found.get("ask_roots") == "file:///home/ada",
        "subscribe": "notifications/resources/updated" in told,
        "list changed": "notifications/tools/list_changed" in told,
        "cancel": found.get("cancelled") == "Request cancelled yes",
    }


async def visits(office: BranchOffice) -> dict[str, Row]:
    """Every client, one after the other."""
    rows = {}
    for client in CLIENTS:
        try:
            report = await client.visit(ORDERS.job(office.url, office.token()))
        except VisitFailed as failure:
            sys.stderr.write(f"{client.name}: {failure}\n")
            rows[client.name] = dict.fromkeys(VISITED, False)
        else:
            rows[client.name] = judged(report, client)
    return rows


async def talks(office: BranchOffice, interpreter: Path) -> dict[str, Row]:
    """The conversations of those that are scripted for it."""
    rows = {}
    for name, command in talkers(interpreter).items():
        job = {"url": office.url, "token": office.token()}
        try:
            rows[name] = judged_talk(await run_script(command, job))
        except VisitFailed as failure:
            sys.stderr.write(f"{name}: {failure}\n")
            rows[name] = judged_talk({})
    return rows


def talkers(interpreter: Path) -> dict[str, Sequence[str | Path]]:
    """The commands of the clients that can talk."""
    return {
        "python-2-legacy": python_module("tests.rigs.current_talking_client"),
        "python-1": [interpreter, RIGS / "legacy_talking_client.py"],
        "typescript-1": [*node_script("talk_sdk.mjs"), "sdk1"],
        "typescript-2-legacy": [*node_script("talk_sdk.mjs"), "client2"],
    }


def table(rows: dict[str, Row]) -> list[str]:
    """One line a client, one column a duty."""
    columns = (*VISITED, *TALKED)
    width = max(map(len, rows))
    lines = [" " * width + "  " + "  ".join(columns)]
    for name, row in rows.items():
        cells = ["-" if column not in row else "yes" if row[column] else "NO" for column in columns]
        shown = (cell.ljust(len(column)) for cell, column in zip(cells, columns, strict=True))
        lines.append(f"{name.ljust(width)}  {'  '.join(shown)}".rstrip())
    return lines


def main() -> int:
    """Start everything, have every client try, and tell. The exit code."""
    interpreter = legacy_interpreter()
    talker: list[str | Path] = [interpreter, RIGS / "legacy_talking_server.py", "--port", "0"]
    with tempfile.TemporaryDirectory(prefix="pc") as scratch, ExitStack() as stack:
        logs = Path(scratch)
        orders = stack.enter_context(start_backend("orders", logs))
        talking = stack.enter_context(Child("talker", talker, logs))
        rows: dict[str, Row] = {}
        url = str(orders.announcement()["url"])
        with branch_office(start_oidc_provider, url, logs) as office:
            rows |= asyncio.run(visits(office))
        url = str(talking.announcement()["url"])
        with branch_office(start_oidc_provider, url, logs) as office:
            for name, row in asyncio.run(talks(office, interpreter)).items():
                rows[name] |= row
    sys.stdout.write("\n".join([*table(rows), ""]))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0 if all(all(row.values()) for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
