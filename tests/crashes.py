"""Every crash of the small writer on the disk that forgets: `python -m tests.crashes [--depth N] [--states N]`.

From the script run through once, the states that a crash may leave are taken before every call on the disk; from each,
the script is gone on with, and crashed again, so many times; then it is gone on with to its end.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from unittest import mock

from qsim.errors import ConflictError, QsimError
from qsim.storage import integrity, leftovers, log
from tests.crash_model import Disk, mounted
from tests.crash_script import DIRECTORIES, MARKET, SCRIPT, Witness

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


def expected() -> Disk:
    """The disk after a script without a crash."""
    disk = Disk()
    go_on(disk, Witness())
    return disk


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
                integrity.check(MARKET, file, afresh=True)
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
    except QsimError as fault:
        return f"cannot go on: {fault}"
    left, wanted = (dict(one.key()) for one in (disk, right))
    for path in sorted(left.keys() | wanted.keys()):
        if not path.endswith("/LOCK") and left.get(path, "absent") != wanted.get(path, "absent"):
            return f"{path}: {'is left' if path not in wanted else 'is not as it would be without a crash'}"
    with mounted(disk):
        beside = [*leftovers.unnamed(MARKET, DIRECTORIES[3:], log.read(MARKET))]
    return f"{beside[0]}: is left" if beside else ""


def crashes(disk: Disk, witness: Witness) -> Iterator[State]:
    """Go on with the script on a copy of a disk, and give every state that a crash on the way may leave."""
    found: list[State] = []

    def take(now: Disk) -> None:
        found.extend((left, replace(witness)) for left in now.after_crash())

    disk, witness = disk.copy(), replace(witness)
    disk.before_change = take
    go_on(disk, witness)
    disk.before_change = lambda now: None
    take(disk)
    yield from found


def explore(depth: int, most: int = sys.maxsize, dropped: frozenset[str] = frozenset()) -> Found:
    """Crash the script, go on and crash it again, `depth` times over, and judge every state, up to so many of them."""
    found = Found()
    right, history = expected(), histories()
    seen: set[object] = set()
    start = Disk()
    start.dropped = dropped
    level: list[State] = [(start, Witness())]
    for deeper in range(depth):
        following: list[State] = []
        for disk, witness in level:
            for left, then in crashes_of(disk, witness, dropped, found):
                found.states += 1
                key = (left.key(), then.acknowledged, then.done)
                if key in seen:
                    continue
                seen.add(key)
                fault = judged(left, then, history)
                if not fault and deeper + 1 < depth:
                    following.append((left, then))
                if not fault:
                    fault = finished(left.copy(), replace(then), right)
                if fault:
                    found.violations.append(f"depth {deeper + 1}, command {then.done}: {fault}")
            if found.states >= most:
                break
        level = following
    found.distinct = len(seen)
    return found


def crashes_of(disk: Disk, witness: Witness, dropped: frozenset[str], found: Found) -> list[State]:
    """Take all crashes of a way from a state on; a way that cannot be gone at all is a violation."""
    disk.dropped = dropped
    try:
        return list(crashes(disk, witness))
    except QsimError as fault:
        found.violations.append(f"command {witness.done}: {fault}")
        return []


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
