"""The schema, the values and docs/configuration.md say the same."""

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from gateway.config.limits import Limits
from gateway.config.model import Admin, Config, Listen, Revocation, Telemetry, Tls
from gateway.config.overrides import SECRETS, STANDARD, variables
from gateway.config.schema import complete_schema
from gateway.config.units import byte_count, seconds
from tests.gateway.config.documents import SMALLEST, TENANT, parsed

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads(
    (ROOT / "gateway/config/portcullis.schema.json").read_text(encoding="utf-8")
)
SECTIONS: dict[str, type[Any]] = {
    "listen": Listen,
    "admin": Admin,
    "revocation": Revocation,
    "limits": Limits,
    "telemetry": Telemetry,
}


def section(name: str) -> dict[str, Any]:
    properties: dict[str, Any] = SCHEMA["properties"][name]["properties"]
    return properties


def key_of(field: Field[Any]) -> str:
    return field.name.removesuffix("_s")


def keys(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    inner = schema.get("properties") or schema.get("items", {}).get("properties")
    if inner is None or path == "tenants":
        yield path, schema
        return
    for name, below in inner.items():
        yield from keys(below, f"{path}{'[]' if 'items' in schema else ''}.{name}".lstrip("."))


def test_every_section_has_the_members_of_its_value() -> None:
    assert set(SCHEMA["properties"]) == {key_of(field) for field in fields(Config)}
    for name, kind in SECTIONS.items():
        assert set(section(name)) == {key_of(field) for field in fields(kind)}, name
    assert set(section("listen")["tls"]["properties"]) == {field.name for field in fields(Tls)}


@pytest.mark.parametrize("name", SECTIONS)
def test_the_defaults_are_those_of_the_values(name: str) -> None:
    for field in fields(SECTIONS[name]):
        if field.default in {MISSING, None}:
            continue
        written = section(name)[key_of(field)]["default"]
        expected = field.default.value if isinstance(field.default, StrEnum) else field.default
        if field.name.endswith("_s"):
            written = seconds(written)
        elif field.name.endswith("_bytes"):
            written = byte_count(written)

        assert written == expected, f"{name}.{field.name}"


def test_every_key_has_its_line_on_the_page() -> None:
    for path, schema in keys(SCHEMA, ""):
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
        line = f"| `{path}` | {default} | {schema['description']} |"

        assert line in PAGE


def test_every_key_of_a_tenant_has_its_line_on_the_page() -> None:
    tenant = json.loads((ROOT / "tenants/tenant.schema.json").read_text(encoding="utf-8"))
    parts = {"tenants.NAME": tenant} | tenant["$defs"]

    for name, part in parts.items():
        for key, schema in part.get("properties", {}).items():
            if "description" in schema:
                assert f"| `{key}` | {schema['description']} |" in PAGE, f"{name}.{key}"


def test_every_variable_is_on_the_page() -> None:
    for variable in [*STANDARD, *(f"PORTCULLIS_{name.upper()}_FILE" for name in SECRETS)]:
        assert f"`{variable}`" in PAGE
    assert "PORTCULLIS_LISTEN__PORT" in variables()
    assert "`PORTCULLIS_LISTEN__PORT`" in PAGE


def test_the_examples_of_the_page_are_good(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "tls.crt").touch()
    (tmp_path / "tls.key").touch(mode=0o600)
    (tmp_path / "redis-url").write_text("rediss://:not-a-placeholder@redis.example.com:6380")

    configs = [parsed(text, tmp_path, HOST_NAME="mcp.example.com") for text in examples]

    assert len(configs) >= 2
    assert all(config.public_url == "https://mcp.example.com" for config in configs)
    assert {"acme"} <= {*configs[0].tenants}


def test_the_complete_schema_is_one_and_accepts_a_whole_configuration() -> None:
    schema = complete_schema()
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.Draft202012Validator(schema)
    good = {
        "public_url": "https://mcp.example.com",
        "tenants": {
            "acme": {
                "issuers": [{"issuer": "https://login.example.com"}],
                "backends": {"orders": {"url": "https://orders.example.com/mcp"}},
            }
        },
    }
    misspelt: dict[str, Any] = {"tenants": {"acme": {"issuer": []}}}

    assert parsed(SMALLEST + TENANT).tenants
    assert validator.is_valid(good)
    assert not validator.is_valid(misspelt)
