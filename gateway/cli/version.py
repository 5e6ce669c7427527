"""`portcullis version`."""

import platform
from importlib.metadata import version as version_of

from gateway.cli.output import JsonOption, say, say_json
from gateway.protocol.revisions import SERVED
from gateway.version import VERSION

_PARTS = ("aiohttp", "pyjwt", "authlib", "redis", "sqlalchemy")


def version(*, as_json: JsonOption = False) -> None:
    """Print the release and the revisions it serves."""
    parts = {name: version_of(name) for name in _PARTS}
    if as_json:
        document = {"portcullis": VERSION, "python": platform.python_version()}
        say_json({**document, "revisions": list(SERVED), "parts": parts})
        return
    say(f"portcullis {VERSION}, Python {platform.python_version()}")
    say(f"MCP revisions: {', '.join(SERVED)}")
    say(", ".join(f"{name} {number}" for name, number in parts.items()))
