"""Logging of commands: for people on a terminal, JSON lines anywhere else, and into a file that is rotated where one is named."""

from __future__ import annotations

import json
import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from typing import Any

import click

from qsim.errors import DiskError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_FILE_BYTES, _FILES_KEPT = 10_000_000, 4
_PLAIN = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}

level_option = click.option(
    "--log-level", type=click.Choice(LEVELS, case_sensitive=False), help="Default LOG_LEVEL, else WARNING."
)
file_option = click.option(
    "--log-file",
    metavar="FILE",
    help="Log into FILE too, as JSON lines; a new one every 10 MB, four old ones are kept.",
)


class JsonLines(logging.Formatter):
    """Write a record as one line of JSON: time (UTC), level, logger, message, and what it was given beside them."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        from datetime import UTC, datetime

        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def level_of(given: str | None) -> str:
    """Give the level asked for, else that of LOG_LEVEL, else WARNING."""
    level = (given or os.environ.get("LOG_LEVEL") or "WARNING").upper()
    if level not in LEVELS:
        raise click.UsageError(f"LOG_LEVEL: found {level!r}; allowed are {', '.join(LEVELS)}")
    return level


def _on_standard_error() -> logging.Handler:
    if sys.stderr.isatty():
        from rich.logging import RichHandler

        from qsim.cli.output import error_console

        return RichHandler(console=error_console(), show_path=False, log_time_format="%H:%M:%S")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    return handler


def _into(file: str) -> logging.Handler:
    try:
        handler = RotatingFileHandler(file, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8")
    except OSError as fault:
        raise DiskError(
            f"{file}: cannot be opened for the log: {fault.strerror}; allowed is a place that you may write; name another"
        ) from None
    handler.setFormatter(JsonLines())
    return handler


def set_up(level: str | None, file: str | None = None) -> None:
    """Send what qsim logs to standard error and, where one is named, to a file, until the command ends."""
    logger, wanted = logging.getLogger("qsim"), level_of(level)
    handlers = [_on_standard_error(), *([_into(file)] if file else [])]

    def end() -> None:
        logger.setLevel(logging.NOTSET)
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()

    click.get_current_context().call_on_close(end)
    logger.setLevel(wanted)
    for handler in handlers:
        logger.addHandler(handler)
