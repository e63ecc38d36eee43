"""Where a market is and stands, told from its log alone: loads no library that only a run or a query needs."""

from __future__ import annotations

import os
from typing import Any

from qsim import clock
from qsim.clock import Epoch
from qsim.errors import ConflictError
from qsim.schema import CATALOG, HISTORY
from qsim.storage import log
from qsim.storage.places import Place, place_of

DEFAULT_DIRECTORY = "data/market"
_TOLD = {"preset": str, "seed": int, "start": str, "catalog": str, "calendar": str, "scenario": str}


def market_directory(directory: str | os.PathLike[str] | None = None) -> Place:
    """Give the market's directory, a local one or an object store's URL: the one named, else `QSIM_DIR`, else data/market."""
    named = None if directory == "" else directory
    market = place_of(named if named is not None else os.environ.get("QSIM_DIR") or DEFAULT_DIRECTORY)
    try:
        market.absolute()
    except FileNotFoundError:
        raise ConflictError(
            f"{market}: is below a working directory that was removed; go to one that is there, or name the whole path"
        ) from None
    return market


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
    `bytes` on disk, `digest` of the content and `head`, the hash of the newest commit. ConflictError where no market is.
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
    }
