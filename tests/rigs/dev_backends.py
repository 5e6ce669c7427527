"""The three real servers of `portcullis dev`, each in a process of its own.

`orders` and `library` are on the SDK's current major, which serves both eras; `stock` is on the
previous one, which knows the legacy era only.
"""

import sys
from pathlib import Path

from gateway.dev.children import BACKENDS
from tests.rigs.child import Child
from tests.rigs.legacy_client_env import legacy_interpreter

SCRIPTS = {"orders": "orders.py", "stock": "legacy_stock.py", "library": "library.py"}


def start_backend(name: str, log_dir: Path) -> Child:
    """Start one. Its announcement is `{"url": ...}`."""
    python = legacy_interpreter() if name == "stock" else Path(sys.executable)
    return Child(name, [python, BACKENDS / SCRIPTS[name], "--port", "0"], log_dir)
