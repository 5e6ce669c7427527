"""What the gateway logged while a test ran, read from standard error."""

import json
from typing import Any

import pytest

from observability.logs import flush_lines


def all_logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Every line since the last look."""
    flush_lines()
    return [json.loads(line) for line in capsys.readouterr().err.splitlines() if line[:1] == "{"]


def logged(capsys: pytest.CaptureFixture[str], event: str) -> list[dict[str, Any]]:
    """Every line of one event since the last look."""
    return [line for line in all_logged(capsys) if line.get("event") == event]


def served(capsys: pytest.CaptureFixture[str], method: str) -> list[dict[str, Any]]:
    """The canonical lines of one JSON-RPC method since the last look."""
    return [line for line in logged(capsys, "request_served") if line.get("method") == method]
