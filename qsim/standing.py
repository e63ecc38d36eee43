"""Where a market is and stands, told from its log alone: loads no library that only a run or a query needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from qsim import clock, given
from qsim.clock import Epoch
from qsim.errors import ConflictError, UsageError
from qsim.schema import CATALOG, HISTORY
from qsim.storage import lock, log
from qsim.storage.places import Place, place_of

DEFAULT_DIRECTORY = "data/market"
SETTINGS_FILE = "market.toml"
_TOLD = {"preset": str, "seed": int, "start": str, "catalog": str, "calendar": str, "scenario": str}


def market_directory(directory: str | os.PathLike[str] | None = None) -> Place:
    """Give the market's directory, a local one or an object store's URL: the one named, else `QSIM_DIR`, else data/market."""
    if directory == "":
        # A script's variable that is not set would have the market of somebody else run on.
        raise given.refused("directory", directory, "a folder or an object store's URL", "name one, or leave it out")
    market = place_of(directory if directory is not None else os.environ.get("QSIM_DIR") or DEFAULT_DIRECTORY)
    try:
        market.absolute()
    except FileNotFoundError:
        raise ConflictError(
            f"{market}: is below a working directory that was removed; go to one that is there, or name the whole path"
        ) from None
    return market


def check_outside(name: str, file: str | os.PathLike[str]) -> None:
    """Make sure that a file which is to be written is none of a market's own: UsageError for those that it is made of, and for all
    in its folders.
    """
    path = Path(file).resolve()
    for market in path.parents:
        inside = path.relative_to(market)
        if (market / log.COMMITS).is_dir() and (len(inside.parts) > 1 or inside.name in (SETTINGS_FILE, lock.LOCK)):
            raise UsageError(
                f"{name}: found {file}, which is for what the market {market} is made of; allowed is any other place; name one"
            )


def _told(parameters: dict[str, Any]) -> dict[str, Any]:
    """Give those of an epoch's parameters that a status tells."""
    if all(isinstance(parameters.get(name), kind) for name, kind in _TOLD.items()):
        return {name: parameters[name] for name in _TOLD}
    # Not as commits are written now: checked in full, which takes longer to load than all the rest.
    from qsim import params

    checked = params.check(parameters)
    return {name: getattr(checked, name) for name in _TOLD}


def status(directory: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Tell what a market holds and where it stands, from its log alone, as `qsim status --json` prints it.

    Counts of rows (`products`, `listings`, `events` ...), the `tick` reached and its `market_time` in India as text,
    `bytes` on disk, `digest` of the content, `head`, the hash of the newest commit, and `made_by`, the qsim that
    generated it. ConflictError where no market is.
    """
    market = market_directory(directory)
    history = log.read(market)
    newest = history.epochs[-1]
    epoch, told = Epoch(newest["tick"], newest["second"], newest["interval"]), _told(newest["parameters"])
    start = clock.parse_start(told.pop("start"))
    rows = {table.name: sum(file.rows for file in history.of_table(table.name)) for table in (*CATALOG, *HISTORY)}
    return {
        "directory": str(market),
        **told,
        "products": rows["products"],
        "stores": rows["stores"],
        "listings": rows["listings"],
        "campaigns": rows["campaigns"],
        "tick": history.tick,
        "market_time": clock.timestamp(start, epoch.second_of(history.tick)).isoformat(" "),
        "interval_seconds": epoch.interval,
        "events": rows["events"],
        "snapshots": len({file.first for file in history.of_table("snapshots")}),
        "commits": history.number + 1,
        "files": len(history.files),
        "bytes": sum(file.bytes for file in history.files),
        "digest": f"{history.digest:032x}",
        "head": history.head,
        "made_by": f"qsim {log.writer_of(market, 0)}",
    }
