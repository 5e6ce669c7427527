"""`portcullis client-config`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import DEFAULT_STATE_DIR, StateDirOption
from gateway.cli.output import JsonOption, say, say_json
from gateway.dev.endpoints import endpoint_url
from gateway.dev.state_directory import StateDirectory
from gateway.dev.token_request import request_token
from gateway.snippets import CLIENTS, Target, named_after, server_name


class Client(StrEnum):
    """The clients that snippets are known for."""

    CLAUDE = "claude"
    VSCODE = "vscode"
    CURSOR = "cursor"
    INSPECTOR = "inspector"
    MCP_REMOTE = "mcp-remote"


ForOption = Annotated[Client, typer.Option("--for", help="The client.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="acme or globex.")]
EndpointOption = Annotated[str, typer.Option("--endpoint", help="One of its other endpoints.")]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="Any endpoint's URL; the client then signs in by itself."),
]


def client_config(
    client: ForOption,
    tenant: TenantOption = "acme",
    endpoint: EndpointOption = "",
    url: UrlOption = None,
    state_dir: StateDirOption = DEFAULT_STATE_DIR,
    *,
    as_json: JsonOption = False,
) -> None:
    """Print what to paste into an AI client.

    Without --url the endpoint is one of the `portcullis dev` that runs here, and the snippet
    carries a development token, which works for one hour.
    """
    snippet = CLIENTS[client](
        _target(tenant, endpoint, url, StateDirectory(Path.cwd() / state_dir))
    )
    if as_json:
        say_json({"client": snippet.client, "place": snippet.place, "text": snippet.text})
        return
    say(snippet.text)


def _target(tenant: str, endpoint: str, url: str | None, state: StateDirectory) -> Target:
    if url is not None:
        return Target(name=named_after(url), url=url)
    name = server_name(tenant, endpoint)
    note = state.read_note()
    resource = endpoint_url(note, tenant, endpoint)
    answer = request_token(note.issuer, client=state.read_client(), resource=resource)
    return Target(name=name, url=resource, token=str(answer["access_token"]))
