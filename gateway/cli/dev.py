"""`portcullis dev`."""

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.cli.options import DEFAULT_STATE_DIR, StateDirOption
from gateway.dev.progress import Progress
from gateway.dev.running import DevOptions, run_dev

PortOption = Annotated[int, typer.Option("--port", min=0, max=65535, help="Where clients come in.")]
AdminPortOption = Annotated[
    int, typer.Option("--admin-port", min=0, max=65535, help="Health and metrics.")
]
IssuerPortOption = Annotated[
    int, typer.Option("--issuer-port", min=0, max=65535, help="The development issuer.")
]


def dev(
    state_dir: StateDirOption = DEFAULT_STATE_DIR,
    port: PortOption = 8080,
    admin_port: AdminPortOption = 9090,
    issuer_port: IssuerPortOption = 8081,
) -> None:
    """Run a whole gateway with nothing to configure.

    Starts an embedded Valkey, a development issuer, three real MCP servers and the gateway with
    two tenants, acme and globex, all on loopback. Ends its start with URLs, a token, a curl to
    paste and snippets for clients. A busy port is replaced by a free one. Ctrl-C ends everything.

    For development only: the issuer gives a token to whoever asks on this machine.
    """
    root = Path.cwd() / state_dir
    options = DevOptions(root=root, port=port, admin_port=admin_port, issuer_port=issuer_port)
    # A signal before everything stands cancels; afterwards it drains.
    with suppress(asyncio.CancelledError, KeyboardInterrupt):
        uvloop.run(run_dev(options, Progress(sys.stdout, time.monotonic)))
