"""Every crash of the small writer on the disk that forgets: `python -m tests.crashes [--depth N] [--states N]`.

From the script run through once, the states that a crash may leave are taken before every call on the disk; from each,
the script is gone on with, and crashed again, so many times; then it is gone on with to its end.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from unittest import mock

from qsim.errors import ConflictError, DiskError, QsimError
from qsim.runs import writing
from qsim.storage import integrity, leftovers, lock, log
from tests.crash_model import Disk, mounted
from tests.crash_script import MARKET, SCRIPT, Witness

State = tuple[Disk, Witness]


@dataclass
class Found:
    """How many states were met, how many of them differ, and what was wrong with any."""

    states: int = 0
    distinct: int = 0
    violations: list[str] = field(default_factory=list)


def go_on(disk: Disk, witness: Witness) -> None:
    """Give the commands that have not come to their end, again or for the first time."""
    with mounted(disk):
        for command in SCRIPT[witness.done :]:
            command(witness)
            witness.done += 1


@cache
def expected() -> Disk:
    """The disk after a script without a crash."""
    disk = Disk()
    go_on(disk, Witness())
    return disk


@cache
def histories() -> dict[int, frozenset[tuple[str, str]]]:
    """The files that each commit of a script without a crash makes visible, with their hashes."""
    with mounted(expected()):
        seen: dict[str, str] = {}
        found = {}
        for piece in log.commits(MARKET):
            for name, _ in piece.removed:
                del seen[name]
            seen |= {file.path: file.sha256 for file in piece.files}
            found[piece.tip.number] = frozenset(seen.items())
        return found


def judged(disk: Disk, witness: Witness, right: dict[int, frozenset[tuple[str, str]]]) -> str:
    """Tell what is wrong with what a reader sees after a crash; nothing where all is well."""
    with mounted(disk):
        try:
            history = log.read(MARKET)
            for file in history.files:
                integrity.check(MARKET, file)
        except ConflictError:
            return "" if witness.acknowledged < 0 else f"no market, commit {witness.acknowledged} was acknowledged"
        except QsimError as fault:
            return str(fault)
    if history.number < witness.acknowledged:
        return f"commit {witness.acknowledged} was acknowledged, the log ends at {history.number}"
    if frozenset((file.path, file.sha256) for file in history.files) != right[history.number]:
        return f"commit {history.number} does not show the files it should"
    return ""


def finished(disk: Disk, witness: Witness, right: Disk) -> str:
    """Go on to the script's end; tell how the disk then differs from one without a crash."""
    try:
        go_on(disk, witness)
        with mounted(disk), lock.writer_lock(MARKET):
            writing.settled(MARKET)
    except QsimError as fault:
        return f"cannot go on: {fault}"
    left, wanted = disk.files(), right.files()
    for path in sorted(left.keys() | wanted.keys()):
        if not path.endswith("/LOCK") and left.get(path, "absent") != wanted.get(path, "absent"):
            return f"{path}: {'is left' if path not in wanted else 'is not as it would be without a crash'}"
    with mounted(disk):
        beside = [*leftovers.unnamed(MARKET, ("catalog", *writing.HISTORY_TABLES), log.read(MARKET))]
    return f"{beside[0]}: is left" if beside else ""


class Enough(BaseException):
    """Raised through the program under test: what was asked for is found."""


def crash(disk: Disk, witness: Witness, cuts: bool, each: Callable[[Disk, Witness], None]) -> None:
    """Go on with the script on a copy of a disk, and hand on every state that a kill on the way may leave, or a power cut."""

    def take(now: Disk) -> None:
        each(now.copy(), replace(witness))
        for left in now.after_power_cut() if cuts else ():
            each(left, replace(witness))

    disk, witness = disk.copy(), replace(witness)
    disk.before_change = take
    go_on(disk, witness)
    take(disk)


def stumble(number: int, code: int, lasting: bool) -> str | None:
    """Go through the script on a disk that refuses one call on it, or all from then on, until a command fails; then go
    on with a disk in order. Tell what is wrong; None where the script has fewer calls.
    """
    disk, witness, calls = Disk(), Witness(), itertools.count()
    refused: list[str] = []

    def refuse(now: Disk) -> None:
        call = next(calls)
        if call == number or (lasting and call > number):
            refused.append(now.call)
            raise OSError(code, os.strerror(code))

    disk.before_change = refuse
    try:
        go_on(disk, witness)
        # A temporary name that cannot be taken away harms nobody, and the next writer tries again.
        told = set(refused) <= {"unlink"}
    except DiskError as fault:
        told = os.strerror(code) in str(fault)
    if not refused:
        return None
    if not told:
        return f"a refused {refused[0]} is not told"
    disk.before_change = lambda now: None
    disk.held.clear()
    return judged(disk, witness, histories()) or finished(disk, witness, expected())


class Explorer:
    """Crashes of the script, each state judged once: `found` tells how many, and what was wrong."""

    def __init__(self, most: int, only_read: bool, stride: int) -> None:
        self.found = Found()
        self.right, self.history = expected(), histories()
        self.seen: set[object] = set()
        self.finished: dict[object, str] = {}
        self.most, self.only_read, self.stride = most, only_read, stride

    def judge(self, left: Disk, witness: Witness, following: list[State] | None) -> None:
        """Judge a state that a crash left, and keep it to be gone on from where that is wanted."""
        self.found.states += 1
        key = (left.key(), witness.acknowledged, witness.done)
        if key not in self.seen:
            self.seen.add(key)
            fault = judged(left, witness, self.history)
            chosen = not fault and len(self.seen) % self.stride == 0
            if chosen and following is not None:
                following.append((left, witness))
            if chosen and not self.only_read:
                shorter = (key[0], witness.done)
                if shorter not in self.finished:
                    self.finished[shorter] = finished(left.copy(), replace(witness), self.right)
                fault = self.finished[shorter]
            if fault:
                self.found.violations.append(f"command {witness.done}: {fault}")
        if self.found.states >= self.most or self.found.violations:
            raise Enough


def explore(
    depth: int,
    most: int = sys.maxsize,
    dropped: frozenset[str] = frozenset(),
    only_read: bool = False,
    kills_first: bool = False,
    stride: int = 1,
) -> Found:
    """Crash the script, go on and crash it again, `depth` times over, and judge every state, up to so many of them or to
    the first violation. `dropped` are calls that the disk leaves out; with `only_read` no state is gone on with; with
    `kills_first` the first crash is no power cut. One state in `stride` is gone on with.
    """
    explorer = Explorer(most, only_read, stride)
    start = Disk()
    start.dropped = dropped
    level: list[State] = [(start, Witness())]
    with suppress(Enough):
        for deeper in range(depth):
            following: list[State] = []
            kept = following if deeper + 1 < depth else None
            for disk, witness in level:
                disk.dropped = dropped
                cuts = deeper > 0 or not kills_first
                crash(disk, witness, cuts, lambda left, then: explorer.judge(left, then, kept))  # noqa: B023
            level = following
    explorer.found.distinct = len(explorer.seen)
    return explorer.found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--states", type=int, default=sys.maxsize)
    arguments = parser.parse_args()
    started = time.perf_counter()
    with mock.patch.object(log, "CHECKPOINT_EVERY", 3):
        found = explore(arguments.depth, arguments.states)
    seconds = time.perf_counter() - started
    print(f"{found.states:,} states, {found.distinct:,} distinct, {len(found.violations)} violations, {seconds:.0f} s")
    print("\n".join(found.violations[:20]))
    sys.exit(bool(found.violations))


if __name__ == "__main__":
    main()
