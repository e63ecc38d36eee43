"""A writer beside the server: a process of its own, so that what is asked does not slow the ticks."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys

from qsim.errors import ConflictError, QsimError
from qsim.given import LOG_LEVELS
from qsim.monitoring import health
from qsim.monitoring.health import Reason
from qsim.startup import same_modules
from qsim.storage.places import Place

_STOP_SECONDS = 30.0
# A year.
_MINUTES = 365 * 24 * 60

_logger = logging.getLogger("qsim")


def started(market: Place) -> subprocess.Popen[bytes]:
    """Start `qsim run` on a market, kept to the clock; what it says goes to standard error, and its log where that of this process
    goes, at the same level.

    Its standard input is a pipe that this process holds and writes nothing to: however this process ends, killed or not, the
    pipe ends with it, and the writer stops as on SIGTERM.
    """
    command = [sys.executable, "-P", "-m", "qsim", "run", str(market), "--realtime", "--duration", str(_MINUTES)]
    # Ctrl-C is for the server, which then stops the writer; its modules are those of the server, wherever that was started.
    return subprocess.Popen(
        [*command, "--stop-at-eof", *_log_options()],
        stdin=subprocess.PIPE,
        # Not sys.stderr, which in a notebook or a test may have no descriptor.
        stdout=2,
        start_new_session=True,
        env=os.environ | same_modules(),
    )


def _log_options() -> list[str]:
    logger = logging.getLogger("qsim")
    level = logging.getLevelName(logger.level)
    # One file is what the command line names; two processes may write it.
    files = [handler.baseFilename for handler in logger.handlers if isinstance(handler, logging.FileHandler)][:1]
    return [
        *(["--log-level", level] if level in LOG_LEVELS else []),
        *(word for file in files for word in ("--log-file", file)),
    ]


def fault_of(writer: subprocess.Popen[bytes] | None, replaced: bool = False) -> list[Reason]:
    """Tell that a writer has ended, well or not, so that the market stands still; nothing while it runs or where there is none.

    `replaced` is whether another market has come in the place of the one that it was started on.
    """
    code = None if writer is None else writer.poll()
    if code is None:
        return []
    found, mend = f"the writer ended with exit code {code}, and the market stands still", "start the server again"
    if replaced and code == ConflictError.exit_code:
        # It may be one that is still being copied, into which nothing is to be written unasked.
        found = "another market has come in the place of the one that the writer ran on, and stands still"
        mend = "start the server again to run it on"
    elif code:
        mend = f"mend what its words on standard error say, and {mend}"
    return [health.of_fault(QsimError(f"{found}; {mend}"), "writer")]


def stop(writer: subprocess.Popen[bytes]) -> None:
    """Let a writer commit what is under way and end; it is ended at once where it does not."""
    if writer.poll() is None:
        writer.send_signal(signal.SIGTERM)
        if hasattr(signal, "SIGCONT"):
            # One that was stopped (SIGSTOP) hears of nothing before it goes on.
            writer.send_signal(signal.SIGCONT)
        try:
            writer.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            line = "the writer (process %d) did not end in %.0f s and is killed; nothing committed is lost"
            _logger.warning(line, writer.pid, _STOP_SECONDS)
            writer.kill()
            writer.wait()
    if writer.stdin is not None:
        writer.stdin.close()
