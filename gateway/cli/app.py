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
from tenants.seals import UnusableRoot

# In the order of `portcullis --help`: each module has a function of its name.
COMMANDS = (
    "dev",
    "serve",
    "check_config",
    "check",
    "token",
    "call",
    "client_config",
    "revoke",
    "block",
    "version",
)

_EXPECTED = (
    AuthError,
    CallFailed,
    CommandFailed,
    DevFailed,
    EmbeddedValkeyFailed,
    OSError,
    TenantError,
    UnusableRoot,
)


def _app(arguments: Sequence[str]) -> typer.Typer:
    """The commands: only the one that was asked for, as loading them all costs half a second."""
    app = typer.Typer(
        callback=_overview,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    asked = arguments[0].replace("-", "_") if arguments else ""
    for name in (asked,) if asked in COMMANDS else COMMANDS:
        module = import_module(f"gateway.cli.{name}")
        app.command(name.replace("_", "-"))(getattr(module, name))
    return app


def _overview() -> None:
    """An OAuth-secured, multi-tenant gateway for the Model Context Protocol.

    Start with `portcullis dev`: it needs no configuration and ends with a command to paste.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _app(words)(words, prog_name="portcullis")
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    except ExceptionGroup as group:
        return _failed(first_of(group))
    except (*_EXPECTED, InvalidConfig) as failure:
        return _failed(failure)
    return 0


def first_of(group: ExceptionGroup[Exception]) -> Exception:
    """The first failure of tasks that ran together; the others came of it, or would again."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, ExceptionGroup) else first


def _failed(failure: Exception) -> int:
    if isinstance(failure, InvalidConfig):
        sys.stderr.write(failure.report() + "\n")
        return EX_CONFIG
    if not isinstance(failure, _EXPECTED):
        raise failure
    sys.stderr.write(f"portcullis: {failure}\n")
    return 1
