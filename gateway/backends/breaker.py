"""When to try a backend again that could not be reached.

Rules
1. Only failures to connect count: a slow or wrong answer proves that somebody is there.
2. After `threshold` of them in a row nobody waits for a connection: calls fail at once.
3. When the pause is over one call tries, the others still fail at once; the trial ends with the
   first byte sent, not with its answer. Each failure doubles the pause, up to a bound.
"""

from collections.abc import Callable

from gateway.errors import BackendUnavailable

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
THRESHOLD = 3


class Cooldown:
    """A pause that doubles with every failure in a row."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next_s = FIRST_PAUSE_S
        self._until = float("-inf")

    @property
    def is_over(self) -> bool:
        """Whether another try is due."""
        return self._clock() >= self._until

    def extend(self) -> None:
        """Start a pause, twice as long as the last one."""
        self._until = self._clock() + self._next_s
        self._next_s = min(2 * self._next_s, LONGEST_PAUSE_S)

    def end(self) -> None:
        """All is well: the next pause is a short one again."""
        self._until = float("-inf")
        self._next_s = FIRST_PAUSE_S


class Breaker:
    """Whether a connection to one backend may be tried now."""

    def __init__(
        self, backend: str, *, clock: Callable[[], float], threshold: int = THRESHOLD
    ) -> None:
        self._backend = backend
        self._threshold = threshold
        self._failures = 0
        self._is_tried = False
        self._cooldown = Cooldown(clock)

    @property
    def is_open(self) -> bool:
        """Whether calls fail without being tried, the one trial aside."""
        return self._failures >= self._threshold

    def admit(self) -> None:
        """Let one call through to the network; it must report how that went.

        Raises:
            BackendUnavailable: it is too early for another try, or one is under way.
        """
        if not self.is_open:
            return
        if self._is_tried or not self._cooldown.is_over:
            raise BackendUnavailable(self._backend)
        self._is_tried = True

    def connected(self) -> None:
        """A request went out."""
        if self._failures:
            self._failures = 0
            self._cooldown.end()
        self._is_tried = False

    def failed(self) -> None:
        """There was no connection to be had."""
        self._failures += 1
        self._is_tried = False
        if self.is_open:
            self._cooldown.extend()

    def abandoned(self) -> None:
        """The call ended before anything was known."""
        self._is_tried = False
