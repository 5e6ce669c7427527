"""What `dev` says while it starts: one line a step, with the time that it took."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Progress:
    """Writes to `out`. `clock` is monotonic."""

    out: TextIO
    clock: Callable[[], float]

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Say that `name` is done when the block ends; words put in the list are added."""
        began = self.clock()
        words: list[str] = []
        yield words
        self.say(f"  {name:<12} {' '.join(words)}  [{self.clock() - began:.1f} s]")

    def say(self, line: str) -> None:
        """Write one line, now."""
        self.out.write(line + "\n")
        self.out.flush()
