"""Metrics as Prometheus's own parser reads them."""

import timeit
from collections import Counter as Tally
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from observability.exposition import Registry
from observability.metrics import Label


def samples(registry: Registry) -> list[Sample]:
    text = registry.render().decode()
    return [s for family in text_string_to_metric_families(text) for s in family.samples]


def series_per_name(found: Iterable[Sample]) -> Tally[str]:
    return Tally(sample.name for sample in found)


def value(registry: Registry, name: str, **labels: str) -> float:
    (found,) = [s.value for s in samples(registry) if s.name == name and s.labels == labels]
    return found


def test_a_counter_a_gauge_and_a_reading_are_scraped() -> None:
    registry = Registry()
    registry.counter("served", "Served.", (Label("tenant"),)).labels(tenant="acme").inc(2)
    gauge = registry.gauge("open", "Open.").labels()
    gauge.inc(5)
    gauge.dec()
    registry.follow("dropped", "Dropped.", lambda: 3, is_counter=True)
    registry.follow("age", "Age.", lambda: 1.5)

    assert value(registry, "served_total", tenant="acme") == 2
    assert value(registry, "open") == 4
    assert value(registry, "dropped_total") == 3
    assert value(registry, "age") == 1.5


def test_a_histogram_counts_into_inclusive_cumulative_buckets() -> None:
    registry = Registry()
    child = registry.histogram("took", "Took.", bounds=(0.1, 1.0)).labels()
    for seconds in (0.05, 0.1, 0.5, 1.0, 7.0):
        child.observe(seconds)

    assert value(registry, "took_bucket", le="0.1") == 2
    assert value(registry, "took_bucket", le="1.0") == 4
    assert value(registry, "took_bucket", le="+Inf") == 5
    assert value(registry, "took_count") == 5
    assert value(registry, "took_sum") == pytest.approx(8.65)


def test_the_same_labels_are_the_same_child() -> None:
    metric = Registry().counter("served", "Served.", (Label("tenant"), Label("tool")))

    assert metric.labels(tenant="a", tool="b") is metric.labels(tool="b", tenant="a")
    assert metric.labels(tenant="a") is metric.labels(tenant="a", tool="")


def test_a_label_that_the_metric_does_not_have_is_refused() -> None:
    metric = Registry().counter("served", "Served.", (Label("tenant"),))

    with pytest.raises(ValueError, match="has the labels tenant"):
        metric.labels(tennant="acme")


def test_a_value_that_is_not_allowed_is_other() -> None:
    registry = Registry()
    metric = registry.counter("served", "Served.", (Label("method", {"ping"}.__contains__),))
    metric.labels(method="ping").inc()
    metric.labels(method="made/up").inc()
    metric.labels(method="made/up/too").inc()
    metric.labels().inc()

    assert value(registry, "served_total", method="ping") == 1
    assert value(registry, "served_total", method="_OTHER") == 2
    assert value(registry, "served_total", method="") == 1


def test_hostile_label_values_do_not_break_the_text() -> None:
    registry = Registry()
    metric = registry.counter("served", "Served.", (Label("tool"),))
    hostile = 'a"b\\c\n# HELP x y'
    metric.labels(tool=hostile).inc()
    metric.labels(tool="x" * 10_000).inc()

    assert value(registry, "served_total", tool=hostile) == 1
    assert max(len(s.labels["tool"]) for s in samples(registry)) == 80


def test_ten_thousand_tenants_and_tools_stay_within_the_bound_and_the_total_is_right() -> None:
    registry = Registry(max_series=2000)
    labels = (Label("tenant"), Label("tool"))
    counter = registry.counter("served", "Served.", labels, ("tool",))
    histogram = registry.histogram("took", "Took.", labels, ("tool",), bounds=(0.1, 1.0, 10.0))
    for n in range(10_000):
        counter.labels(tenant=f"tenant-{n}", tool=f"tool-{n}").inc()
        histogram.labels(tenant=f"tenant-{n}", tool=f"tool-{n}").observe(0.5)
    found = samples(registry)

    assert max(series_per_name(found).values()) <= 2000
    assert sum(s.value for s in found if s.name == "served_total") == 10_000
    assert sum(s.value for s in found if s.name == "took_count") == 10_000


def test_near_the_bound_a_tool_is_given_up_before_a_tenant() -> None:
    registry = Registry(max_series=40)
    metric = registry.counter("served", "Served.", (Label("tenant"), Label("tool")), ("tool",))
    for n in range(100):
        metric.labels(tenant="loud", tool=f"tool-{n}").inc()
    metric.labels(tenant="quiet", tool="echo").inc()

    assert value(registry, "served_total", tenant="quiet", tool="_OTHER") == 1
    assert value(registry, "served_total", tenant="loud", tool="tool-0") == 1
    assert value(registry, "served_total", tenant="loud", tool="_OTHER") > 0


def test_a_bound_without_room_is_refused_when_the_metric_is_made() -> None:
    with pytest.raises(ValueError, match="no room"):
        Registry(max_series=10).histogram("took", "Took.", bounds=(0.1,) * 20)


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=200))
def test_whatever_the_labels_nothing_is_lost_and_the_bound_holds(
    pairs: list[tuple[str, str]],
) -> None:
    metric = Registry(max_series=12).counter("c", "C.", (Label("a"), Label("b")), ("b",))
    for a, b in pairs:
        metric.labels(a=a, b=b).inc()
    children = list(metric.children())

    assert len(children) <= 12
    assert sum(child.value for _labels, child in children) == len(pairs)


def test_observing_costs_about_a_microsecond() -> None:
    metric = Registry().histogram("took", "Took.", (Label("tenant"),), bounds=(0.1, 1.0, 10.0))
    spent_us = timeit.timeit(lambda: metric.labels(tenant="acme").observe(0.5), number=5000) / 5e-3

    assert spent_us < 100
