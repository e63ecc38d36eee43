"""strace as a second witness: what calls a command makes on the market directory, and kills put by it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

from tests.faults.steps import Step
from tests.faults.warm import PATIENCE, Ended, Warm

# The library of shim.c stands for these together where libc makes one of another: a directory's stream is opened by
# openat and fstat, and is read by as many getdents64 as the kernel likes.
_WITHIN_LIBC = {"getdents64", "newfstatat", "statfs"}


def missing() -> str:
    """Tell why calls cannot be traced here, or nothing."""
    if not shutil.which("strace"):
        return "strace is not here"
    done = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"strace: {done.stderr.strip()[:100]}" if done.returncode else ""


def traced(warm: Warm, step: Step, market: Path, *options: str, log: Path) -> Ended:
    """Run a step on the market as it stands under strace with these options, whose lines go to `log`.

    The command waits for a file, not for a signal: strace and a stopped process that is sent one may wait for each other.
    """
    gate = log.with_name("gate")
    for path in (gate, log):
        path.unlink(missing_ok=True)
    command = warm.start(*step.on(market), held=str(gate))
    words = ["strace", "-f", "-y", "-qq", "-s", "0", "-o", str(log), *options, "-p", str(command.pid)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as tracer:
        deadline = time.monotonic() + PATIENCE
        # The first line is of the wait itself: from then on no call goes unseen.
        while not (log.exists() and log.stat().st_size):
            if tracer.poll() is not None or time.monotonic() > deadline:
                command.kill()
                raise OSError(f"strace does not attach: {tracer.stderr.read() if tracer.stderr else ''}")
            time.sleep(0.005)
        gate.touch()
        ended = command.ended()
        tracer.wait(PATIENCE)
    return ended


def calls_on(market: Path, log: Path) -> Counter[str]:
    """Count by name the calls in a log of strace on a market directory, those apart that are made within libc."""
    counts: Counter[str] = Counter()
    for line in log.read_text().splitlines():
        text = line.partition(" ")[2].strip()
        # The end of a call that another thread interrupted was counted where it began.
        name = text.partition("(")[0]
        if not text.startswith("<...") and re.search(rf'[<"]{re.escape(str(market))}[/>"]', text):
            counts[name] += 1
    return Counter({name: count for name, count in counts.items() if name not in _WITHIN_LIBC})


def by_library(names: list[str]) -> Counter[str]:
    """Count by name the calls that the library saw, those apart that are made within libc."""
    return Counter(name for name in names if name not in _WITHIN_LIBC)
