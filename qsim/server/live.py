"""A writer beside the server: a process of its own, so that what is asked does not slow the ticks."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys

from qsim import clock, runs, standing

_STOP_SECONDS = 30.0


def started(directory: str | os.PathLike[str] | None) -> subprocess.Popen[bytes]:
    """Start `qsim run` on a market, kept to the clock where this qsim can; what it says goes to standard error."""
    market = str(standing.market_directory(directory))
    paced = "realtime" in inspect.signature(runs.run).parameters
    words = ["--realtime", "--until", str(clock.MAX_TICK)] if paced else []
    # Ctrl-C is for the server, which then stops the writer.
    return subprocess.Popen(
        [sys.executable, "-m", "qsim", "run", market, *words], stdout=sys.stderr, start_new_session=True
    )


def fault_of(writer: subprocess.Popen[bytes] | None) -> str:
    """Tell what ended a writer that did not end well; nothing while it runs or where there is none."""
    code = None if writer is None else writer.poll()
    return f"the writer ended with exit code {code}; its words on standard error say why" if code else ""


def stop(writer: subprocess.Popen[bytes]) -> None:
    """Let a writer commit what is under way and end; it is ended at once where it does not."""
    if writer.poll() is None:
        writer.send_signal(signal.SIGTERM)
        try:
            writer.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            writer.kill()
            writer.wait()
