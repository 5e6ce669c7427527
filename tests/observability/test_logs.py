"""The log of the process, through its public face."""

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest

from observability import events
from observability.logs import (
    configure_logging,
    dropped_lines,
    flush_lines,
    gather_lines,
    get_logger,
)
from tests.observability.conftest import ReadableLog, restored_logging


def test_an_event_is_a_json_line_with_level_and_time(log: ReadableLog) -> None:
    get_logger().warning(events.BACKEND_PROBE_FAILED, tenant="acme", backend="files")
    (line,) = log.lines()

    assert list(line) == ["event", "level", "timestamp", "tenant", "backend"]
    assert (line["event"], line["level"]) == ("backend_probe_failed", "warning")


def test_a_bound_logger_keeps_its_fields(log: ReadableLog) -> None:
    get_logger().bind(tenant="acme").info(events.VIEW_REFRESHED, seq=7)

    assert log.lines()[0]["tenant"] == "acme"


def test_the_level_is_a_threshold(log: ReadableLog) -> None:
    get_logger().debug(events.VIEW_REFRESHED)

    assert log.getvalue() == ""


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="debug, info"):
        configure_logging(level="loud", as_json=True, stream=io.StringIO())


def test_an_exception_is_its_type_and_place_and_nothing_of_its_text(log: ReadableLog) -> None:
    try:
        int("hunter2")
    except ValueError:
        get_logger().exception(events.INTERNAL_ERROR_RAISED)
    (line,) = log.lines()

    assert line["error"] == "ValueError"
    assert line["raised_at"].startswith("test_logs.py:")
    assert "hunter2" not in log.getvalue()
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize(
    "value",
    [2**70, -(2**70), 10**5000, float("nan"), object(), {1: {2}}, b"\xff", ValueError("x")],
    ids=["big", "small", "huge", "nan", "object", "containers", "bytes", "error"],
)
def test_no_value_breaks_the_log(log: ReadableLog, value: Any) -> None:
    get_logger().info(events.VIEW_REFRESHED, value=value, nested=[{"deep": value}])

    assert log.lines()[0]["event"] == "view_refreshed"


def test_what_libraries_say_is_scrubbed_and_in_the_same_form(log: ReadableLog) -> None:
    logger = logging.getLogger("some.library")
    logger.warning("sent %s to %s", "Bearer hunter2", "https://u:hunter2@host/x?k=hunter2")
    try:
        raise RuntimeError("hunter2")
    except RuntimeError:
        logger.exception("it broke")
    logger.info("chatter")
    first, second = log.lines()

    assert first["event"] == second["event"] == "library_spoke"
    assert first["message"] == "sent Bearer [redacted] to https://host/x"
    assert (second["error"], second["logger"]) == ("RuntimeError", "some.library")
    assert "hunter2" not in log.getvalue()


def test_a_library_whose_arguments_do_not_fit_is_heard_all_the_same(log: ReadableLog) -> None:
    record = logging.LogRecord("some.library", logging.ERROR, "x.py", 1, "%d", ("no int",), None)
    (handler,) = [h for h in logging.getLogger().handlers if h.__module__ == "observability.logs"]
    handler.handle(record)

    assert log.lines()[0]["message"] == "%d"


def test_configuring_twice_does_not_log_twice(log: ReadableLog) -> None:
    configure_logging(level="info", as_json=True, stream=log)
    logging.getLogger("some.library").warning("once")

    assert len(log.lines()) == 1


def test_gathered_lines_are_written_together_and_in_order(log: ReadableLog) -> None:
    scheduled: list[Callable[[], None]] = []
    gather_lines(lambda _delay, flush: scheduled.append(flush))
    get_logger().info(events.LISTENER_BOUND)
    get_logger().info(events.GATEWAY_DRAINED)

    assert log.getvalue() == ""
    assert len(scheduled) == 1

    scheduled[0]()

    assert [line["event"] for line in log.lines()] == ["listener_bound", "gateway_drained"]


def test_the_last_flush_goes_back_to_line_by_line(log: ReadableLog) -> None:
    gather_lines(lambda _delay, _flush: None)
    get_logger().info(events.GATEWAY_DRAINED)
    flush_lines()
    get_logger().info(events.GATEWAY_DRAINED)

    assert [line["event"] for line in log.lines()] == ["gateway_drained", "gateway_drained"]


def test_many_gathered_lines_do_not_wait_for_the_clock(log: ReadableLog) -> None:
    gather_lines(lambda _delay, _flush: None)
    for _ in range(1000):
        get_logger().info(events.LISTENER_BOUND, note="x" * 200)

    assert len(log.lines()) > 500


def test_a_long_line_is_cut_field_by_field_before_fields_are_given_up(log: ReadableLog) -> None:
    get_logger().info(
        events.NAME_COLLIDED, names=["n"] * 5000, note="x" * 9000, where={"deep": "y" * 9000}, n=3
    )
    (line,) = log.lines()

    assert line["is_truncated"] is True
    assert (line["names"], line["n"]) == (["n"] * 20, 3)
    assert line["note"].endswith("...[9000]")
    assert line["where"].startswith('{"deep":"yyy')


def test_the_longest_line_fits_though_every_character_needs_twelve_bytes(log: ReadableLog) -> None:
    wide = "\U0001f600" * 9000
    names = ("request_id", "tenant", "outcome", "reason", "kind", "logger", "other")
    get_logger().info(wide, **dict.fromkeys(names, wide))

    assert len(log.getvalue()) <= 8192
    assert log.lines()[0]["tenant"].startswith("\U0001f600")


def test_a_field_may_be_named_by_an_error_that_was_never_raised(log: ReadableLog) -> None:
    error = ValueError("hunter2")
    get_logger().error(events.STORE_FAILED, exc_info=error)

    assert log.lines()[0]["raised_at"] == "nowhere"
    assert "hunter2" not in log.getvalue()


def test_a_full_disk_costs_lines_and_no_request() -> None:
    class FullDisk(io.StringIO):
        def write(self, text: str, /) -> int:
            assert text
            raise OSError(28, "No space left on device")

    with restored_logging():
        configure_logging(level="info", as_json=True, stream=FullDisk())
        get_logger().info(events.LISTENER_BOUND)
        get_logger().info(events.GATEWAY_DRAINED)

        assert dropped_lines() == 2


def test_event_names_are_distinct_words() -> None:
    names = [value for name, value in vars(events).items() if name.isupper()]

    assert len(names) == len(set(names))
    assert all(name.replace("_", "").isalpha() and name.islower() for name in names)
