"""Options that several commands share, with one wording of their help."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.dev.state_directory import DEFAULT

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration; else $PORTCULLIS_CONFIG, ./portcullis.yaml, "
        "/etc/portcullis/portcullis.yaml.",
    ),
]
StateDirOption = Annotated[
    Path,
    typer.Option("--state-dir", metavar="DIR", help="State directory of `portcullis dev`."),
]
DEFAULT_STATE_DIR = DEFAULT
