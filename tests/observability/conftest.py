"""A log that a test can read, and the process's own logging put back afterwards."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from observability.logs import configure_logging


class ReadableLog(io.StringIO):
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[ReadableLog]:
    """The process's log as JSON at level info."""
    stream = ReadableLog()
    with restored_logging():
        configure_logging(level="info", as_json=True, stream=stream)
        yield stream


class restored_logging:  # noqa: N801 - used like a function
    def __enter__(self) -> None:
        root = logging.getLogger()
        self._handlers, self._level = list(root.handlers), root.level
        root.handlers.clear()

    def __exit__(self, *_error: object) -> None:
        configure_logging(level="info", as_json=True, stream=sys.stderr)
        root = logging.getLogger()
        root.handlers[:] = self._handlers
        root.setLevel(self._level)
