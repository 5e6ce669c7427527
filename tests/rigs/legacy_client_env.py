"""The environment of the SDK's previous major version, for its server and its client alike.

The one that `portcullis dev` builds for its legacy backend, built once a checkout for the tests.
"""

import asyncio
from pathlib import Path

from gateway.dev.legacy_environment import legacy_python
from tests.rigs.child import ROOT
from tests.rigs.node import exclusively

BUILD = ROOT / "build"


def legacy_interpreter() -> Path:
    """Its Python, built first when it is not there yet. Safe in several processes."""
    BUILD.mkdir(exist_ok=True)
    with exclusively(BUILD / "legacy-env.lock"):
        return asyncio.run(legacy_python(BUILD / "legacy-env"))
