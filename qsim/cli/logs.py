"""Logging of commands: for people on a terminal, JSON lines anywhere else, and into a file that is rotated where one is named."""

from __future__ import annotations

import json
import logging
import os
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import click

from qsim.errors import DiskError, QsimError
from qsim.given import LOG_LEVELS, variable
from qsim.standing import check_outside

_FILE_BYTES, _FILES_KEPT = 10_000_000, 4
_PLAIN = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}

level_option = click.option(
    "--log-level", type=click.Choice(LOG_LEVELS, case_sensitive=False), help="Default LOG_LEVEL, else WARNING."
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


class LogFile(RotatingFileHandler):
    """A log file that is rotated; others may write, move and remove it meanwhile.

    What cannot be written ends nothing: the log on standard error tells why, once for each reason.
    """

    def __init__(self, file: str) -> None:
        # A path need not be text; what is not is written as JSON escapes it.
        super().__init__(
            file, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8", errors="backslashreplace"
        )
        self.told: set[str | None] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record into the file that lies at the log's place now, not into one that was moved away."""
        if self.stream is not None and self._is_moved(self.stream):
            self._leave(self.stream)
        super().emit(record)

    def shouldRollover(self, record: logging.LogRecord) -> int:  # noqa: N802 - a name of logging
        """Tell whether a record begins a new file."""
        if self.stream is not None and self.stream.seekable():
            # Newer Pythons ask where this stream stands, which lines of other writers are beyond.
            self.stream.seek(0, os.SEEK_END)
        return super().shouldRollover(record)

    def doRollover(self) -> None:  # noqa: N802 - a name of logging
        """Begin a new file; go on with the old one where its folder does not allow that."""
        try:
            super().doRollover()
        except OSError as fault:
            self._tell(fault)
            self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - a name of logging
        """Tell why a record could not be written."""
        fault = sys.exc_info()[1]
        if isinstance(fault, OSError):
            self._tell(fault)
        else:
            super().handleError(record)

    def close(self) -> None:
        """End the log; what it still held may find no room."""
        try:
            super().close()
        except OSError as fault:
            self._tell(fault)

    def _is_moved(self, stream: TextIOWrapper) -> bool:
        try:
            return not os.path.samestat(Path(self.baseFilename).stat(), os.fstat(stream.fileno()))
        except OSError:
            return True

    def _leave(self, stream: TextIOWrapper) -> None:
        self.stream = None
        try:
            stream.close()
        except OSError as fault:
            self._tell(fault)

    def _tell(self, fault: OSError) -> None:
        if fault.strerror in self.told:
            return
        self.told.add(fault.strerror)
        line = "%s: the log cannot be kept: %s; what it should hold may be lost; free space or mend its folder"
        logging.getLogger("qsim").error(line, self.baseFilename, fault.strerror)


def level_of(given: str | None) -> str:
    """Give the level asked for, else that of QSIM_LOG_LEVEL, else that of LOG_LEVEL, else WARNING."""
    if given:
        return given.upper()
    name, text = variable("LOG_LEVEL") or ("", "WARNING")
    if text.upper() not in LOG_LEVELS:
        raise click.UsageError(f"{name}: found {text[:60]!r}; allowed are {', '.join(LOG_LEVELS)}; mend or unset it")
    return text.upper()


def _on_standard_error() -> logging.Handler:
    if sys.stderr.isatty():
        from rich.logging import RichHandler

        from qsim.cli.output import error_console

        return RichHandler(console=error_console(), show_path=False, log_time_format="%H:%M:%S")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    return handler


def _into(file: str) -> logging.Handler:
    check_outside("log_file", file)
    if Path(file).is_fifo():
        raise DiskError(f"{file}: is a pipe; allowed is a file that can be rotated; name one")
    try:
        handler = LogFile(file)
    except OSError as fault:
        raise DiskError(
            f"{file}: cannot be opened for the log: {fault.strerror}; allowed is a place that you may write; name another"
        ) from None
    handler.setFormatter(JsonLines())
    return handler


def _tell_end(files: list[logging.Handler]) -> None:
    """Write into log files what ends a command in a fault: standard error is told of it, and who reads the log alone is not."""
    fault = sys.exc_info()[1]
    if fault is None or isinstance(fault, (SystemExit, click.exceptions.Exit, BrokenPipeError)):
        return
    foreseen = isinstance(fault, (QsimError, KeyboardInterrupt, click.ClickException))
    message = "stopped at once" if isinstance(fault, KeyboardInterrupt) else str(fault) or type(fault).__name__
    record = logging.makeLogRecord(
        {"name": "qsim", "levelno": logging.ERROR, "levelname": "ERROR", "msg": message}
        | ({} if foreseen else {"exc_info": (type(fault), fault, fault.__traceback__)})
    )
    for handler in files:
        handler.handle(record)


def set_up(level: str | None, file: str | None = None) -> None:
    """Send what qsim logs to standard error and, where one is named, to a file, until the command ends."""
    logger, wanted = logging.getLogger("qsim"), level_of(level)
    handlers = [_on_standard_error(), *([_into(file)] if file else [])]

    def end() -> None:
        _tell_end(handlers[1:])
        # The file's end may have to be told on standard error.
        for handler in reversed(handlers):
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(logging.NOTSET)

    click.get_current_context().call_on_close(end)
    logger.setLevel(wanted)
    for handler in handlers:
        logger.addHandler(handler)
