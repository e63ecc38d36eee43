"""The library that puts faults to calls of libc (shim.c): how it is built, and how a command's process arms it."""

from __future__ import annotations

import ctypes
import errno
import shutil
import subprocess
from pathlib import Path

KINDS = {"COUNT": 0, "KILL": 1, "ENOSPC": 2, "EIO": 2, "EINTR": 2, "SHORT": 3}


def missing() -> str:
    """Tell why the library cannot be built here, or nothing."""
    return "" if shutil.which("cc") else "no C compiler (cc) is here to build the library that refuses calls"


def built(place: Path) -> Path:
    """Build the library."""
    library = place / "shim.so"
    source = Path(__file__).with_name("shim.c")
    command = ["cc", "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library


def arm(directory: str, kind: str, number: int = 0, persistent: bool = False, log: str | None = None) -> None:
    """Arm the library in this process: the call of this number on files below the directory meets the fault."""
    log_handle = -1
    if log:
        import os

        log_handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    code = getattr(errno, kind, 0)
    ctypes.CDLL(None).faults_arm(
        directory.encode(), KINDS[kind], ctypes.c_long(number), code, int(persistent), log_handle
    )
