"""Files of a market against what its log says of them: kind, size and sha256.

A process looks at the content of a file once, and again when the system tells that the file was touched since.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from qsim.errors import CorruptError
from qsim.storage import files, log
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile
from qsim.storage.system import Entry

# A change within the same tick of the file system's clock would leave a file's marks as they are.
_SETTLED_NS = 100_000_000
_FEW = 16
_known: dict[Path, tuple[Entry, str]] = {}


def read(market: Path, file: DataFile) -> bytes:
    """Read a committed file; CorruptError where its content is not what was committed."""
    data = files.read(market / file.path)
    if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
        raise CorruptError(
            f"{market / file.path}: its sha256 is not the one in the log; restore it from a copy of the market"
        )
    return data


def check(market: Path, file: DataFile, *, afresh: bool = False) -> None:
    """Make sure that a committed file is what was committed; CorruptError names it and says how it differs.

    `afresh` reads it even where this process has done so before.
    """
    path = (market / file.path).absolute()
    found = files.look(path)
    if found is None:
        raise CorruptError(f"{path}: is missing; the log names it; restore it from a copy of the market")
    if not found.is_file or found.names > 1:
        kind = "a hard link: another name could change it" if found.is_file else "not a file but a link or a directory"
        raise CorruptError(f"{path}: is {kind}; allowed is a file of its own; put a copy in its place")
    if found.bytes != file.bytes:
        raise CorruptError(
            f"{path}: has {found.bytes} bytes, the log says {file.bytes}; restore it from a copy of the market"
        )
    if not afresh and _known.get(path) == (found, file.sha256):
        return
    read(market, file)
    if time.time_ns() - max(found.changed_ns, found.modified_ns) > _SETTLED_NS:
        _known[path] = (found, file.sha256)


def _fault(market: Path, file: DataFile, afresh: bool) -> CorruptError | None:
    try:
        check(market, file, afresh=afresh)
    except CorruptError as fault:
        return fault
    return None


def faults(market: Path, named: Iterable[DataFile], *, afresh: bool = False) -> Iterator[CorruptError]:
    """Check files, some at once, and give what is wrong, file by file."""
    named = list(named)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        # Threads are worth their start for many files only.
        apply = pool.map if len(named) > _FEW else map
        for fault in apply(lambda file: _fault(market, file, afresh), named):
            if fault is not None:
                yield fault


def check_all(market: Path, named: Iterable[DataFile]) -> None:
    """Check files, some at once; CorruptError names the first that is not what was committed."""
    for fault in faults(market, named):
        raise fault


def read_log(market: Path, known: Log | None = None) -> Log:
    """Read a market's log, or what came after what is known of it, and hold all files against it.

    ConflictError or CorruptError where that cannot be, or a file differs.
    """
    history = log.read_on(market, known) if known else log.read(market)
    check_all(market, history.files)
    return history
