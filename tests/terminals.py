"""A terminal for tests: a program run in a pseudo-terminal of a size, what it draws, and keys for it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>])")
SECONDS = 60.0


@dataclass
class Terminal:
    """A program in a terminal: its process, our end of the terminal, and all that was drawn so far."""

    process: subprocess.Popen[bytes]
    ours: int
    drawn: str = ""

    def until(self, wanted: Callable[[str], object]) -> str:
        """Read until what was drawn is as wanted; give it without its escapes."""
        end = time.monotonic() + SECONDS
        while not wanted(self.text):
            assert time.monotonic() < end, self.drawn[-4000:]
            self._read()
        return self.text

    def _read(self) -> bool:
        if not select.select([self.ours], [], [], 0.2)[0]:
            return self.process.poll() is None
        try:
            part = os.read(self.ours, 65_536)
        except OSError:  # How Linux tells that nobody holds the other end.
            return False
        self.drawn += part.decode("utf-8", "replace")
        return bool(part)

    @property
    def text(self) -> str:
        """What was drawn, without escapes."""
        return ESCAPES.sub("", self.drawn)

    def press(self, keys: bytes) -> None:
        """Type keys; the terminal makes a signal of Ctrl-C."""
        os.write(self.ours, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, of which the program is told by a signal."""
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def ended(self) -> int:
        """Read to the end of the program; give its exit code."""
        while self._read():
            pass
        return self.process.wait(SECONDS)


@contextmanager
def terminal(*words: object, columns: int = 80, rows: int = 24, kind: str = "xterm-256color") -> Iterator[Terminal]:
    """Run `qsim` with these words in a terminal of its own, which it controls."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    command = [sys.executable, "-c", _CONTROLLING, *map(str, words)]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=environment | {"TERM": kind},
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
        os.close(ours)


# A session has no terminal until its leader takes one.
_CONTROLLING = """import fcntl, sys, termios
from qsim.cli import main
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.exit(main(sys.argv[1:]))"""
