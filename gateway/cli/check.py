"""`portcullis check`."""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Any

import typer
from rich.console import Console

from auth.egress import EgressGrant, EgressGuard
from auth.errors import EgressRefused
from gateway.check import Report, Target, ToolCall, Unreachable
from gateway.check import check as check_server
from gateway.check.checking import DEFAULT_TIMEOUT_S
from gateway.cli.check_report import say_report
from gateway.cli.output import JsonOption, say_json

EX_UNAVAILABLE = 69
"""Of sysexits.h: nobody could be asked."""
TENANT = "check"

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_VALUE = re.compile(r"[\x20-\x7e]*").fullmatch
_OURS = re.compile(r"mcp-|content-|host$|origin$|accept$|connection$|transfer-").match

UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="Where the server listens.")]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: VALUE'", help="Sent to URL alone; may be repeated."),
]
TokenEnvOption = Annotated[
    str | None,
    typer.Option("--token-env", metavar="VAR", help="The variable that holds a bearer token."),
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=1, max=600, help="Seconds for the whole check.")
]
PrivateOption = Annotated[
    bool,
    typer.Option("--allow-private", help="Allow http, any port, loopback and private addresses."),
]
CallOption = Annotated[
    str | None, typer.Option("--call", metavar="TOOL", help="Call this tool, once.")
]
ArgumentsOption = Annotated[
    str, typer.Option("--arguments", metavar="JSON", help="The arguments for --call.")
]


def check(
    url: UrlArgument,
    header: HeaderOption = None,
    token_env: TokenEnvOption = None,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    call: CallOption = None,
    arguments: ArgumentsOption = "{}",
    *,
    allow_private: PrivateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Judge any MCP server, fronted by this gateway or not.

    Asks a few dozen things in every revision that the server speaks, right ones and wrong ones,
    and reports what is against the specification or troubles clients. No tool is called unless
    --call names one.

    Exit code 0 without errors, 1 with errors, 2 when asked wrongly, 69 when the server cannot be
    reached.

    Example: portcullis check https://mcp.example.com/mcp --token-env TOKEN
    """
    target = Target(
        url=url,
        headers=_credentials(header or [], token_env, os.environ),
        call=_call(call, arguments),
        timeout_s=timeout,
    )
    report = _run(target, allow_private=allow_private)
    if as_json:
        say_json(report.document())
    else:
        say_report(report)
    raise typer.Exit(1 if report.has_errors else 0)


def _run(target: Target, *, allow_private: bool) -> Report:
    console = Console(stderr=True, markup=False, highlight=False)
    guard = EgressGuard(_everywhere() if allow_private else ())
    try:
        with console.status("connecting") as status:
            return asyncio.run(
                check_server(target, guard.for_tenant(TENANT), on_request=status.update)
            )
    except EgressRefused as refusal:
        hint = "" if allow_private else "; --allow-private allows http and private addresses"
        raise typer.BadParameter(f"{refusal}{hint}", param_hint="URL") from refusal
    except Unreachable as failure:
        typer.echo(f"portcullis: cannot reach {failure}", err=True)
        raise typer.Exit(EX_UNAVAILABLE) from failure


def _everywhere() -> list[EgressGrant]:
    return [
        EgressGrant(
            tenants=frozenset({TENANT}),
            cidr=ip_network(cidr),
            schemes=frozenset({"http", "https"}),
        )
        for cidr in ("0.0.0.0/0", "::/0")
    ]


def _credentials(
    headers: list[str], token_env: str | None, environ: Mapping[str, str]
) -> list[tuple[str, str]]:
    found = [_header(each) for each in headers]
    if token_env is not None:
        token = environ.get(token_env, "")
        if not token:
            raise typer.BadParameter(f"{token_env} is not set", param_hint="--token-env")
        found.append(_header(f"Authorization: Bearer {token}"))
    return found


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not _TOKEN(name) or not _VALUE(value):
        raise typer.BadParameter("must be 'Name: value'", param_hint="--header")
    if _OURS(name.lower()):
        raise typer.BadParameter(f"{name} is part of what is checked", param_hint="--header")
    return name, value.strip()


def _call(name: str | None, arguments: str) -> ToolCall | None:
    if name is None:
        return None
    return ToolCall(name=name, arguments=_object(arguments))


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--arguments") from error
    if not isinstance(value, dict):
        raise typer.BadParameter("must be a JSON object", param_hint="--arguments")
    return value
