"""The development issuer in a process of its own, as `portcullis dev` serves it.

Run as a module it is that process.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auth.dev_issuer.clients import CREDENTIALS, DevClient
from auth.dev_issuer.issuer import DevIssuer
from auth.dev_issuer.minting import MAX_PUBLISHED_KEYS
from gateway.dev.issuer_server import loopback_socket, serving_issuer
from tests.rigs.child import Child, python_module
from tests.rigs.issuers import SCOPES, SECRETS, RunningIssuer


def start_dev_issuer(resources: Sequence[str], log_dir: Path, *, port: int = 0) -> RunningIssuer:
    """Start it; it mints tokens for `resources`. Whoever starts it ends `.child`."""
    options = json.dumps({"resources": list(resources), "port": port})
    command = python_module("tests.rigs.dev_issuer", options)
    return RunningIssuer("development", Child("dev-issuer", command, log_dir))


async def _run(options: dict[str, Any]) -> None:
    listener = loopback_socket("127.0.0.1", options["port"])
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clients = [_client(name) for name in SECRETS]
    issuer = DevIssuer(url, resources=options["resources"], scopes=SCOPES, clients=clients)
    async with serving_issuer(issuer, listener):
        _say({"issuer": url})
        while command := await asyncio.to_thread(sys.stdin.readline):
            # It publishes so many keys and no more: the oldest goes.
            for _ in range(1 if json.loads(command)["keep"] else MAX_PUBLISHED_KEYS):
                issuer.rotate()
            _say({})


def _client(name: str) -> DevClient:
    return DevClient(
        client_id=name,
        client_secret=SECRETS[name],
        grant_types=frozenset({CREDENTIALS}),
        scopes=frozenset(SCOPES),
    )


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run(json.loads(sys.argv[1])))
