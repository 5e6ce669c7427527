"""The log of the process: structlog in front, one sink behind, libraries' words included.

JSON for machines, a readable form for a terminal. Every line passes `redaction.redact`, and an
exception is logged as its type and place, never with its text or traceback: a library's message
may hold what it choked on (a token, a row, a host).
"""

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from observability import events
from observability.lines import LineSink, fields_of, json_line, shorten
from observability.redaction import may_hold_secret, redact, scrub_text

BATCH_S = 0.005
"""How long a line may wait for company. 5 ms cost no latency that shows; 200 ms cost p99 11 ms."""

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class _Output:
    """What `configure_logging` set: there is one log in a process."""

    __slots__ = ("as_json", "console", "sink", "threshold")

    def __init__(self, stream: TextIO, *, as_json: bool, threshold: int) -> None:
        self.sink = LineSink(stream)
        self.as_json = as_json
        self.threshold = threshold
        self.console = structlog.dev.ConsoleRenderer(colors=not as_json and stream.isatty())


_output = _Output(sys.stderr, as_json=True, threshold=LEVELS["info"])


def configure_logging(*, level: str, as_json: bool, stream: TextIO) -> None:
    """Send this process's log to `stream`. Raises ValueError for an unknown level."""
    global _output  # noqa: PLW0603 - a process has one log, as it has one stdout
    threshold = LEVELS.get(level.lower())
    if threshold is None:
        raise ValueError(f"log level must be one of {', '.join(LEVELS)}")
    _output.sink.flush()
    _output = _Output(stream, as_json=as_json, threshold=threshold)
    structlog.configure(
        processors=[structlog.processors.add_log_level, name_exception, redact, _write],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_Nowhere,
        cache_logger_on_first_use=False,
    )
    _listen_to_libraries(threshold)


def get_logger() -> FilteringBoundLogger:
    """The house's logger; event names come from `observability.events`."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def gather_lines(call_later: Callable[[float, Callable[[], None]], object]) -> None:
    """Write lines in batches of `BATCH_S` from now on (`loop.call_later` fits)."""
    _output.sink.gather(lambda flush: call_later(BATCH_S, flush))


def flush_lines() -> None:
    """Write what is gathered and go back to line by line: the last act of a process."""
    _output.sink.gather(None)


def dropped_lines() -> int:
    """How many lines could not be written since logging was configured."""
    return _output.sink.dropped


def write_line(line: Any, *, level: str) -> None:
    """Write a struct or mapping whose fields are allowed by construction (the canonical line)."""
    if LEVELS[level] < _output.threshold:
        return
    if not _output.as_json:
        write_fields(fields_of(line))
        return
    text = json_line(line)
    _output.sink.write(json_line(_cleaned(line)) if may_hold_secret(text) else text)


def write_fields(fields: Mapping[str, Any]) -> None:
    """Write fields that were cleaned already, or will be here, in the form configured."""
    cleaned = redact(None, "", dict(fields))
    if _output.as_json:
        _output.sink.write(json_line(cleaned))
        return
    safe = {key: _printable(value) for key, value in shorten(cleaned).items()}
    _output.sink.write(str(_output.console(None, "", safe)))


def name_exception(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Replace `exc_info` by the exception's type and the place that raised it."""
    error = fields.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        fields["error"] = type(error).__name__
        fields["raised_at"] = _place(error)
    return fields


def timestamp() -> str:
    """Now, in UTC, as log lines show it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class _Nowhere:
    """The logger below structlog's: `_write` has written already when it would be called."""

    def __init__(self, *_args: Any) -> None:
        """Structlog's factories take the arguments of `get_logger`."""


def _write(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    head = {"event": fields.pop("event", ""), "level": fields.pop("level", "info")}
    write_fields({**head, "timestamp": timestamp(), **fields})
    raise structlog.DropEvent


def _cleaned(line: Any) -> dict[str, Any]:
    return redact(None, "", fields_of(line))


def _place(error: BaseException) -> str:
    traceback = error.__traceback__
    if traceback is None:
        return "nowhere"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{PurePath(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"


def _printable(value: Any) -> Any:
    # An escape sequence from a client must not reach a terminal.
    return value.encode("unicode_escape").decode("ascii") if isinstance(value, str) else value


class _LibraryLog(logging.Handler):
    """What aiohttp, asyncio, redis and others say through the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: EventDict = {
            "event": events.LIBRARY_SPOKE,
            "level": record.levelname.lower(),
            "timestamp": timestamp(),
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        write_fields(name_exception(None, "", fields))


def _message(record: logging.LogRecord) -> str:
    try:
        return scrub_text(record.getMessage())
    except (TypeError, ValueError, KeyError):  # arguments that do not fit their format
        return scrub_text(str(record.msg))


def _listen_to_libraries(threshold: int) -> None:
    # Their debug and info lines hold URLs, headers and bodies: from warnings up only.
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _LibraryLog)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryLog())
    root.setLevel(max(threshold, logging.WARNING))
