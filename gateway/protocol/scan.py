"""The one strict scan of a body, before anything in it is believed (RFC 8259, RFC 7493).

Rules
- What two parsers could read differently is refused: duplicate member names at any depth, invalid
  UTF-8, a byte order mark, lone surrogates, NaN, infinities, numbers that no double can hold.
- Depth, number of values and length of strings are bounded before a parser is called, so that no
  input costs more than its size.
- The scan costs a few microseconds for a small body: bounds are first checked by estimates that
  can only be too high, and looked at exactly only where the estimate exceeds them.
"""

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.errors import InvalidRequest, ParseError

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLimits:
    """How much structure one body may have."""

    max_depth: int = 64
    max_nodes: int = 100_000
    max_string_bytes: int = _MIB


REQUEST_LIMITS = ScanLimits()
RESPONSE_LIMITS = ScanLimits(max_string_bytes=10 * _MIB)
"""For backends, whose answers hold images and files as one base64 string."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_ALL_BYTES = bytes(range(256))
_NOT_STRUCTURE = bytes(set(_ALL_BYTES) - set(b'"[]{},'))
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")


def strict_scan(body: bytes, limits: ScanLimits = REQUEST_LIMITS) -> Any:
    """The value of one JSON document.

    Raises:
        ParseError: not JSON, not UTF-8, or over a limit.
        InvalidRequest: an object has two members of one name.
    """
    _check_bounds(body, limits)
    try:
        value = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError("The body is not valid JSON in UTF-8") from error
    _check_unique_names(body, value)
    return value


def _check_bounds(body: bytes, limits: ScanLimits) -> None:
    brackets = body.count(b"{") + body.count(b"[")
    if brackets > limits.max_depth or len(body) > limits.max_nodes:
        _check_structure(body, limits)
    if len(body) > limits.max_string_bytes:
        _check_strings(body, limits.max_string_bytes)


def _check_structure(body: bytes, limits: ScanLimits) -> None:
    quoted = _without_escapes(body).translate(None, _NOT_STRUCTURE)
    # A value is at most one string and one name, each with two quotes.
    if quoted.count(b'"') > 4 * limits.max_nodes:
        raise ParseError(f"More than {limits.max_nodes} values")
    structure = b"".join(quoted.split(b'"')[::2]).translate(_TO_SQUARE)
    if structure.count(b",") + structure.count(b"[") >= limits.max_nodes:
        raise ParseError(f"More than {limits.max_nodes} values")
    if _is_deeper(structure.translate(None, b","), limits.max_depth):
        raise ParseError(f"Nested deeper than {limits.max_depth}")


def _without_escapes(body: bytes) -> bytes:
    """The body with escaped backslashes and quotes blanked: every quote left opens or closes."""
    if b"\\" not in body:
        return body
    return body.replace(b"\\\\", b"__").replace(b'\\"', b"__")


def _is_deeper(brackets: bytes, max_depth: int) -> bool:
    """Whether brackets nest deeper; each round removes the innermost pairs."""
    for _ in range(max_depth):
        remaining = brackets.replace(b"[]", b"")
        if len(remaining) == len(brackets):
            break
        brackets = remaining
    # What is left is too deep, or unbalanced, which is not JSON either.
    return bool(brackets)


def _check_strings(body: bytes, max_bytes: int) -> None:
    strings = _without_escapes(body).split(b'"')[1::2]
    if any(len(string) > max_bytes for string in strings):
        raise ParseError(f"A string is longer than {max_bytes} bytes")


def _check_unique_names(body: bytes, value: Any) -> None:
    """Compare the colons that came in with those of what was understood.

    A parser keeps one of two members of the same name, and the other's colon is gone. Colons in
    strings are written as they came, unless one came as an escape: then names are counted.
    """
    if b"\\u003a" in body or b"\\u003A" in body:
        json.loads(body, object_pairs_hook=_unique_pairs)
    elif body.count(b":") != _encode(value).count(b":"):
        raise InvalidRequest("An object has two members of the same name")


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidRequest("An object has two members of the same name")
    return members
