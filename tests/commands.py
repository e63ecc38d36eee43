"""The command line in tests: run in this process or as a program, and what came of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from qsim.cli import main
from qsim.interrupts import STOPPING


@contextmanager
def signals_kept() -> Iterator[None]:
    """Put the handlers of signals that stop a command back afterwards."""
    kept = {number: signal.getsignal(number) for number in STOPPING}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Runs the command line in this process and tells what came of it."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self.capture = capture

    def __call__(self, *arguments: object) -> Done:
        self.capture.readouterr()
        return Done(main(list(map(str, arguments))), *self.capture.readouterr())

    def refused(self, code: int, *arguments: object) -> str:
        """Run what must be refused in one line on standard error alone; give the line."""
        done = self(*arguments)
        assert (done.code, done.out) == (code, ""), done
        assert done.err.startswith("qsim: ") and done.err.count("\n") == 1 and done.err.endswith("\n"), done.err
        return done.err


def program(*arguments: object, **environment: str) -> Done:
    """Run the command line as a program."""
    words = [sys.executable, "-m", "qsim", *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=environment or None)
    return Done(done.returncode, done.stdout, done.stderr)


def in_process(code: str, *arguments: object, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


def shell(words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, where `qsim` is the command line and a failure anywhere in a pipe is one."""
    line = f'set -o pipefail; qsim() {{ "{sys.executable}" -m qsim "$@"; }}; {words}'
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False, env=os.environ | environment
    )
