"""W3C Trace Context, to the letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.call_trace import CallTrace, Sampler
from observability.trace_context import TraceContext, parse_traceparent, parse_tracestate

GOOD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_example_of_the_specification_is_read() -> None:
    assert parse_traceparent(GOOD, "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE") == TraceContext(
        trace_id=0x0AF7651916CD43DD8448EB211C80319C,
        span_id=0xB7AD6B7169203331,
        sampled=True,
        tracestate="rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        GOOD.upper(),
        GOOD + "-x",
        GOOD + "x",
        GOOD + "\n",
        " " + GOOD,
        GOOD + ", " + GOOD,
        "ff" + GOOD[2:],
        "00-" + "0" * 32 + GOOD[35:],
        GOOD[:36] + "0" * 16 + "-01",
        GOOD[:-1],
        GOOD.replace("-", "_"),
        "01-" + GOOD[3:] + "-" + "x" * 100_000,
        "eyJhbGciOiJub25lIn0.e30.",
    ],
)
def test_anything_else_is_no_context(value: str | None) -> None:
    assert parse_traceparent(value) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    later = parse_traceparent("cc" + GOOD[2:] + "-what-the-future-brings")

    assert later is not None
    assert later.traceparent == GOOD


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "no-value",
        "UPPER=1",
        "a=1,a=2",
        "a=b=c",
        "a=\x00",
        "a=" + "x" * 600,
        ",".join(f"k{n}=1" for n in range(33)),
        "a=é",
    ],
)
def test_a_tracestate_that_breaks_the_grammar_or_its_caps_is_dropped_whole(
    value: str | None,
) -> None:
    assert parse_tracestate(value) == ""


def test_a_bad_tracestate_does_not_spoil_the_parent() -> None:
    found = parse_traceparent(GOOD, "=")

    assert found is not None
    assert found.tracestate == ""


@given(st.text(max_size=200))
def test_no_text_breaks_the_parsers(text: str) -> None:
    found = parse_traceparent(text, text)

    assert found is None or found.traceparent[3:-3] == text[3:52]
    assert len(parse_tracestate(text)) <= len(text)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_what_is_written_is_read_back(trace_id: int, span_id: int, sampled: bool) -> None:  # noqa: FBT001
    context = TraceContext(trace_id=trace_id, span_id=span_id, sampled=sampled)

    assert parse_traceparent(context.traceparent) == context


def test_the_share_that_is_sampled_follows_the_ratio() -> None:
    sampler = Sampler(0.25, key=b"k")
    kept = sum(sampler.decide(trace_id) for trace_id in range(1, 4001))

    assert 850 < kept < 1150


def test_calls_of_one_trace_are_sampled_alike_and_not_by_the_clients_choice_of_id() -> None:
    one, other = Sampler(0.5, key=b"one"), Sampler(0.5, key=b"other")
    decisions = [one.decide(n) for n in range(1, 200)]

    assert decisions == [one.decide(n) for n in range(1, 200)]
    assert decisions != [other.decide(n) for n in range(1, 200)]


@pytest.mark.parametrize("ratio", [-0.1, 1.1])
def test_a_ratio_is_a_share(ratio: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Sampler(ratio)


def test_ids_are_never_zero() -> None:
    trace = CallTrace.start(sampler=Sampler(0), random_bits=lambda _bits: 0)

    assert (trace.trace_id, trace.server_span_id, trace.client_context().span_id) == (1, 1, 1)


def test_each_exchange_with_a_backend_has_a_span_of_its_own() -> None:
    trace = CallTrace.start(sampler=Sampler(1))
    spans = {trace.client_context().span_id for _ in range(100)} | {trace.server_span_id}

    assert len(spans) == 101
