"""Ports for `dev`: the usual ones when they are free, others when they are not, and said so.

Others come from below the range that the kernel takes for outgoing connections: between the choice
and the bind nobody but another chooser can take one.
"""

import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
OTHERS = range(20_000, 32_000)
ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class PortChoice:
    """The port to use, and the one that was wished for."""

    wished: int
    port: int

    @property
    def note(self) -> str:
        """Words for the start-up lines; empty when the wish came true."""
        return f" (port {self.wished} is busy)" if self.wished not in {0, self.port} else ""


def choose_ports(*wishes: int) -> tuple[PortChoice, ...]:
    """A free port for each wish, all different. Sockets are closed again: a small race remains."""
    sockets: list[socket.socket] = []
    try:
        choices = []
        for wished in wishes:
            held = next(filter(None, map(_bind, _candidates(wished))), None)
            if held is None:
                raise OSError("no free port on the loopback interface")
            sockets.append(held)
            choices.append(PortChoice(wished, int(held.getsockname()[1])))
        return tuple(choices)
    finally:
        for held in sockets:
            held.close()


def _candidates(wished: int) -> Iterator[int]:
    if wished:
        yield wished
    yield from random.sample(OTHERS, ATTEMPTS)


def _bind(port: int) -> socket.socket | None:
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        candidate.bind((LOOPBACK, port))
        # Linux lets a second socket bind with SO_REUSEADDR, but never listen, on a busy port.
        candidate.listen(1)
    except OSError:
        candidate.close()
        return None
    return candidate
