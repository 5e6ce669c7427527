"""`portcullis check-config`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import ConfigOption
from gateway.cli.output import JsonOption, say, say_json, say_table
from gateway.config.loading import find_file, load_config
from gateway.config.model import Config
from gateway.config.schema import complete_schema
from tenants.model import Endpoint, Tenant

SchemaOption = Annotated[
    bool, typer.Option("--schema", help="Print the JSON Schema of portcullis.yaml and stop.")
]


def check_config(
    config: ConfigOption = None, *, schema: SchemaOption = False, as_json: JsonOption = False
) -> None:
    """Check the configuration and show its endpoints.

    Nothing is started. Every fault is reported at once, with the path of its key; the exit code
    is then 64. The environment counts as it does for `serve`. Secrets are never printed.
    """
    if schema:
        say_json(complete_schema())
        return
    path = find_file(config, environ=os.environ, cwd=Path.cwd())
    checked = load_config(config, environ=os.environ, cwd=Path.cwd())
    if as_json:
        say_json({"file": str(path), "public_url": checked.public_url, "endpoints": _list(checked)})
        return
    say(f"{path}: no faults\n")
    columns = ("tenant", "endpoint", "backends", "issuers")
    say_table(columns, [tuple(row.values()) for row in _list(checked)])


def _list(config: Config) -> list[dict[str, str]]:
    return [
        _row(config, tenant, endpoint)
        for tenant in config.tenants.values()
        for endpoint in tenant.endpoints.values()
    ]


def _row(config: Config, tenant: Tenant, endpoint: Endpoint) -> dict[str, str]:
    return {
        "tenant": tenant.slug,
        "endpoint": config.public_url + endpoint.path(tenant.slug),
        "backends": ", ".join(endpoint.backends),
        "issuers": ", ".join(issuer.issuer for issuer in tenant.issuers),
    }
