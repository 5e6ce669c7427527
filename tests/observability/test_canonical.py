"""The one line of a request."""

import json
import timeit

import pytest

from observability.canonical import CanonicalLine, Outcome, emit
from observability.lines import MAX_LINE_BYTES
from observability.logs import configure_logging
from tests.observability.conftest import ReadableLog, restored_logging


def served(**fields: object) -> CanonicalLine:
    line = CanonicalLine(
        tenant="acme",
        endpoint="default",
        principal="0123456789abcdef",
        method="tools/call",
        tool="echo",
        backend="files",
        outcome=Outcome.OK,
        http_status=200,
        duration_s=0.0012345678,
    )
    for name, value in fields.items():
        setattr(line, name, value)
    return line


def test_a_request_is_one_line_with_its_tenant_and_without_what_is_not_known(
    log: ReadableLog,
) -> None:
    emit(served())
    (line,) = log.lines()

    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "event": "request_served",
        "level": "info",
        "tenant": "acme",
        "endpoint": "default",
        "principal": "0123456789abcdef",
        "method": "tools/call",
        "tool": "echo",
        "backend": "files",
        "outcome": "ok",
        "http_status": 200,
        "duration_s": 0.001235,
    }


def test_durations_are_microseconds_apart(log: ReadableLog) -> None:
    emit(served(backend_s=1.00000049, gateway_s=0.00023451))
    (line,) = log.lines()

    assert (line["backend_s"], line["gateway_s"]) == (1.0, 0.000235)


def test_a_field_that_is_not_on_the_list_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        served(arguments={"path": "/etc/passwd"})


def test_two_lines_do_not_share_their_lists(log: ReadableLog) -> None:
    first, second = served(), served()
    first.unavailable_backends.append("slow")
    emit(first)
    emit(second)
    one, two = log.lines()

    assert one["unavailable_backends"] == ["slow"]
    assert "unavailable_backends" not in two


def test_a_bug_is_logged_as_an_error(log: ReadableLog) -> None:
    emit(served(outcome=Outcome.FAILED, reason="internal_error"))

    assert log.lines()[0]["level"] == "error"


@pytest.mark.parametrize(
    "hostile",
    ["a\nb", "\x1b[2J", "é\u2028", "\ud800", "\x7f", '","tenant":"globex'],
)
def test_what_a_client_sends_cannot_break_a_line_or_leave_ascii(
    log: ReadableLog, hostile: str
) -> None:
    emit(served(tool=hostile))
    text = log.getvalue()

    assert text.isascii()
    assert text.count("\n") == 1
    assert all(" " <= character <= "~" for character in text[:-1])
    assert log.lines()[0]["tool"] == hostile
    assert log.lines()[0]["tenant"] == "acme"


@pytest.mark.parametrize("length", [8000, 8192, 100_000])
def test_a_line_is_at_most_8_kib_and_still_says_whose_it_is(log: ReadableLog, length: int) -> None:
    emit(
        served(
            request_id="r1",
            unavailable_backends=["\u00e9" * length] * 50,
            tool="\u00e9" * length,
            method="x" * length,
        )
    )
    (line,) = log.lines()

    assert len(log.getvalue()) <= MAX_LINE_BYTES
    assert line["is_truncated"] is True
    assert (line["tenant"], line["request_id"]) == ("acme", "r1")


@pytest.mark.parametrize(
    "planted",
    [
        "Bearer hunter2hunter2",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2hunter2",
        "https://user:hunter2@host/?access_token=hunter2",
    ],
)
def test_a_secret_in_an_allowed_field_is_obscured(log: ReadableLog, planted: str) -> None:
    emit(served(method=planted))

    assert "hunter2" not in log.getvalue()
    assert "eyJzdWIi" not in log.getvalue()


def test_lines_below_the_configured_level_are_not_written(log: ReadableLog) -> None:
    configure_logging(level="warning", as_json=True, stream=log)
    emit(served())

    assert log.getvalue() == ""


def test_a_terminal_gets_a_readable_line_without_escape_sequences_from_clients() -> None:
    stream = ReadableLog()
    with restored_logging():
        configure_logging(level="info", as_json=False, stream=stream)
        emit(served(tool="\x1b[2Jecho"))
    text = stream.getvalue()

    assert "request_served" in text
    assert "tenant=acme" in text
    assert "\x1b" not in text


def test_a_line_costs_microseconds(log: ReadableLog, record_property: object) -> None:
    line = served()
    spent_us = timeit.timeit(lambda: emit(line), number=2000) / 2000 * 1e6

    # About 6 us on the machine this was written on; the bound only catches a change of kind.
    assert spent_us < 500
    assert len(log.lines()) == 2000
    assert json.loads(log.getvalue().splitlines()[0])["tool"] == "echo"
