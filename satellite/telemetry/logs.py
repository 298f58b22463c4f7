"""Logs: events with keys, in front of the standard library's logger `satellite`.

Event names are `noun.verb`, what varies is in keys. Whoever embeds a satellite decides where the lines go; `serve` takes
`logs_to`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "text"]

REDACTED = "***"

_SECRET_KEY = re.compile(
    r"(^|[-_. ])(tokens?|secrets?|passwords?|authorization|(private|api|satellite)[-_]key)$", re.IGNORECASE
)


def _redacted(key: object, value: Any) -> Any:
    """What may be shown under a key: nothing where it ends in token, secret, password and the like.

    Numbers stay, for they are counts. A second line of defence: no caller logs a token.
    """
    if isinstance(key, str) and _SECRET_KEY.search(key) and not isinstance(value, bool | int | float | None):
        return REDACTED
    if isinstance(value, Mapping):
        return {inner: _redacted(inner, part) for inner, part in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", part) for part in value]
    return value


class _Event:
    """A message of the standard library's logging: as text the name, then `key=value`."""

    def __init__(self, name: str, keys: Mapping[str, Any]) -> None:
        self.name = name
        self.keys = {key: _redacted(key, value) for key, value in keys.items()}

    def __str__(self) -> str:
        return f"{self.name} {self.told}".rstrip()

    @property
    def told(self) -> str:
        return " ".join(
            f"{key}={value if isinstance(value, str) and value.isprintable() else repr(value)}"
            for key, value in self.keys.items()
        )


class Log:
    """Logs events of one module: `log.info("report.accepted", project=…)`."""

    def __init__(self, name: str) -> None:
        """Args: `name` of the standard library's logger."""
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **keys: Any) -> None:
        """For those who look closely."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._logger.debug(_Event(event, keys))

    def info(self, event: str, **keys: Any) -> None:
        """What goes as it should."""
        if self._logger.isEnabledFor(logging.INFO):
            self._logger.info(_Event(event, keys))

    def warning(self, event: str, **keys: Any) -> None:
        """What somebody should know of."""
        if self._logger.isEnabledFor(logging.WARNING):
            self._logger.warning(_Event(event, keys))

    def error(self, event: str, *, exc_info: BaseException | None = None, **keys: Any) -> None:
        """What should not happen; with the error's traceback, if there is one."""
        if self._logger.isEnabledFor(logging.ERROR):
            self._logger.error(_Event(event, keys), exc_info=exc_info)


def get_logger(name: str = "satellite") -> Log:
    """A log. `name` is a module's `__name__`, below `satellite`."""
    return Log(name)


@contextmanager
def logs_to(stream: TextIO, *, level: LogLevel = "info", format: LogFormat = "auto") -> Iterator[None]:  # noqa: A002
    """Write the log lines of this process to `stream` until the block ends; libraries' only from warning on.

    `auto` is text on a terminal, JSON elsewhere. Tracebacks never show local variables, where tokens may be.
    """
    handler = logging.StreamHandler(stream)
    is_text = format == "text" or (format == "auto" and stream.isatty())
    handler.setFormatter(_Text(colours=stream.isatty()) if is_text else _Json())
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


def _event(record: logging.LogRecord) -> _Event:
    return record.msg if isinstance(record.msg, _Event) else _Event(record.getMessage(), {})


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")


class _Json(logging.Formatter):
    """An object a line."""

    def format(self, record: logging.LogRecord) -> str:
        event = _event(record)
        line = {
            **event.keys,
            "event": event.name,
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": _timestamp(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _escaped(text: str) -> str:
    """Without what begins another line or moves the cursor: strangers' words are in it."""
    return text if text.isprintable() else repr(text)[1:-1]


_COLOURS = {"debug": 32, "info": 32, "warning": 33, "error": 31, "critical": 31}


class _Text(logging.Formatter):
    """For people: when, how grave, what, who says so, the keys; a traceback below."""

    def __init__(self, *, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        event, level = _event(record), record.levelname.lower()
        line = (
            f"{self._in(2, _timestamp(record))} [{self._in(_COLOURS.get(level, 1), f'{level:<9}')}] "
            f"{self._in(1, f'{_escaped(event.name):<30}')} [{self._in(34, record.name)}] {event.told}"
        ).rstrip()
        if not record.exc_info:
            return line
        return "\n".join([line, *map(_escaped, self.formatException(record.exc_info).split("\n"))])

    def _in(self, colour: int, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text
