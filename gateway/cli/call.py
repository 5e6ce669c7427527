"""`portcullis call`."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.options import DEFAULT_STATE_DIR, StateDirOption
from gateway.cli.output import CommandFailed, JsonOption, say, say_json
from gateway.dev.endpoints import endpoint_url
from gateway.dev.state_directory import StateDirectory
from gateway.dev.token_request import request_token
from gateway.mcp_client import McpClient

TenantArgument = Annotated[
    str, typer.Argument(metavar="TENANT[/ENDPOINT]", help="acme, globex, acme/stock, ...")
]
ToolArgument = Annotated[str, typer.Argument(metavar="TOOL", help="As tools/list shows it.")]
ArgumentsArgument = Annotated[
    str, typer.Argument(metavar="[ARGUMENTS]", help="The tool's arguments, a JSON object.")
]
UrlOption = Annotated[
    str | None, typer.Option("--url", help="Any endpoint's URL, instead of the running dev's.")
]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="PORTCULLIS_TOKEN", help="The token for --url."),
]


def call(
    tenant: TenantArgument,
    tool: ToolArgument,
    arguments: ArgumentsArgument = "{}",
    url: UrlOption = None,
    token: TokenOption = None,
    state_dir: StateDirOption = DEFAULT_STATE_DIR,
    *,
    as_json: JsonOption = False,
) -> None:
    """Call a tool through a gateway, print its result.

    Without --url the gateway is the `portcullis dev` that runs here. Exit code 1 when the tool
    itself says that it failed.

    Example: portcullis call acme find_order '{"number": "A-1001"}'
    """
    wanted = _object(arguments)
    with closing(_client(tenant, url, token, StateDirectory(Path.cwd() / state_dir))) as client:
        result = client.call_tool(tool, wanted)
    if as_json:
        say_json(result)
    else:
        say(_readable(result))
    if result.get("isError"):
        raise typer.Exit(1)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="ARGUMENTS") from error
    if not isinstance(value, dict):
        raise typer.BadParameter("must be a JSON object", param_hint="ARGUMENTS")
    return value


def _client(tenant: str, url: str | None, token: str | None, state: StateDirectory) -> McpClient:
    if url is not None:
        if token is None:
            raise CommandFailed("--url needs --token (or PORTCULLIS_TOKEN)")
        return McpClient(url, token)
    name, _, endpoint = tenant.partition("/")
    note = state.read_note()
    resource = endpoint_url(note, name, endpoint)
    if token is None:
        answer = request_token(note.issuer, client=state.read_client(), resource=resource)
        token = str(answer["access_token"])
    return McpClient(resource, token)


def _readable(result: dict[str, Any]) -> str:
    texts = [part["text"] for part in result.get("content", []) if part.get("type") == "text"]
    others = [part.get("type", "?") for part in result.get("content", []) if "text" not in part]
    lines = [*texts, *(f"[{kind} content; use --json]" for kind in others)]
    return "\n".join(lines) or json.dumps(result, indent=2)
