"""Metrics as plain arrays: what the hot path touches is a list and an integer.

Rules
- No name in the text that Prometheus reads has more than `max_series` series (a histogram's child
  is one of them for each bucket), whatever clients, backends and tenants do.
- Near the bound, labels are given up one after the other, in the order that the metric names
  (`sacrifice`): their values become `_OTHER`. The total stays right; detail is what is lost.
- A label with `allowed` values shows no other: what clients invent is no label.
- One thread writes: the event loop's. Reading from another thread sees whole numbers.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from observability.semconv import OTHER

MAX_SERIES = 2000
_MAX_LABEL_CHARS = 80


class Value:
    """One number: a counter's or a gauge's child."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """Add."""
        self.value += amount

    def dec(self, amount: float = 1) -> None:
        """Take away (gauges only, by custom)."""
        self.value -= amount

    def set(self, value: float) -> None:
        """Replace (gauges only, by custom)."""
        self.value = value


class Distribution:
    """One histogram's child: a count per bucket, the last of which has no upper bound."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value into its bucket (bounds are inclusive, as `le` says)."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


Child = TypeVar("Child", Value, Distribution)


@dataclass(frozen=True, slots=True)
class Label:
    """A label's name, and which values it may show; None means any (within the bound)."""

    name: str
    allowed: Callable[[str], bool] | None = None

    def shown(self, value: str) -> str:
        """The value as it may appear; an unset label stays empty, which means absent."""
        if value and self.allowed is not None and not self.allowed(value):
            return OTHER
        return value[:_MAX_LABEL_CHARS]


class Metric(Generic[Child]):
    """A named family of children, one for each combination of label values."""

    def __init__(
        self,
        name: str,
        help_text: str,
        labels: Sequence[Label],
        make: Callable[[], Child],
        *,
        lines_per_child: int = 1,
        sacrifice: Sequence[str] = (),
        max_series: int = MAX_SERIES,
    ) -> None:
        self.name = name
        self.help_text = help_text
        self._labels = tuple(labels)
        self.label_names = tuple(label.name for label in labels)
        self._known_names = frozenset(self.label_names)
        self._make: Callable[[], Child] = make
        self._children: dict[tuple[str, ...], Child] = {}
        self._given_up = _positions(self.label_names, sacrifice)
        self._limits = _limits(max_series // lines_per_child, len(labels), len(self._given_up))

    def labels(self, **named: str) -> Child:
        """The child for these label values; a label left out is empty. Keep it where it is hot."""
        if not named.keys() <= self._known_names:
            raise ValueError(f"{self.name} has the labels {', '.join(self.label_names)}")
        values = tuple([named.get(name, "") for name in self.label_names])
        return self._children.get(values) or self._admit(values)

    def children(self) -> Iterator[tuple[tuple[str, ...], Child]]:
        """Every child with its label values, as of now."""
        yield from list(self._children.items())

    def _admit(self, values: tuple[str, ...]) -> Child:
        shown = [label.shown(value) for label, value in zip(self._labels, values, strict=True)]
        for position, limit in zip((None, *self._given_up), self._limits, strict=True):
            if position is not None and shown[position]:
                shown[position] = OTHER
            key = tuple(shown)
            child = self._children.get(key)
            if child is None and len(self._children) < limit:
                child = self._children[key] = self._make()
            if child is not None:
                return child
        # All labels are given up: 2 ** labels combinations are left, and they were reserved.
        return self._children.setdefault(tuple(shown), self._make())


def _positions(names: tuple[str, ...], sacrifice: Sequence[str]) -> tuple[int, ...]:
    rest = [name for name in reversed(names) if name not in sacrifice]
    return tuple(names.index(name) for name in (*sacrifice, *rest))


def _limits(capacity: int, labels: int, steps: int) -> tuple[int, ...]:
    # Half of the room is for full detail, half of the rest for one label less, and so on. Outside
    # of it is reserved what remains when every label is either empty or _OTHER.
    room = capacity - 2**labels
    if room < 0:
        raise ValueError("max_series leaves no room for this metric")
    return (*(room - (room >> step) for step in range(1, steps + 1)), room)


Counter = Metric[Value]
Gauge = Metric[Value]
Histogram = Metric[Distribution]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A number that somebody else keeps: read when Prometheus asks."""

    name: str
    help_text: str
    read: Callable[[], float]
    is_counter: bool = False
