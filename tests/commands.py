"""The command line in tests: run in this process or as a program, and what came of it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest

from qsim.cli import main


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


def on_a_terminal(*arguments: object, **environment: str) -> str:
    """Run the command line as a program that draws on a terminal, and succeeds; give all that it drew."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "qsim", *map(str, arguments)]
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, env={**os.environ, **environment}) as run:
        os.close(theirs)
        drawn = b"".join(_read_to_the_end(ours)).decode(errors="replace")
    os.close(ours)
    assert run.returncode == 0, drawn
    return drawn


def _read_to_the_end(terminal: int) -> Iterator[bytes]:
    # One read gives but some of what was drawn, and an error once nobody holds the other end.
    with suppress(OSError):
        while data := os.read(terminal, 65_536):
            yield data
