"""The commands, and what becomes of their failures."""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from auth.errors import AuthError
from gateway.cli.output import CommandFailed
from gateway.config.errors import EX_CONFIG, InvalidConfig
from gateway.dev.errors import DevFailed
from gateway.mcp_client import CallFailed
from tenants.embedded_valkey import EmbeddedValkeyFailed
from tenants.errors import TenantError

# In the order of `portcullis --help`: each module has a function of its name.
COMMANDS = (
    "dev",
    "serve",
    "check_config",
    "token",
    "call",
    "client_config",
    "revoke",
    "block",
    "version",
)

app = typer.Typer(
    name="portcullis",
    help="An OAuth-secured, multi-tenant gateway for the Model Context Protocol.\n\n"
    "Start with `portcullis dev`: it needs no configuration and ends with a command to paste.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_EXPECTED = (AuthError, CallFailed, CommandFailed, DevFailed, EmbeddedValkeyFailed, TenantError)


def _register() -> None:
    for name in COMMANDS:
        module = import_module(f"gateway.cli.{name}")
        app.command(name.replace("_", "-"))(getattr(module, name))


_register()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    try:
        code = app(list(arguments) if arguments is not None else None, standalone_mode=False)
    except InvalidConfig as invalid:
        return _said(invalid.report(), EX_CONFIG)
    except _EXPECTED as failure:
        return _said(f"portcullis: {failure}", 1)
    except typer.Exit as left:
        return left.exit_code
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else 0


def _said(message: str, code: int) -> int:
    sys.stderr.write(message + "\n")
    return code
