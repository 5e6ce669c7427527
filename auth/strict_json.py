"""JSON from outside, read so that no two readers can disagree about what it says (RFC 8259, 7493).

Rules: UTF-8 without byte order mark; no member name twice in one object, at any depth; only
finite numbers; no lone surrogates; bounded depth and bounded integers. What passes here means
the same to every JSON parser. Pure: bytes in, values or `InvalidJson` out.
"""

import json
import math
import re
from typing import Any, Never

# CPython's own default for int(str); a process that raised it must not make us quadratic.
MAX_INTEGER_DIGITS = 4300

# A string (closed or not, so that the scan is linear) or one structural bracket.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class InvalidJson(ValueError):
    """Not JSON, or JSON that parsers may read differently. The message holds no input."""


def strict_json(data: bytes, *, max_depth: int) -> Any:
    """Parse one JSON text. An object or array alone has depth 1, a scalar 0.

    Raises:
        InvalidJson: whatever is wrong with `data`; no other exception leaves.
    """
    _check_depth(data, max_depth)
    try:
        text = data.decode("utf-8")
        value = _DECODER.decode(text)
    except InvalidJson:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidJson("not JSON in UTF-8") from error
    if _SURROGATE_ESCAPE.search(text):
        _check_surrogates(value)
    return value


def _check_depth(data: bytes, max_depth: int) -> None:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(data):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth > max_depth:
                raise InvalidJson("nested too deep")
        elif token in b"]}":
            depth -= 1


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidJson("lone surrogate") from None


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidJson("duplicate member name")
    return members


def _bounded_integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:
        raise InvalidJson("integer too long")
    return int(digits)


def _finite_number(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise InvalidJson("number out of range")
    return number


def _no_constant(_literal: str) -> Never:
    raise InvalidJson("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=_bounded_integer,
    parse_float=_finite_number,
    parse_constant=_no_constant,
)
