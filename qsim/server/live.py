"""A writer beside the server: a process of its own, so that what is asked does not slow the ticks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from qsim.errors import QsimError
from qsim.monitoring import health
from qsim.monitoring.health import Reason
from qsim.standing import market_directory

_STOP_SECONDS = 30.0
# A year.
_MINUTES = 365 * 24 * 60


def started(directory: str | os.PathLike[str] | None) -> subprocess.Popen[bytes]:
    """Start `qsim run` on a market, kept to the clock; what it says goes to standard error."""
    command = [sys.executable, "-m", "qsim", "run", str(market_directory(directory)), "--realtime", "--duration"]
    # Ctrl-C is for the server, which then stops the writer.
    return subprocess.Popen([*command, str(_MINUTES)], stdout=sys.stderr, start_new_session=True)


def fault_of(writer: subprocess.Popen[bytes] | None) -> list[Reason]:
    """Tell what ended a writer that did not end well; nothing while it runs or where there is none."""
    code = None if writer is None else writer.poll()
    line = (
        f"the writer ended with exit code {code}; mend what its words on standard error say, and start the server again"
    )
    return [health.of_fault(QsimError(line), "writer")] if code else []


def stop(writer: subprocess.Popen[bytes]) -> None:
    """Let a writer commit what is under way and end; it is ended at once where it does not."""
    if writer.poll() is None:
        writer.send_signal(signal.SIGTERM)
        try:
            writer.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            writer.kill()
            writer.wait()
