"""`make interop`: real clients against a gateway, with tokens of oidc-provider; what each could do.

Each client of `tests/rigs/sdk_clients.py` visits the server of both eras; those that can also talk
with a server that asks, tells and is cancelled, of the previous SDK where they speak the legacy era
and of the current one where they speak the modern one. The table goes to stdout, with the revision
in which the gateway served each; `build/interop.json` has it too. The end is 1 when something that
a client can do did not work, which the table calls MISS. A `no` is what the client cannot do.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.interop.branch_office import BranchOffice, branch_office
from tests.interop.places import ORDERS
from tests.rigs.child import ROOT, Child
from tests.rigs.dev_backends import start_backend
from tests.rigs.oidc_provider import start_oidc_provider
from tests.rigs.sdk_clients import (
    CLIENTS,
    Report,
    SdkClient,
    VisitFailed,
    revisions_served,
    run_script,
)
from tests.rigs.talkers import (
    LEGACY_TALKERS,
    MODERN_TALKERS,
    Talker,
    start_current_talker,
    start_legacy_talker,
)

REPORT = ROOT / "build" / "interop.json"
VISITED = ("tools", "prompts", "resources", "progress")
TALKED = ("sampling", "elicitation", "roots", "subscribe", "list changed", "cancel")
DUTIES = (*VISITED, *TALKED)
MISS = "MISS"

Row = dict[str, bool]


def judged(report: Report, client: SdkClient) -> Row:
    """What a visit shows."""
    place = ORDERS
    row = {
        "tools": list(report.tools) == list(place.tools) and place.text in report.text,
        "prompts": report.prompt == place.prompt_text and report.revision == client.tells,
        "resources": place.resource_text in report.resource,
        "progress": list(report.progress) == list(range(1, place.steps + 1)),
    }
    return {duty: did for duty, did in row.items() if duty not in client.cannot}


def judged_talk(found: Mapping[str, Any], talker: Talker) -> Row:
    """What a conversation shows."""
    told = found.get("told", [])
    row = {
        "sampling": found.get("ask_model") == "answer to hello?",
        "elicitation": found.get("ask_person") == "accept Ada (who?)",
        "roots": found.get("ask_roots") == "file:///home/ada",
        "subscribe": "notifications/resources/updated" in told,
        "list changed": "notifications/tools/list_changed" in told,
        "cancel": found.get("cancelled") == "Request cancelled yes",
    }
    return {duty: did for duty, did in row.items() if duty not in talker.cannot}


async def visits(office: BranchOffice) -> dict[str, Row]:
    """Every client, one after the other."""
    rows = {}
    for client in CLIENTS:
        before = len(office.gateway.log_lines())
        try:
            report = await client.visit(ORDERS.job(office.url, office.token()))
        except VisitFailed as failure:
            sys.stderr.write(f"{client.name}: {failure}\n")
            rows[client.name] = dict.fromkeys({"revision", *VISITED} - client.cannot, False)
        else:
            served = revisions_served(office.gateway, before) == {client.revision}
            rows[client.name] = {"revision": served} | judged(report, client)
    return rows


async def talks(office: BranchOffice, talkers: Iterable[Talker]) -> dict[str, Row]:
    """Every conversation, one after the other."""
    rows = {}
    for talker in talkers:
        job = {"url": office.url, "token": office.token()}
        try:
            found = await run_script(await asyncio.to_thread(talker.command), job)
        except VisitFailed as failure:
            sys.stderr.write(f"{talker.name}: {failure}\n")
            found = {}
        rows[talker.name] = judged_talk(found, talker)
    return rows


def table(rows: Mapping[str, Row]) -> list[str]:
    """One line a client, one column a duty."""
    revisions = {client.name: client.revision for client in CLIENTS}
    width = max(map(len, rows))
    heads = [f"{'revision':10}", *DUTIES]
    lines = [" " * width + "  " + "  ".join(heads)]
    for name, row in rows.items():
        cells = [
            revisions[name] if row["revision"] else MISS,
            *(_cell(row, each) for each in DUTIES),
        ]
        shown = (cell.ljust(len(head)) for cell, head in zip(cells, heads, strict=True))
        lines.append(f"{name.ljust(width)}  {'  '.join(shown)}".rstrip())
    return lines


def _cell(row: Row, duty: str) -> str:
    if duty not in row:
        return "no"
    return "pass" if row[duty] else MISS


def main() -> int:
    """Start everything, have every client try, and tell. The exit code."""
    with tempfile.TemporaryDirectory(prefix="pc") as scratch:
        logs = Path(scratch)
        with start_backend("orders", logs) as orders, _office(orders, logs) as office:
            rows = asyncio.run(visits(office))
        for start, talkers in (
            (start_legacy_talker, LEGACY_TALKERS),
            (start_current_talker, MODERN_TALKERS),
        ):
            with start(logs) as backend, _office(backend, logs) as office:
                for name, row in asyncio.run(talks(office, talkers)).items():
                    rows[name] |= row
    sys.stdout.write("\n".join([*table(rows), ""]))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0 if all(all(row.values()) for row in rows.values()) else 1


def _office(backend: Child, logs: Path) -> AbstractContextManager[BranchOffice]:
    return branch_office(start_oidc_provider, str(backend.announcement()["url"]), logs)


if __name__ == "__main__":
    sys.exit(main())
