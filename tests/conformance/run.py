"""`make conformance`: the table, `build/conformance.json`, and whether the gateway took anything.

SET is one revision, or all; BACKEND is the eras that the server behind the gateway speaks: both,
legacy or modern. It ends with 1 when the gateway is below the server that is asked directly, or
when one of the suite's own servers finds fault with the gateway as its client.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from tests.conformance.client_suite import client_json, client_table, judge_clients
from tests.conformance.fixture_server import ERAS
from tests.conformance.rig import running_rig
from tests.conformance.score import as_json, as_table, judge
from tests.conformance.suite import REVISIONS
from tests.rigs.child import ROOT

REPORT = ROOT / "build" / "conformance.json"


def main(wanted: str, eras: str) -> int:
    """Run the sets that are wanted. The exit code."""
    if wanted not in {*REVISIONS, "all"} or eras not in ERAS:
        sys.stderr.write(f"SET: {', '.join(REVISIONS)}, all; BACKEND: {', '.join(ERAS)}\n")
        return 2
    revisions = REVISIONS if wanted == "all" else (wanted,)
    with tempfile.TemporaryDirectory(prefix="pc") as scratch:
        directory = Path(scratch)
        with running_rig(directory, eras) as rig:
            scores = [judge(rig, revision, directory) for revision in revisions]
        clients = [judge_clients(each, directory / "clients" / each) for each in revisions]
    for table in (*map(as_table, scores), *map(client_table, clients)):
        sys.stdout.write("\n".join([*table, "", ""]))
    REPORT.parent.mkdir(exist_ok=True)
    report = as_json(scores) | {"clients": {each.revision: client_json(each) for each in clients}}
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    is_below = any(score.below() for score in scores)
    is_faulty = not all(all(each.held().values()) for each in clients)
    return 1 if is_below or is_faulty else 0


if __name__ == "__main__":
    sys.exit(main(os.environ.get("SET") or "all", os.environ.get("BACKEND") or "both"))
