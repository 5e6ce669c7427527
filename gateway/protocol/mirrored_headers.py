"""Headers that repeat a part of a modern body, so that intermediaries may route without reading it.

Rules (2026-07-28, Streamable HTTP, "Standard and custom headers")
- The body is the truth, a header is a claim about it: missing, doubled or other is a mismatch.
- What does not survive an HTTP field as it is travels as `=?base64?...?=`.
- A header and its argument are both there or both absent; null counts as absent.
- Integers are compared by value: 42 is 42.0.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from gateway.errors import HeaderMismatch
from gateway.protocol.messages import Request
from gateway.protocol.methods import MIRRORED_PARAM
from gateway.protocol.param_headers import ParamHeader
from gateway.protocol.raw_json import read_string, read_value
from gateway.protocol.revisions import MODERN, is_at_least

VERSION_HEADER = "MCP-Protocol-Version"
METHOD_HEADER = "Mcp-Method"
NAME_HEADER = "Mcp-Name"

_PLAIN = re.compile(r"[\x20-\x7e\t]*").fullmatch
_SENTINEL = re.compile(r"=\?base64\?(.*)\?=").fullmatch
_DECIMAL = re.compile(r"(-?[0-9]{1,4300})(?:\.(0+))?").fullmatch
_VERSION_HEADER_SINCE = "2025-06-18"


class HeaderValues(Protocol):
    """The part of a case-insensitive multi-valued mapping that is needed here."""

    def getall(self, key: str, default: list[str], /) -> list[str]:
        """All values of one field, `default` when there is none."""
        ...


def encode_value(value: str) -> str:
    """A header value from which `decode_value` gives back exactly this text."""
    if _PLAIN(value) and value == value.strip() and not _SENTINEL(value) and "\t" not in value:
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode('ascii')}?="


def decode_value(value: str) -> str | None:
    """The text that a header value stands for, None when it is malformed."""
    if not _PLAIN(value):
        return None
    sentinel = _SENTINEL(value)
    return value if sentinel is None else _decode_payload(sentinel[1])


def _decode_payload(payload: str) -> str | None:
    try:
        decoded = base64.b64decode(payload, validate=True)
        text = decoded.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    # Spare bits that are set would give one value two spellings.
    return text if base64.b64encode(decoded).decode("ascii") == payload else None


def single_header(headers: HeaderValues, name: str) -> str | None:
    """The one value of a field, None when it is absent.

    Raises:
        HeaderMismatch: it is there more than once; readers of the first and of the last differ.
    """
    values = headers.getall(name, [])
    if len(values) > 1:
        raise HeaderMismatch(f"{name} is given more than once")
    return values[0] if values else None


def check_routing_headers(headers: HeaderValues, request: Request, revision: str) -> None:
    """Compare version, method and name in the headers with those in the body.

    Raises:
        HeaderMismatch: one of them is missing, doubled, malformed or different.
    """
    if single_header(headers, VERSION_HEADER) != revision:
        raise HeaderMismatch(f"{VERSION_HEADER} does not match the version in `_meta`")
    if single_header(headers, METHOD_HEADER) != request.method:
        raise HeaderMismatch(f"{METHOD_HEADER} does not match the method in the body")
    _check_name(single_header(headers, NAME_HEADER), request)


def _check_name(header: str | None, request: Request) -> None:
    param = MIRRORED_PARAM.get(request.method)
    if param is None:
        return
    raw = (request.params or {}).get(param)
    if raw is None and header is None:
        return  # a missing parameter is refused as such, later
    if raw is None or header is None or decode_value(header) != read_string(raw):
        raise HeaderMismatch(f"{NAME_HEADER} does not match `{param}` in the body")


def check_param_headers(
    headers: HeaderValues, fields: Sequence[ParamHeader], arguments: bytes | None
) -> None:
    """Compare the `Mcp-Param-*` headers of a tool's annotated arguments with the raw arguments.

    Raises:
        HeaderMismatch: one of them is missing, doubled, malformed, different or without argument.
    """
    if not fields:
        return
    values = _object(arguments)
    for field in fields:
        _check_param(single_header(headers, field.header), field, _at(values, field.path))


def _check_param(header: str | None, field: ParamHeader, value: Any) -> None:
    rendered = _render(value, field.kind)
    if header is None and rendered is None:
        return
    text = None if header is None else decode_value(header)
    if text is None or rendered is None or not _is_same(text, rendered, field.kind):
        raise HeaderMismatch(f"{field.header} does not match the argument in the body")


def _is_same(header: str, rendered: str, kind: str) -> bool:
    if header == rendered:
        return True
    mine, theirs = _DECIMAL(rendered), _DECIMAL(header)
    return kind == "integer" and bool(mine and theirs) and _whole(header) == _whole(rendered)


def _whole(decimal: str) -> int:
    return int(decimal.partition(".")[0])


def upstream_headers(
    method: str,
    params: Mapping[str, bytes] | None,
    revision: str,
    fields: Sequence[ParamHeader] = (),
) -> list[tuple[str, str]]:
    """The protocol's headers of one request to a backend, made from what is sent to it.

    `fields` are those of the tool that is called, from the backend's own schema.
    """
    if revision not in MODERN:
        return [(VERSION_HEADER, revision)] if is_at_least(revision, _VERSION_HEADER_SINCE) else []
    headers = [(VERSION_HEADER, revision), (METHOD_HEADER, method)]
    members = params or {}
    name = read_string(members.get(MIRRORED_PARAM.get(method, "")))
    if name is not None:
        headers.append((NAME_HEADER, encode_value(name)))
    headers.extend(_param_headers(fields, members.get("arguments")))
    return headers


def _param_headers(
    fields: Sequence[ParamHeader], arguments: bytes | None
) -> Iterator[tuple[str, str]]:
    values = _object(arguments) if fields else {}
    for field in fields:
        rendered = _render(_at(values, field.path), field.kind)
        if rendered is not None:
            yield field.header, encode_value(rendered)


def _object(raw: bytes | None) -> Any:
    return {} if raw is None else read_value(raw)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _render(value: Any, kind: str) -> str | None:
    """A scalar as text; None for null, for what is absent and for what has no one spelling."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and kind == "integer" and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else None
