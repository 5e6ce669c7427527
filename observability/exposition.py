"""The metrics of a process, and the Prometheus text of them.

`Registry` makes metrics and renders them through a `prometheus_client` collector, which knows the
format, its escapes and its suffixes.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from observability.metrics import (
    MAX_SERIES,
    Counter,
    Distribution,
    Gauge,
    Histogram,
    Label,
    Metric,
    Reading,
    Value,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Registry(Collector):
    """Every metric of this process. `max_series` bounds each one."""

    def __init__(self, *, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._counters: list[Counter] = []
        self._gauges: list[Gauge] = []
        self._histograms: list[Histogram] = []
        self._readings: list[Reading] = []
        self._prometheus = CollectorRegistry(auto_describe=False)
        self._prometheus.register(self)

    def counter(
        self, name: str, help_text: str, labels: Sequence[Label] = (), sacrifice: Sequence[str] = ()
    ) -> Counter:
        """A number that only grows; `name` without `_total`."""
        made = self._values(name, help_text, labels, sacrifice)
        self._counters.append(made)
        return made

    def gauge(
        self, name: str, help_text: str, labels: Sequence[Label] = (), sacrifice: Sequence[str] = ()
    ) -> Gauge:
        """A number that goes up and down."""
        made = self._values(name, help_text, labels, sacrifice)
        self._gauges.append(made)
        return made

    def histogram(
        self,
        name: str,
        help_text: str,
        labels: Sequence[Label] = (),
        sacrifice: Sequence[str] = (),
        *,
        bounds: Sequence[float],
    ) -> Histogram:
        """Counts of values by bucket; `bounds` ascend and do not name infinity."""
        made = Metric(
            name,
            help_text,
            labels,
            lambda: Distribution(bounds),
            lines_per_child=len(bounds) + 1,  # and +Inf
            sacrifice=sacrifice,
            max_series=self._max_series,
        )
        self._histograms.append(made)
        return made

    def follow(
        self, name: str, help_text: str, read: Callable[[], float], *, is_counter: bool = False
    ) -> None:
        """Show a number that somebody else keeps."""
        reading = Reading(name=name, help_text=help_text, read=read, is_counter=is_counter)
        self._readings.append(reading)

    def render(self) -> bytes:
        """The text that Prometheus scrapes (`CONTENT_TYPE`)."""
        return generate_latest(self._prometheus)

    def collect(self) -> Iterable[Family]:
        """Each metric as a `prometheus_client` family (its collectors' protocol)."""
        yield from map(_counter_family, self._counters)
        yield from map(_gauge_family, self._gauges)
        yield from map(_histogram_family, self._histograms)
        yield from map(_reading_family, self._readings)

    def _values(
        self, name: str, help_text: str, labels: Sequence[Label], sacrifice: Sequence[str]
    ) -> Metric[Value]:
        return Metric(
            name, help_text, labels, Value, sacrifice=sacrifice, max_series=self._max_series
        )


def _counter_family(metric: Counter) -> Family:
    family = CounterMetricFamily(metric.name, metric.help_text, labels=metric.label_names)
    for labels, child in metric.children():
        family.add_metric(labels, child.value)
    return family


def _gauge_family(metric: Gauge) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help_text, labels=metric.label_names)
    for labels, child in metric.children():
        family.add_metric(labels, child.value)
    return family


def _histogram_family(metric: Histogram) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help_text, labels=metric.label_names)
    for labels, child in metric.children():
        family.add_metric(labels, _buckets(child), child.sum)
    return family


def _buckets(child: Distribution) -> list[tuple[str, float]]:
    names = [*map(str, child.bounds), "+Inf"]
    return list(zip(names, accumulate(child.counts), strict=True))


def _reading_family(reading: Reading) -> Family:
    kind = CounterMetricFamily if reading.is_counter else GaugeMetricFamily
    return kind(reading.name, reading.help_text, value=reading.read())
