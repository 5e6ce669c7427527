import json
import re
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ParseError
from gateway.protocol.sse import HEARTBEAT, SseEvent, SseParser, write_event

BOM = b"\xef\xbb\xbf"
LINES = st.lists(
    st.sampled_from(
        [
            b"",
            b"data",
            b"data:",
            b"data: x",
            b"data:  y",
            b"event: e",
            b"id: 1",
            b"id",
            b"retry: 5",
            b": comment",
            b"other: z",
            b"data:a:b",
        ]
    )
)


def read(stream: bytes) -> list[SseEvent]:
    return SseParser().feed(stream)


def read_plainly(stream: bytes) -> list[tuple[str, bytes]]:
    """The standard's algorithm on a whole stream, written the long way."""
    events: list[tuple[str, bytes]] = []
    kind, data = b"", b""
    *lines, _ = re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))
    for line in lines:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if line == b"":
            if data:
                events.append((kind.decode() or "message", data[:-1]))
            kind, data = b"", b""
        elif name == b"data":
            data += value + b"\n"
        elif name == b"event":
            kind = value
    return events


@given(
    LINES,
    st.sampled_from([b"\n", b"\r", b"\r\n"]),
    st.lists(st.integers(1, 7)),
    st.sampled_from([b"", BOM]),
)
def test_events_do_not_depend_on_line_ends_or_on_where_the_stream_is_cut(
    lines: list[bytes], end: bytes, cuts: list[int], mark: bytes
) -> None:
    stream = mark + b"".join(line + end for line in lines)
    parser, events, rest = SseParser(), [], stream

    for size in cuts:
        events += parser.feed(rest[:size])
        rest = rest[size:]
    events += parser.feed(rest)

    assert [(event.kind, event.data) for event in events] == read_plainly(stream)


@given(st.lists(st.binary(max_size=20)))
def test_any_bytes_are_events_or_a_typed_refusal(chunks: list[bytes]) -> None:
    parser = SseParser()
    try:
        events = [event for chunk in chunks for event in parser.feed(chunk)]
    except ParseError:
        return

    assert [(e.kind, e.data) for e in events] == read_plainly(b"".join(chunks))


@given(st.dictionaries(st.text(), st.text()), st.sampled_from([None, 1, "\r\n", "\r"]))
def test_a_written_event_cannot_be_broken_out_of(
    value: dict[str, str], indent: str | int | None
) -> None:
    data = json.dumps(value, indent=indent).encode()

    (event,) = read(write_event(data, event_id="7"))

    assert json.loads(event.data) == value
    assert (event.kind, event.id) == ("message", "7")


def test_the_fields_of_an_event_are_written_each_on_its_line() -> None:
    assert write_event(b"{}") == b"event: message\ndata: {}\n\n"
    assert (
        write_event(b"", kind="x", event_id="1", retry_ms=50)
        == b"event: x\nid: 1\nretry: 50\ndata: \n\n"
    )


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_h27_a_field_that_would_break_its_line_is_not_written(text: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        write_event(b"{}", event_id=text)
    with pytest.raises(ValueError, match="one line"):
        write_event(b"{}", kind=text)


def test_a_heartbeat_means_nothing() -> None:
    assert read(HEARTBEAT + b"data: x\n\n" + HEARTBEAT) == [SseEvent(b"x")]


def test_an_id_and_a_retry_are_remembered_also_without_data() -> None:
    parser = SseParser()

    assert parser.feed(b"id: 5\nretry: 300\n\n") == []
    assert (parser.last_event_id, parser.retry_ms) == ("5", 300)
    assert parser.feed(b"data:\n\n") == [SseEvent(b"", id="5")]
    assert parser.feed(b"id: a\0b\nretry: 1x\ndata: y\n\n") == [SseEvent(b"y", id="5")]
    assert parser.retry_ms == 300


def test_an_event_without_its_blank_line_never_happened() -> None:
    assert read(b"data: x\n") == []
    assert read(b"data: x") == []


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"event: x\r\rdata: y\r\r", [b"y"]),
        (b"event: x\r\r\ndata: y\n\r\n", [b"y"]),
        (b"\xef\xbb\xbfdata: y\n\n", [b"y"]),
        (b"data: y\n\n\xef\xbb\xbfdata: z\n\n", [b"y"]),
        (b"data: 1\ndata: 2\n\ndata: 3\n\n", [b"1\n2", b"3"]),
    ],
)
def test_u15_odd_line_ends_and_marks_are_read_as_the_standard_says(
    stream: bytes, data: list[bytes]
) -> None:
    assert [event.data for event in read(stream)] == data
    one_by_one = SseParser()
    assert [
        event.data
        for index in range(len(stream))
        for event in one_by_one.feed(stream[index : index + 1])
    ] == data


@pytest.mark.parametrize(
    "chunk", [b"data: " + b"x" * 1000, b"x" * 1000, b"data: xxxxxxxxxxxx\n", b":" * 90]
)
def test_u13_an_endless_event_is_cut_at_the_cap(chunk: bytes) -> None:
    parser = SseParser(max_event_bytes=1000)

    with pytest.raises(ParseError):
        deque((parser.feed(chunk) for _ in range(100)), maxlen=0)


def test_u13_comments_without_end_are_not_kept() -> None:
    parser = SseParser(max_event_bytes=1000)

    for _ in range(1000):
        assert parser.feed(b": keep-alive\n\n" * 10) == []


@pytest.mark.parametrize("field", [b"id", b"event"])
def test_a_field_that_is_not_utf8_is_refused(field: bytes) -> None:
    with pytest.raises(ParseError):
        read(field + b": \xff\n\n")
