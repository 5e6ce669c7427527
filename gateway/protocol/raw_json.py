"""JSON that is handed on: objects taken apart and put together without touching their members.

Rule: what is read here has passed the strict scan, or was written by this house. Members are the
very bytes that came; only what the gateway changes is written anew.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

read_value = msgspec.json.Decoder().decode
write_value = msgspec.json.Encoder().encode

_read_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_object(raw: bytes) -> dict[str, bytes] | None:
    """The members of an object in their order, None when it is another kind of value."""
    try:
        return {name: bytes(value) for name, value in _read_members(raw).items()}
    except msgspec.ValidationError:
        return None


def read_array(raw: bytes) -> list[bytes] | None:
    """The items of an array, None when it is another kind of value."""
    try:
        return [bytes(item) for item in _read_items(raw)]
    except msgspec.ValidationError:
        return None


def read_string(raw: bytes | None) -> str | None:
    """The text of a string, None when it is absent or another kind of value."""
    if raw is None:
        return None
    value: Any = read_value(raw)
    return value if isinstance(value, str) else None


def write_object(members: Mapping[str, bytes]) -> bytes:
    """One object of raw members."""
    return b"{%b}" % b",".join([b"%b:%b" % (write_value(k), v) for k, v in members.items()])


def write_array(items: list[bytes]) -> bytes:
    """One array of raw items."""
    return b"[%b]" % b",".join(items)
