"""Files of a market against what its log says of them: kind, size and sha256.

A process looks at the content of a file once, and again when the system tells that the file was touched since.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from qsim import threads
from qsim.errors import CorruptError
from qsim.storage import files, log, objects
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile
from qsim.storage.places import ObjectPath, Place
from qsim.storage.system import Entry

# A change within the same tick of the file system's clock would leave a file's marks as they are.
_SETTLED_NS = 100_000_000
_FEW_BYTES = 4 << 20
_THREADS = 4
_TIMES = 3
Result = TypeVar("Result")

_known: dict[Place, dict[str, tuple[Entry, str]]] = {}


def read(market: Place, file: DataFile) -> bytes:
    """Read a committed file; CorruptError where its content is not what was committed."""
    data = files.read(market / file.path)
    if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
        raise CorruptError(
            f"{market / file.path}: its sha256 is not the one in the log; restore it from a copy of the market"
        )
    return data


def _alike(path: Place, file: DataFile, found: Entry | None) -> Entry:
    """Give what lies at a path; CorruptError where the system tells that it is not the committed file, by kind or size."""
    if found is None:
        raise files.missing(path)
    if not found.is_file or found.names > 1:
        kind = "a hard link: another name could change it" if found.is_file else "not a file but a link or a directory"
        raise CorruptError(f"{path}: is {kind}; allowed is a file of its own; put a copy in its place")
    if found.bytes != file.bytes:
        raise _resized(path, found.bytes, file.bytes)
    return found


def check(market: Place, file: DataFile) -> None:
    """Make sure that a committed file is what was committed; CorruptError names it and says how it differs."""
    path = (market / file.path).absolute()
    found = _alike(path, file, files.look(path))
    read(market, file)
    # Marks from beyond now, as where the clock was put back, are no more those of a change to come than old ones.
    if abs(time.time_ns() - max(found.changed_ns, found.modified_ns)) > _SETTLED_NS:
        _known.setdefault(market.absolute(), {})[file.path] = (found, file.sha256)


def _touched(market: Path, named: list[DataFile]) -> list[DataFile]:
    """Give the files that this process has not looked at before, or that something has touched since."""
    found = files.looks(market.absolute(), [file.path for file in named])
    known = _known.get(market.absolute(), {})
    return [file for file, entry in zip(named, found, strict=True) if known.get(file.path) != (entry, file.sha256)]


def _forget(market: Place, history: Log) -> None:
    """Keep nothing of files that others stand in for: who follows a market for days would keep something of every file that it had."""
    known, named = _known.get(market.absolute(), {}), {file.path for file in history.files}
    # Other threads may look at files meanwhile, and one of an older commit is looked at again.
    for path in set(known) - named:
        known.pop(path, None)


def _fault(market: Place, file: DataFile) -> CorruptError | None:
    try:
        check(market, file)
    except CorruptError as fault:
        return fault
    return None


def _listed_faults(market: ObjectPath, named: list[DataFile]) -> Iterator[tuple[str, CorruptError]]:
    """Hold objects against what listings tell of them: a store keeps content by its own checksums, and to fetch all of a
    market at every opening would cost more than any question that is asked of it.
    """
    listed: dict[str, Entry | None] = {}
    for folder in sorted({file.path.rpartition("/")[0] for file in named}):
        there = objects.entries(market / folder)
        listed |= {f"{folder}/{name}".lstrip("/"): found for name, found in there.items()}
    for file in named:
        found = listed.get(file.path)
        if found is None:
            yield file.path, files.missing(market / file.path)
        elif found.bytes != file.bytes:
            yield file.path, _resized(market / file.path, found.bytes, file.bytes)


def _resized(path: Place, found: int, committed: int) -> CorruptError:
    return CorruptError(f"{path}: has {found} bytes, the log says {committed}; restore it from a copy of the market")


def faults(market: Place, named: Iterable[DataFile], *, afresh: bool = False) -> Iterator[tuple[str, CorruptError]]:
    """Check files, some at once, and give the path and the fault of each that is wrong."""
    named = list(named)
    if isinstance(market, ObjectPath) and not afresh:
        yield from _listed_faults(market, named)
        return
    if not isinstance(market, ObjectPath) and not afresh:
        named = _touched(market, named)
    look: Iterable[CorruptError | None] = map(partial(_fault, market), named)
    # To hand a small file to a thread takes as long as to look at it, but where a store answers after a while.
    if isinstance(market, ObjectPath) or sum(file.bytes for file in named) > _FEW_BYTES:
        look = threads.for_each(partial(_fault, market), named, workers=_THREADS)
    for file, fault in zip(named, look, strict=True):
        if fault is not None:
            yield file.path, fault


def checked(market: Place, history: Log) -> Log:
    """Hold all files of a log against it, and give it; CorruptError names the first that is not what was committed."""
    for _, fault in faults(market, history.files):
        raise fault
    _forget(market, history)
    return history


def still(market: Place, history: Log) -> Log:
    """Make sure that the files of a log which were found sound are there still, and give it; objects are not asked for again."""
    return history if isinstance(market, ObjectPath) else checked(market, history)


def present(market: Place, history: Log) -> None:
    """Make sure that all files of a log are there in the sizes that it tells, reading none of them; CorruptError names the first
    that is not.
    """
    if isinstance(market, ObjectPath):
        checked(market, history)
        return
    here = market.absolute()
    for file, found in zip(history.files, files.looks(here, [file.path for file in history.files]), strict=True):
        _alike(here / file.path, file, found)


def read_log(market: Place, known: Log | None = None) -> Log:
    """Read a market's log, or what came after what is known of it, and hold all files against it.

    ConflictError or CorruptError where that cannot be, or a file differs.
    """
    return at_newest(market, partial(checked, market), known)


def at_newest(market: Place, act: Callable[[Log], Result], known: Log | None = None) -> Result:
    """Do something with the files of a market's log; again with a newer log, at most three times, where these are no fault:
    while it was done, others may have taken the place of files that the log named, and vacuum have removed these.
    """
    history = log.read_on(market, known) if known else log.read(market)
    for _ in range(_TIMES - 1):
        try:
            return act(history)
        except CorruptError:
            newer = log.read(market)
            if set(history.files) <= set(newer.files):
                raise
            history = newer
    return act(history)
