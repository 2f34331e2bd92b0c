"""The log: structlog and the libraries' own, on one stream, with nothing secret in it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from voiced.redaction import redacted
from voiced.settings import Settings, setting

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

MOST_LINES: Final = 1000
"""That may wait to be written."""

LogLevel = Literal["debug", "info", "warning", "error"]


class LogSettings(Settings):
    """The log, on standard error: readable on a terminal, one JSON object per line elsewhere (journald)."""

    level: LogLevel = setting(
        "info", "The least that is logged. What people say appears in 'debug' only; keys and sound never do."
    )


def set_up(settings: LogSettings, stream: TextIO) -> None:
    """Send every log line of the process to `stream`. Call it once, before the first line; again to change the level.

    Other libraries speak from WARNING up only: websockets' DEBUG lines have the Authorization header in them.
    """
    logging.getLogger("voiced").setLevel(settings.level.upper())
    root = logging.getLogger()
    if not any(isinstance(handler, _Handler) and handler.made_for is stream for handler in root.handlers):
        root.setLevel(logging.WARNING)
        before, root.handlers[:] = root.handlers[:], [_handler(stream)]
        for handler in before:
            if isinstance(handler, _Handler):
                handler.close()


def _handler(stream: TextIO) -> _Handler:
    import structlog  # here, since most commands log nothing and it takes a third of their start-up

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered: list[Processor]
    if stream.isatty():
        rendered = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        rendered = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=repr)]
        if _is_journal(stream, os.environ):
            rendered = [rendered[0], _Prioritised(structlog.processors.JSONRenderer(default=repr))]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=_VoicedLoggers(),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(stream)
    handler.addFilter(_ours_or_grave)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _sizes_for_bytes,
                *rendered,
                _redact,
            ],
        )
    )
    return handler


PRIORITIES: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""Of the syslog, as sd-daemon(3) has them."""


class _Prioritised:
    """Writes the priority before the line, as journald understands it: `journalctl -p warning` finds what is grave."""

    def __init__(self, render: Callable[[Any, str, EventDict], str | bytes]) -> None:
        self._render = render

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        priority = PRIORITIES.get(str(event.get("level")), PRIORITIES["info"])
        return f"<{priority}>{self._render(logger, method, event)!s}"


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether what is written there goes to journald (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _Handler(QueueHandler):
    """Formats a line where it is logged, and has a thread write it: a pipe that nobody reads must not stop the sound.

    Lines that find the queue full are dropped, and their number is told once it has room again. The descriptor is a
    copy, where `stream` has one: PortAudio, as it starts, has descriptor 2 turned to /dev/null to silence ALSA, and
    what other threads log meanwhile would be lost.
    """

    def __init__(self, stream: TextIO) -> None:
        self.made_for = stream
        super().__init__(Queue(MOST_LINES))
        try:
            self._stream: TextIO = os.fdopen(
                os.dup(stream.fileno()), "w", encoding="utf-8", errors="backslashreplace", buffering=1
            )
        except OSError:
            self._stream = stream
        self._dropped = 0
        self._writer = _Writer(self.queue, logging.StreamHandler(self._stream))
        self._writer.start()

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except Full:
            self._dropped += 1
        else:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                logging.getLogger("voiced.log").warning("%d log lines were dropped: nobody read the log", dropped)

    def flush(self) -> None:
        """Wait until all lines are written."""
        self._writer.stop()
        self._writer.start()

    def close(self) -> None:
        self._writer.stop()
        if self._stream is not self.made_for:
            self._stream.close()
        super().close()


class _Writer(QueueListener):
    def enqueue_sentinel(self) -> None:
        """Wait for a place in the queue: the library's own gives up where it is full."""
        self.queue.put(self._sentinel)  # type: ignore[attr-defined]  # as the library's own does


class _VoicedLoggers:
    """`structlog.get_logger(name)` under the logger `voiced`, whose level is the setting."""

    def __call__(self, *names: Any) -> logging.Logger:
        name = str(names[0]) if names else "voiced"
        return logging.getLogger(name if name == "voiced" or name.startswith("voiced.") else f"voiced.{name}")


def _ours_or_grave(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name == "voiced" or record.name.startswith("voiced.")


def _sizes_for_bytes(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: _without_bytes(value) for key, value in event.items()}


def _without_bytes(value: Any) -> Any:
    match value:
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case Mapping():
            return {str(key): _without_bytes(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if not hasattr(value, "_fields"):
            return [_without_bytes(item) for item in value]
        case _:
            return value


def _redact(_logger: WrappedLogger, _method: str, line: Any) -> str:
    return redacted(str(line))
