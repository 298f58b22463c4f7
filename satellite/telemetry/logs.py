"""Logs: structlog in front of the standard library's logger `satellite`.

Event names are `noun.verb`, what varies is in keys. Whoever embeds a satellite decides where the lines go; `serve` takes
`logs_to`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Literal, TextIO

import structlog

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "text"]

REDACTED = "***"

_SECRET_KEY = re.compile(
    r"(^|[-_. ])(tokens?|secrets?|passwords?|authorization|(private|api|satellite)[-_]key)$", re.IGNORECASE
)

_Event = MutableMapping[str, Any]


def redact(logger: object, method: str, event: _Event) -> _Event:
    """A structlog processor: hides what stands under a key that ends in token, secret, password and the like.

    Numbers stay, for they are counts. A second line of defence: no caller logs a token.
    """
    del logger, method
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: object, value: Any) -> Any:
    if isinstance(key, str) and _SECRET_KEY.search(key) and not isinstance(value, bool | int | float | None):
        return REDACTED
    if isinstance(value, Mapping):
        return {inner: _redacted(inner, part) for inner, part in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", part) for part in value]
    return value


_STAMPS: tuple[structlog.typing.Processor, ...] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    redact,
)


def get_logger(name: str = "satellite") -> structlog.stdlib.BoundLogger:
    """A logger: `log.info("report.accepted", project=…)`. `name` is a module's `__name__`, below `satellite`.

    Independent of structlog's global configuration, which belongs to the program around us.
    """
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            *_STAMPS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logger


@contextmanager
def logs_to(stream: TextIO, *, level: LogLevel = "info", format: LogFormat = "auto") -> Iterator[None]:  # noqa: A002
    """Write the log lines of this process to `stream` until the block ends; libraries' only from warning on.

    `auto` is text on a terminal, JSON elsewhere. Tracebacks never show local variables, where tokens may be.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_STAMPS,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(format, on_terminal=stream.isatty()),
            ],
        )
    )
    root, ours = logging.getLogger(), logging.getLogger("satellite")
    before = root.handlers[:], root.level, ours.level
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    ours.setLevel(level.upper())
    try:
        yield
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])


def _renderers(form: LogFormat, *, on_terminal: bool) -> list[structlog.typing.Processor]:
    if form == "text" or (form == "auto" and on_terminal):
        return [
            structlog.dev.ConsoleRenderer(
                colors=on_terminal, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
