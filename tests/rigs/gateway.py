"""A real gateway in a process of its own: `gateway.serve.serve` with everything that stands in it.

    with running_gateway(make_document) as gateway:
        ...  # gateway.endpoint("acme"), gateway.admin_url, gateway.log_lines()

Its registry, its embedded Valkey, its seals and its log are in a directory of its own, which goes
with it. Run as a module it is that process.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop
import yaml

from gateway.config.loading import load_config
from gateway.serve import Bound, serve
from tests.rigs.child import Child, python_module

LOOPBACK = "127.0.0.1"
# Below the range from which the kernel takes ports for outgoing connections and for port 0, so
# that nobody but another test run can take one between the choice and the bind.
_PORTS = range(20_000, 32_000)
_ATTEMPTS = 100

Document = Mapping[str, Any]
"""A configuration in the words of `portcullis.yaml`."""


@dataclass(frozen=True, kw_only=True)
class RunningGateway:
    """Where it is and what it said."""

    public_url: str
    admin_url: str
    directory: Path
    child: Child

    def endpoint(self, tenant: str, name: str = "") -> str:
        """The URL of a tenant's default endpoint, or of another one by name."""
        return endpoint_url(self.public_url, tenant, name)

    @property
    def port(self) -> int:
        return int(self.public_url.rpartition(":")[2])

    @property
    def log(self) -> Path:
        """The file with everything that it wrote to its log."""
        return self.child.log

    def log_lines(self) -> list[dict[str, Any]]:
        """Its log so far, one JSON object a line; what is none comes as {"text": ...}."""
        return [_log_line(line) for line in self.child.log_text().splitlines()]


def endpoint_url(public_url: str, tenant: str, name: str = "") -> str:
    """The URL of an endpoint below a public URL."""
    return f"{public_url}/t/{tenant}/{name}/mcp" if name else f"{public_url}/t/{tenant}/mcp"


def choose_public_url() -> str:
    """A URL on a free loopback port: what clients call the gateway is known before it starts."""
    for port in random.sample(_PORTS, _ATTEMPTS):
        with socket.socket() as candidate:
            try:
                candidate.bind((LOOPBACK, port))
            except OSError:
                continue
            return f"http://{LOOPBACK}:{port}"
    raise RuntimeError("no free port")


@contextmanager
def running_gateway(
    document: Document | Callable[[str], Document],
    *,
    public_url: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[RunningGateway]:
    """Start a gateway on a configuration and end it with the block.

    `document` needs only what matters to a test, `tenants` mostly: listeners, `public_url`,
    `state_dir`, a grant for loopback and JSON logs are filled in where it does not say otherwise.
    It may be a function of the public URL. The gateway is ready: it listens.
    """
    public_url = public_url or choose_public_url()
    given = document(public_url) if callable(document) else document
    # A path as short as this leaves room for the unix socket below it.
    directory = Path(tempfile.mkdtemp(prefix="pc"))
    try:
        config = directory / "portcullis.yaml"
        config.write_text(yaml.safe_dump(_completed(given, public_url, directory)))
        command = python_module("tests.rigs.gateway", str(config))
        with Child("gateway", command, directory, environ=environ) as child:
            bound = child.announcement()
            yield RunningGateway(
                public_url=public_url,
                admin_url=bound["admin_url"],
                directory=directory,
                child=child,
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def gateway_beside(
    document: Document | Callable[[str], Document],
    *,
    public_url: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[RunningGateway]:
    """`running_gateway` for a test whose own loop must go on meanwhile: a backend may be in it."""
    context = running_gateway(document, public_url=public_url, environ=environ)
    gateway = await asyncio.to_thread(context.__enter__)
    try:
        yield gateway
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def _completed(document: Document, public_url: str, directory: Path) -> dict[str, Any]:
    port = urlsplit(public_url).port
    filled: dict[str, Any] = {
        "public_url": public_url,
        "listen": {"host": LOOPBACK, "port": port},
        "admin": {"host": LOOPBACK, "port": 0},
        "state_dir": str(directory / "state"),
        "egress_grants": [{"tenants": ["*"], "cidr": "127.0.0.0/8", "schemes": ["http"]}],
        "telemetry": {"log_format": "json"},
    }
    limits = {"drain_delay": 0.001, "drain": 2} | dict(document.get("limits", {}))
    return filled | dict(document) | {"limits": limits}


def _log_line(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {"text": line}
    return found if isinstance(found, dict) else {"text": line}


async def _run(path: Path) -> None:
    config = load_config(path, environ=os.environ, cwd=Path.cwd())
    await serve(config, announce=_announce)


async def _announce(bound: Bound) -> None:
    sys.stdout.write(json.dumps({"data_url": bound.data_url, "admin_url": bound.admin_url}) + "\n")
    sys.stdout.flush()


def _end_with_stdin() -> None:
    # Unbuffered: a thread that holds the buffer's lock may not be there when Python ends.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    uvloop.run(_run(Path(sys.argv[1])))
