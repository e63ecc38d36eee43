"""The commit log: numbered files that make files of data visible together, each bound to the one before by its hash.

A commit names files with rows, bytes and sha256, and those that they stand in for; the tick it reaches, an epoch where
parameters changed, and the content digest so far. Every 64 commits are folded into a checkpoint, every 64 checkpoints
into a larger one, and so on, so that a log of any length is opened from few files and written once per level.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from qsim import versions
from qsim.errors import ConflictError, CorruptError, ReplacedError, one_line
from qsim.storage import files, lease, lock, pieces
from qsim.storage.pieces import DataFile, Piece, Tip
from qsim.storage.places import ObjectPath, Place
from qsim.storage.system import Entry
from qsim.streams import FORMAT_VERSION

COMMITS = "_commits"
CHECKPOINTS = "_checkpoints"
CHECKPOINT_EVERY = 64
# The newest commit that a follower knows of each market, as the disk told of it when it was read, and its hash.
_followed: dict[Place, tuple[Entry, str]] = {}


@dataclass(frozen=True, slots=True)
class Log(Tip):
    """The log folded up to its tip: all epochs and files, and the files that others stand in for (with the number of the
    commit that replaced them) until they are vacuumed.
    """

    epochs: tuple[dict[str, Any], ...]
    files: tuple[DataFile, ...]
    retired: tuple[tuple[str, int], ...]

    def of_table(self, table: str) -> list[DataFile]:
        """Give the files of a table, in the order of their ticks and blocks."""
        return sorted((file for file in self.files if file.table == table), key=lambda file: (file.first, file.block))


EMPTY = Log(-1, "", 0, 0, (), (), ())


def commit_path(market: Place, number: int) -> Place:
    """Give the place of a commit's file."""
    return market / COMMITS / f"{number:010d}.json"


def checkpoint_path(market: Place, number: int) -> Place:
    """Give the place of the checkpoint that ends with a commit, where one falls on it."""
    return market / CHECKPOINTS / f"{number:010d}.json"


def _commit(market: Place, number: int) -> Piece:
    path = commit_path(market, number)
    return pieces.piece_of(path, *pieces.opened(path))


def _read_piece(market: Place, number: int) -> Piece:
    """Read the largest piece of the log that ends with a commit: a checkpoint where one is, else the commit itself."""
    path = checkpoint_path(market, number)
    if (number + 1) % CHECKPOINT_EVERY or files.look(path) is None:
        return _commit(market, number)
    return pieces.piece_of(path, *pieces.opened(path))


def _walk(market: Place, number: int, since: int = 0) -> list[Piece]:
    """Read the pieces from commit `since` to commit `number`, in order."""
    found: list[Piece] = []
    while number >= since:
        found.append(_read_piece(market, number))
        number = found[-1].since - 1
    return found[::-1]


def _numbers(directory: Place) -> list[int]:
    return sorted(int(name[:-5]) for name in files.names(directory) if name.endswith(".json") and name[:-5].isdecimal())


def exists(market: Place) -> bool:
    """Tell whether a market is there: whether anything was ever committed."""
    return bool(_numbers(market / COMMITS))


def missing(market: Place) -> ConflictError:
    """Make the error for a place that holds no market, with the command that makes one there."""
    place = f"./{market}" if str(market).startswith("-") else str(market)
    return ConflictError(
        f"{market}: holds no market; name the folder of one, or make one with: qsim generate {shlex.quote(place)}"
    )


def _newest(market: Place) -> int:
    """Give the number of the newest commit that is whole.

    A newest commit that is not whole was never acknowledged and is left out.
    """
    # In this order: a writer puts a commit first and its checkpoint after it.
    checkpoints, numbers = _numbers(market / CHECKPOINTS), _numbers(market / COMMITS)
    if not numbers:
        raise missing(market)
    newest = numbers[-1]
    if checkpoints and checkpoints[-1] > newest:
        raise CorruptError(
            f"{market / COMMITS}: ends at commit {newest}, before the checkpoint of commit {checkpoints[-1]}: the log is"
            " older than its files; restore it from the copy that they came from"
        )
    try:
        pieces.opened(commit_path(market, newest))
    except pieces.UnfinishedError:
        if newest == 0:
            raise
        return newest - 1
    return newest


def commits(market: Place) -> Iterator[Piece]:
    """Read all commits in order, none by its checkpoint; CorruptError names the first that is broken."""
    before: Tip = EMPTY
    for number in range(_newest(market) + 1):
        piece = _commit(market, number)
        pieces.check_follows(before, piece)
        yield piece
        before = piece.tip


def read(market: Place) -> Log:
    """Read the log; ConflictError where there is no market, CorruptError where the log is broken.

    A newest commit that is not whole was never acknowledged and is left out; a broken one in the middle is refused.
    """
    return _log_of(pieces.joined(_walk(market, _newest(market))))


def read_on(market: Place, known: Log) -> Log:
    """Read the log as `read` does, but only what came after what is known of it, where the market still is that one."""
    newest = _newest(market)
    if not 0 <= newest - known.number <= CHECKPOINT_EVERY or _commit(market, known.number).tip.head != known.head:
        return read(market)
    if newest == known.number:
        return known
    path = commit_path(market, known.number)
    before = Piece(path, 0, "", tip_of(known), list(known.epochs), list(known.files), list(known.retired), -1)
    return _log_of(
        pieces.joined([before, *(_commit(market, number) for number in range(known.number + 1, newest + 1))])
    )


def _log_of(whole: Piece) -> Log:
    retired = tuple((name, at) for name, at in whole.removed if at > whole.vacuumed)
    tip = whole.tip
    return Log(tip.number, tip.head, tip.tick, tip.digest, tuple(whole.epochs), tuple(whole.files), retired)


def writer_of(market: Place, number: int) -> str:
    """Give the version of the qsim that wrote a commit; `unknown` of one that does not tell."""
    return str(pieces.opened(commit_path(market, number))[0].get("qsim", versions.UNKNOWN))


def goes_on(market: Place, known: Log) -> bool:
    """Tell whether there is a commit after those known, at the cost of a look at the disk; ReplacedError where these are gone,
    or are those of another market.
    """
    found = files.look(commit_path(market, known.number))
    if found is None:
        raise ReplacedError(
            f"{market / COMMITS}: commit {known.number}, which was there, is gone: the market was replaced; open it again"
        )
    if _followed.get(market) != (found, known.head):
        if _commit(market, known.number).tip.head != known.head:
            raise ReplacedError(f"{market}: holds another market than the one that was opened; open it again")
        _followed[market] = found, known.head
    return files.look(commit_path(market, known.number + 1)) is not None


def tip_of(log: Log) -> Tip:
    """Give the tip of a log alone, for a writer to go on from without keeping all files in memory."""
    return Tip(log.number, log.head, log.tick, log.digest)


def append(
    market: Place,
    tip: Tip,
    *,
    tick: int,
    digest: int,
    added: Sequence[DataFile] = (),
    epoch: dict[str, Any] | None = None,
    removed: Collection[str] = (),
    vacuumed: int | None = None,
) -> Tip:
    """Commit files that are on disk under their final names: sync their directories, then the commit; give the new tip.

    `removed` are paths that the added files stand in for: they stay on disk for who reads by an older commit.
    `vacuumed` tells that those removed by commits up to that number are there no more. ConflictError where another writer
    was quicker, or another market has taken the place of this one.
    """
    for directory in sorted({(market / file.path).parent for file in added}):
        files.sync_directory(directory)
    number = tip.number + 1
    body = {"format": FORMAT_VERSION, "number": number, "previous": tip.head, "tick": tick, "digest": f"{digest:032x}"}
    body |= {"qsim": versions.own(), "epoch": epoch, "files": [asdict(file) for file in added]}
    if removed:
        body["removed"] = sorted(removed)
    if vacuumed is not None:
        body["vacuumed"] = vacuumed
    if isinstance(market, ObjectPath):
        # Who is quicker is told to whom was not; on a disk the lock names its holder.
        body["writer"] = lease.this_process()
    data, seal = pieces.sealed(body)
    _check_place(market, tip)
    try:
        files.put_if_absent(commit_path(market, number), data)
    except ConflictError as fault:
        raise _lost(commit_path(market, number), fault) from None
    new = Tip(number, seal, tick, digest)
    complete(market, new)
    return new


def _check_place(market: Place, tip: Tip) -> None:
    """Make sure that what a tip is of is still there, and no other market in its place; ConflictError where it is not."""
    lock.check_held(market)
    if tip.number >= 0 and files.look(commit_path(market, tip.number)) is None:
        raise lock.replaced(market)


def _lost(path: Place, fault: ConflictError) -> ConflictError:
    winner = pieces.opened(path)[0].get("writer") if isinstance(path, ObjectPath) else None
    if winner is None:
        return fault
    return ConflictError(
        f"{path}: is a commit of another writer, {one_line(str(winner))[:200]}; one writer a market; what was not committed"
        " here is lost; look at the market, then run again"
    )


def fence(market: Place, log: Log) -> Log:
    """Commit that nothing happened, so that no other writer that read the log before can commit any more."""
    append(market, log, tick=log.tick, digest=log.digest)
    return read(market)


def checkpoints(market: Place) -> list[tuple[int, Place]]:
    """Give the checkpoints that are there: the number of the commit that each ends with, and its place."""
    return [(number, checkpoint_path(market, number)) for number in _numbers(market / CHECKPOINTS)]


def checkpoint(market: Place, number: int) -> bytes:
    """Fold the commits up to one where a checkpoint falls into the bytes of that checkpoint."""
    span = CHECKPOINT_EVERY
    while (number + 1) % (span * CHECKPOINT_EVERY) == 0:
        span *= CHECKPOINT_EVERY
    whole = pieces.joined([*_walk(market, number - 1, number + 1 - span), _commit(market, number)])
    tip = whole.tip
    body = {
        "format": FORMAT_VERSION,
        "since": whole.since,
        "number": number,
        "previous": whole.previous,
        "head": tip.head,
        "tick": tip.tick,
        "digest": f"{tip.digest:032x}",
        "epochs": whole.epochs,
        "files": [asdict(file) for file in whole.files],
        "removed": whole.removed,
        "vacuumed": whole.vacuumed,
    }
    return pieces.sealed(body)[0]


def complete(market: Place, tip: Tip) -> None:
    """Write the checkpoint that a commit calls for, unless it is there: a kill may have come between the two, or before
    its name was on disk for good.
    """
    if (tip.number + 1) % CHECKPOINT_EVERY:
        return
    path = checkpoint_path(market, tip.number)
    if files.look(path) is None:
        files.put(path, checkpoint(market, tip.number))
    files.sync_directory(path.parent)


def settle(market: Place, log: Log) -> None:
    """Make good what a kill or a power cut left of the log that was read: what is built on it has to find it on disk.

    A newest commit file that is not whole is removed, so that its number can be given again.
    """
    numbers = _numbers(market / COMMITS)
    if numbers and numbers[-1] > log.number:
        files.remove([commit_path(market, numbers[-1])])
    files.sync_directory(market / COMMITS)
    complete(market, log)
