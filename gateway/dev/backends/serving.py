"""How each of these servers lives: on loopback, announced once it listens, never an orphan.

Rules
1. `--port 0` takes a free port; one JSON line `{"url": ...}` on stdout says which, once it listens.
2. SIGTERM ends it at once; open streams are cut after a second.
3. It ends when its stdin closes, so that it cannot outlive the process that started it.

Runs under both majors of the SDK, so it knows uvicorn and nothing of MCP.
"""

import argparse
import json
import socket
import sys
import threading
from typing import Any

import uvicorn


class _Announced(uvicorn.Server):
    """A server that says where it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the URL."""
        await super().startup(sockets)
        for listener in sockets or ():
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
            sys.stdout.write(json.dumps({"url": url}) + "\n")
            sys.stdout.flush()


def serve(app: Any) -> None:
    """Serve an ASGI application until SIGTERM or the end of stdin."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    listener = socket.create_server(("127.0.0.1", parser.parse_args().port))
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1, lifespan="on")
    server = _Announced(config)
    threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def _end_with_stdin(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True
