"""`portcullis serve`."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import uvloop

from gateway.cli.options import ConfigOption
from gateway.config.loading import load_config
from gateway.serve import serve as serve_config


def serve(config: ConfigOption = None) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    Refuses to start on a configuration that would open a door (exit code 64); see
    `portcullis check-config`. On SIGTERM it stops taking requests, lets those that run finish,
    and ends with exit code 0.
    """
    checked = load_config(config, environ=os.environ, cwd=Path.cwd())
    # A signal before everything stands cancels; afterwards it drains.
    with suppress(asyncio.CancelledError, KeyboardInterrupt):
        uvloop.run(serve_config(checked))
