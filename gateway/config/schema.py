"""The shape of `portcullis.yaml`: the shipped JSON Schema, and its verdicts in plain words.

Rule: a message never repeats a value, since a value can be a secret in the wrong place. It says
what is expected instead (`errorMessage` in the schema), and which key was probably meant.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from gateway.config.paths import Step, join, written
from tenants.document_part import suggestion
from tenants.errors import Fault

Schema = Mapping[str, Any]

_TYPE_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
}


@cache
def complete_schema() -> dict[str, Any]:
    """The schema with the tenants' part put in, as `check-config --schema` prints it."""
    schema = _load("gateway.config", "portcullis.schema.json")
    tenant = _load("tenants", "tenant.schema.json")
    definitions = tenant.pop("$defs", {})
    tenant.pop("$schema", None)
    schema["properties"]["tenants"]["additionalProperties"] = {"$ref": "#/$defs/tenant"}
    schema["$defs"] |= {"tenant": tenant, **definitions}
    return schema


def _load(package: str, name: str) -> dict[str, Any]:
    text = (files(package) / name).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@cache
def _own_schema() -> dict[str, Any]:
    """Without the inside of a tenant: `tenants.definitions` judges that, with its own words."""
    schema = _load("gateway.config", "portcullis.schema.json")
    schema["properties"]["tenants"]["additionalProperties"] = True
    return schema


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_own_schema())


def shape_faults(document: Any) -> list[Fault]:
    """Everything about `document` that the schema does not allow."""
    return [fault for error in _validator().iter_errors(document) for fault in _faults(error)]


def schema_at(steps: Sequence[Step]) -> Schema | None:
    """The part of the schema that describes the value at `steps`, None when nothing does."""
    current: Schema | None = _own_schema()
    for step in steps:
        current = _child(_resolved(current), step) if current is not None else None
    return _resolved(current) if current is not None else None


def _child(schema: Schema, step: Step) -> Schema | None:
    if isinstance(step, int):
        items: Schema | None = schema.get("items")
        return items
    found: Schema | None = schema.get("properties", {}).get(step)
    return found


def _resolved(schema: Schema) -> Schema:
    reference = schema.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return schema
    target: Schema = _own_schema()["$defs"][reference.removeprefix("#/$defs/")]
    return {**target, **schema}


def _faults(error: jsonschema_rs.ValidationError) -> Iterator[Fault]:
    steps = list(error.instance_path)
    path = written(steps)
    schema = schema_at(steps) or {}
    detail = error.kind.as_dict()
    match error.kind.name:
        case "additionalProperties":
            for key in detail["unexpected"]:
                yield unknown_key(join("", key) if not steps else join(path, key), schema)
        case "required":
            yield Fault(join(path if steps else "", detail["property"]), "is required")
        case "propertyNames":
            yield Fault(path, f"a name in it {schema['propertyNames']['errorMessage']}")
        case "enum":
            yield Fault(path, "must be one of " + ", ".join(map(str, schema["enum"])))
        case "minItems":
            yield Fault(path, "must not be empty")
        case _:
            yield Fault(path, _expectation(schema))


def _expectation(schema: Schema) -> str:
    if "errorMessage" in schema:
        return str(schema["errorMessage"])
    if "minimum" in schema and "maximum" in schema:
        return f"must be a number from {schema['minimum']} to {schema['maximum']}"
    kind = str(schema.get("type", ""))
    return f"must be {_TYPE_NAMES.get(kind, kind or 'something else')}"


def unknown_key(path: str, schema: Schema) -> Fault:
    """The fault of a key that does not exist, with the one that was probably meant."""
    key = path.rpartition(".")[2]
    return Fault(path, f"unknown key{suggestion(key, schema.get('properties', {}))}")
