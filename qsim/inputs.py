"""Small text files that a user brings: whole, within a size, from a regular file and nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from qsim.errors import InputError


def read_small(path: Path, most_bytes: int, kind: str) -> bytes:
    """Read a file of at most so many bytes; InputError where it is none, too large, empty or not to be read.

    Pipes and devices are refused and not waited for; `kind` says what is allowed, such as "a TOML file".
    """
    try:
        # A pipe that nobody writes to would hold a plain open for good.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            raw = file.read(most_bytes + 1) if stat.S_ISREG(status.st_mode) else None
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise InputError(f"{path}: cannot be read ({reason}); allowed is {kind}; name one that can") from None
    if raw is None:
        raise InputError(
            f"{path}: cannot be read (a pipe or a device); allowed is {kind}; save it to a file and name that"
        )
    if len(raw) > most_bytes:
        found = f"more than {most_bytes // 1024:,} KiB"
        raise InputError(f"{path}: found {found}; allowed is {kind} of at most that; give another file")
    if not raw.removeprefix(b"\xef\xbb\xbf").strip():
        raise InputError(
            f"{path}: found an empty file; allowed is {kind} with something in it; fill it or leave it out"
        )
    return raw
