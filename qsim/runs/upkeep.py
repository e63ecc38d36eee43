"""Keep a market's directory in order: merge small files, remove replaced ones, hold all of it against its log."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from qsim import forks
from qsim.errors import UsageError
from qsim.runs import merging, writing
from qsim.scalars import number
from qsim.standing import market_directory
from qsim.storage import compaction, log, verification

GRACE_SECONDS = 3600.0
_MOST_GRACE_SECONDS = 1_000_000_000


def compact(directory: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Merge a market's small files of history into large ones; tell the files before and after, and the digest.

    Rows, ticks and digest stay what they were; replaced files stay for open readers until `vacuum` removes them.
    ConflictError where another process writes the market, CorruptError where a file is not what was committed.
    """
    market = market_directory(directory)
    with writing.locked(market):
        history = writing.settled(market)
        compaction.compact(market, history, merging.schemas(), merging.UNBROKEN)
        after = log.read(market)
    return {
        "directory": str(market),
        "files_before": len(history.files),
        "files": len(after.files),
        "retired": len(after.retired),
        "bytes": sum(file.bytes for file in after.files),
        "digest": f"{after.digest:032x}",
    }


def vacuum(directory: str | os.PathLike[str] | None = None, *, grace_seconds: float = GRACE_SECONDS) -> dict[str, Any]:
    """Remove files that were replaced `grace_seconds` ago or earlier; tell how many, and their bytes.

    Connections that see a commit from before the replacement fail from then on, until `qsim.refresh`.
    """
    grace_seconds = number("grace_seconds", grace_seconds)
    if not 0 <= grace_seconds <= _MOST_GRACE_SECONDS:
        raise UsageError(
            f"grace_seconds: found {grace_seconds}; allowed are 0 to {_MOST_GRACE_SECONDS:,} seconds; mend the number"
        )
    market = market_directory(directory)
    with writing.locked(market):
        history = writing.settled(market)
        _, count, size = compaction.vacuum(market, history, grace_seconds)
        kept = len(log.read(market).retired)
    return {"directory": str(market), "removed": count, "removed_bytes": size, "kept": kept}


def verify(directory: str | os.PathLike[str] | None = None, *, regenerate: str | None = None) -> dict[str, Any]:
    """Hold every commit, checkpoint and file of a market against its log; tell what was looked at, faults and notes.

    `regenerate` also simulates ticks again from the seed and compares digests: the text `all`, or `FIRST:LAST`, of which
    whole commits are taken. Nothing is changed. `passed` tells whether there are no faults; these are lines of text.
    """
    if regenerate is not None:
        forks.check("verify --regenerate")
    market = market_directory(directory)
    found = verification.verify(market, writing.DIRECTORIES, writing.CATALOG_TABLES)
    result = {"directory": str(market), **asdict(found)}
    if regenerate is not None and not found.faults:
        from qsim.runs import regeneration

        again = regeneration.regenerate(market, regenerate)
        result |= {"regenerated_ticks": again.ticks, "notes": [*found.notes, *again.notes], "faults": again.faults}
    return {**result, "passed": not result["faults"]}
