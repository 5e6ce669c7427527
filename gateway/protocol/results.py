"""Results on their way to a client: members added or replaced, the rest as it came.

Rules
- A modern result says what it is (`resultType`) and who answered (`serverInfo`, the gateway).
- What is listed for a principal of a tenant is `private`, whatever the backend thinks of it, and
  kept for at most five minutes.
"""

from collections.abc import Mapping

import msgspec

from gateway.errors import InvalidRequest
from gateway.protocol.envelope import META, SERVER_INFO_KEY
from gateway.protocol.methods import CACHEABLE
from gateway.protocol.raw_json import read_object, read_value, write_object

MAX_TTL_MS = 300_000

COMPLETE = b'"complete"'
_PRIVATE = b'"private"'


class _ToolResult(msgspec.Struct):
    isError: bool = False  # noqa: N815 - the protocol's name


class _ModernResult(msgspec.Struct):
    resultType: str = "complete"  # noqa: N815 - the protocol's name


_read_tool_result = msgspec.json.Decoder(_ToolResult).decode
_read_modern_result = msgspec.json.Decoder(_ModernResult).decode


def stamp(result: bytes, *, method: str, server_info: bytes, may_be_cached: bool = True) -> bytes:
    """A backend's complete result as a modern client gets it.

    `server_info` is a raw `Implementation`. What answers a retry of a multi round-trip request may
    not be cached.

    Raises:
        InvalidRequest: the result is not an object, or its `_meta` is none.
    """
    members = _members(result, "result")
    members["resultType"] = COMPLETE
    if method in CACHEABLE:
        members["ttlMs"] = b"%d" % (_ttl_ms(members.get("ttlMs")) if may_be_cached else 0)
        members["cacheScope"] = _PRIVATE
    return write_object(with_server_info(members, server_info))


def with_server_info(members: Mapping[str, bytes], server_info: bytes) -> dict[str, bytes]:
    """A result's members, with who answered in its `_meta`.

    Raises:
        InvalidRequest: `_meta` is not an object.
    """
    meta = _members(members.get(META, b"{}"), META)
    return {**members, META: write_object(meta | {SERVER_INFO_KEY: server_info})}


def merge_members(raw: bytes, changes: Mapping[str, bytes]) -> bytes:
    """A raw object with some members replaced in their place, or added at its end.

    Raises:
        InvalidRequest: it is not an object.
    """
    return write_object(_members(raw, "value") | dict(changes))


def read_result_type(result: bytes) -> str:
    """What kind of result a modern backend's is; `complete` where it does not say.

    Raises:
        InvalidRequest: `resultType` is not a string.
    """
    try:
        return _read_modern_result(result).resultType
    except msgspec.ValidationError as error:
        raise InvalidRequest("`resultType` is not a string") from error


def read_tool_result_is_error(result: bytes) -> bool:
    """Whether the result of a tool says that the tool failed."""
    try:
        return _read_tool_result(result).isError
    except msgspec.ValidationError:
        return False


def _ttl_ms(raw: bytes | None) -> int:
    value = None if raw is None else read_value(raw)
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), MAX_TTL_MS)


def _members(raw: bytes, what: str) -> dict[str, bytes]:
    members = read_object(raw)
    if members is None:
        raise InvalidRequest(f"`{what}` is not an object")
    return members
