"""A circuit breaker: a dead dependency costs a request next to nothing. Pure, clock given.

Closed: everything passes. After `threshold` failures in a row it is open: nothing passes for
`cooldown_s`. Then one attempt passes each `cooldown_s` until one succeeds, which closes it.
"""

from collections.abc import Callable


class Breaker:
    """Says whether an attempt is worth its time; is told how each attempt ended."""

    def __init__(
        self, *, clock: Callable[[], float], threshold: int = 3, cooldown_s: float = 0.25
    ) -> None:
        self._clock = clock
        self._threshold = threshold
        self._cooldown_s = cooldown_s
        self._failures = 0
        self._resting_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the last attempts all failed."""
        return self._failures >= self._threshold

    def admits(self) -> bool:
        """Whether to try now. While open, a yes is given to one caller per cooldown."""
        if not self.is_open:
            return True
        now = self._clock()
        if now < self._resting_until:
            return False
        self._resting_until = now + self._cooldown_s
        return True

    def succeeded(self) -> None:
        """The dependency answered."""
        self._failures = 0

    def failed(self) -> None:
        """The dependency did not answer, or not in time."""
        self._failures += 1
        if self.is_open:
            self._resting_until = self._clock() + self._cooldown_s
