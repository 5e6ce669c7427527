"""`portcullis token`."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import DEFAULT_STATE_DIR, StateDirOption
from gateway.cli.output import JsonOption, say, say_json
from gateway.dev.endpoints import endpoint_url
from gateway.dev.state_directory import StateDirectory
from gateway.dev.token_request import request_token

TenantOption = Annotated[str, typer.Option("--tenant", help="acme or globex.")]
EndpointOption = Annotated[
    str, typer.Option("--endpoint", help="One of its other endpoints, such as a backend's name.")
]
ScopeOption = Annotated[
    list[str] | None, typer.Option("--scope", help="A scope to ask for; may be given again.")
]


def token(
    tenant: TenantOption,
    endpoint: EndpointOption = "",
    scope: ScopeOption = None,
    state_dir: StateDirOption = DEFAULT_STATE_DIR,
    *,
    as_json: JsonOption = False,
) -> None:
    """Print a new token of the development issuer.

    It lives for one hour and opens one endpoint: the tenant's default one unless --endpoint names
    another. With --json, everything that the issuer answered.
    """
    state = StateDirectory(Path.cwd() / state_dir)
    note = state.read_note()
    answer = request_token(
        note.issuer,
        client=state.read_client(),
        resource=endpoint_url(note, tenant, endpoint),
        scopes=scope or [],
    )
    if as_json:
        say_json(answer)
        return
    say(str(answer["access_token"]))
