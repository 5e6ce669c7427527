"""Judging the JSON Schemas of a tool. Pure: nothing is fetched, whatever a schema refers to."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from gateway.check.answer import shown
from gateway.check.rule import Finding
from gateway.check.rules import catalogue as rules
from gateway.protocol.param_headers import find_param_headers

_REFERENCES = ("$ref", "$dynamicRef")
_REMOTE = ("http:", "https:", "file:", "ftp:", "//")


def judge_input_schema(where: str, schema: Any) -> Iterator[Finding]:
    """The schema of a tool's arguments."""
    problem = _problem(schema)
    if not problem and schema.get("type") != "object":
        problem = f"type is {shown(repr(schema.get('type')))}"
    if problem:
        yield rules.INPUT_SCHEMA.at(where, problem)
        return
    yield from _network(where, schema)
    fault = find_param_headers(schema).fault
    if fault is not None:
        yield rules.HEADER_ANNOTATION.at(where, shown(fault))


def judge_output_schema(where: str, schema: Any) -> Iterator[Finding]:
    """The schema of a tool's structured result."""
    problem = _problem(schema)
    if problem:
        yield rules.OUTPUT_SCHEMA.at(where, problem)
        return
    yield from _network(where, schema)


def _problem(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "missing" if schema is None else f"it is {shown(repr(schema))}"
    try:
        is_valid = jsonschema_rs.meta.is_valid(schema)
    except (ValueError, jsonschema_rs.ReferencingError):
        return "" if isinstance(schema.get("$schema"), str) else "not a JSON Schema"
    return "" if is_valid else "not valid against its meta-schema"


def _network(where: str, schema: Any) -> Iterator[Finding]:
    remaining = [schema]
    while remaining:
        each = remaining.pop()
        if isinstance(each, list):
            remaining.extend(each)
        elif isinstance(each, dict):
            for keyword in _REFERENCES:
                target = each.get(keyword)
                if isinstance(target, str) and target.lower().startswith(_REMOTE):
                    yield rules.NETWORK_REF.at(where, f"{keyword} {shown(target)}")
            remaining.extend(each.values())
