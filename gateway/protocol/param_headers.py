"""Which arguments of a tool are mirrored in `Mcp-Param-*` headers, by its `inputSchema`.

Rules (2026-07-28, "Custom headers from tool parameters")
- `x-mcp-header` names an RFC 9110 token, unique in the schema whatever its case.
- It stands on a string, integer or boolean that is reached from the root by `properties` alone.
- A tool that breaks a rule is dropped from the list: its headers would mean different things to
  different readers.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ANNOTATION = "x-mcp-header"
PREFIX = "Mcp-Param-"

_KINDS = ("string", "integer", "boolean")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}").fullmatch

# Keywords of JSON Schema 2020-12 that hold schemas. Data (`default`, `enum`, `examples`) may look
# like an annotation and is none; `$ref` is not followed.
_ONE_SCHEMA = frozenset(
    {
        "items",
        "contains",
        "unevaluatedItems",
        "additionalProperties",
        "propertyNames",
        "unevaluatedProperties",
        "not",
        "if",
        "then",
        "else",
        "contentSchema",
    }
)
_SCHEMA_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMA_MAP = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})

_Path = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ParamHeader:
    """One mirrored argument: the header's name, the way to the argument, its JSON type."""

    header: str
    path: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class ParamHeaders:
    """What a schema says; with a `fault` there are no fields and the tool is not to be shown."""

    fields: tuple[ParamHeader, ...] = ()
    fault: str | None = None


def find_param_headers(schema: Any) -> ParamHeaders:
    """The mirrored arguments of a tool with this `inputSchema` (a decoded JSON value)."""
    fields: dict[str, ParamHeader] = {}
    for path, position in _schemas(schema):
        if ANNOTATION not in position:
            continue
        fault = _fault(path, position)
        if fault is None and position[ANNOTATION].lower() in fields:
            fault = f"{ANNOTATION} names one header twice"
        if fault is not None or not path:
            return ParamHeaders(fault=fault)
        name = position[ANNOTATION]
        fields[name.lower()] = ParamHeader(PREFIX + name, path, position["type"])
    return ParamHeaders(tuple(sorted(fields.values(), key=lambda field: field.path)))


def _fault(path: _Path, position: Mapping[str, Any]) -> str | None:
    name = position[ANNOTATION]
    if not path:
        return f"{ANNOTATION} stands where `properties` alone do not lead"
    if not isinstance(name, str) or not _TOKEN(name):
        return f"{ANNOTATION} of {'.'.join(path)} is not a header name"
    if position.get("type") not in _KINDS:
        return f"{ANNOTATION} of {'.'.join(path)} is on neither string, integer nor boolean"
    return None


def _schemas(root: Any) -> Iterator[tuple[_Path, Mapping[str, Any]]]:
    """Every schema in a schema, with its path of properties, None where there is no such path."""
    remaining: list[tuple[_Path, Any]] = [((), root)]
    while remaining:
        path, schema = remaining.pop()
        if isinstance(schema, dict):
            yield path, schema
            for keyword, value in schema.items():
                remaining.extend(_below(path, keyword, value))


def _below(path: _Path, keyword: str, value: Any) -> Iterator[tuple[_Path, Any]]:
    if keyword == "properties" and isinstance(value, dict):
        for name, schema in value.items():
            yield None if path is None else (*path, name), schema
    elif keyword in _ONE_SCHEMA:
        yield None, value
    elif keyword in _SCHEMA_LIST and isinstance(value, list):
        yield from ((None, schema) for schema in value)
    elif keyword in _SCHEMA_MAP and isinstance(value, dict):
        yield from ((None, schema) for schema in value.values())
