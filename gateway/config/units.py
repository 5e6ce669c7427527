"""Durations and sizes as people write them: `2s`, `500ms`, `4MiB`, or plain numbers."""

import re

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)\Z")
_SIZE = re.compile(r"([0-9]+)(B|KiB|MiB|GiB)\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def seconds(value: float | str) -> float:
    """`1.5`, `"500ms"`, `"2s"`, `"5m"`, `"1h"` as seconds."""
    if not isinstance(value, str):
        return float(value)
    match = _DURATION.match(value)
    if match is None:
        raise ValueError(f"{value!r} is not a duration")
    return float(match[1]) * _SECONDS[match[2]]


def byte_count(value: int | str) -> int:
    """`4096`, `"256KiB"`, `"4MiB"` as bytes."""
    if not isinstance(value, str):
        return value
    match = _SIZE.match(value)
    if match is None:
        raise ValueError(f"{value!r} is not a size")
    return int(match[1]) * _BYTES[match[2]]
