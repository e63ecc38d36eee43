"""What a run that is asked for would take, told and checked before anything of the market is written or locked."""

from __future__ import annotations

import shutil
from pathlib import Path

from qsim import clock
from qsim.clock import Epoch
from qsim.errors import DiskError, UsageError
from qsim.params import NO_BATCH, Parameters
from qsim.schema import HISTORY, SNAPSHOTS
from qsim.storage.log import Log

# An event takes 8.6 bytes on disk (README, "Parquet settings are measured"), and snapshots add about 3 % of rows.
BYTES_A_ROW = 9
# What one core makes and writes, to the nearest million; for telling alone.
ROWS_A_SECOND = 5_000_000
# Where no batch is updated in turn, about one product in so many has an event in a tick.
QUIET_SHARE = 256


def rows_a_tick(history: Log, parameters: Parameters) -> float:
    """Estimate the rows of a tick: from the ticks since the parameters last changed, else from the batch size."""
    since = history.epochs[-1]["tick"]
    if history.epochs[-1]["parameters"] == parameters.model_dump() and history.tick > since:
        names = {table.name for table in HISTORY} - {SNAPSHOTS.name}
        rows = sum(file.rows for file in history.files if file.table in names and file.first > since)
        return rows / (history.tick - since)
    products = sum(file.rows for file in history.of_table("products"))
    batch = parameters.batch_size or products
    taken = products / QUIET_SHARE if batch == NO_BATCH else min(batch, products)
    return taken * parameters.listings_per_product


def told(rows: float) -> str:
    """Say what so many rows take: bytes and hours."""
    size, units = rows * BYTES_A_ROW, ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    while size >= 1000 and len(units) > 1:
        size, _ = size / 1000, units.pop(0)
    return f"about {size:,.0f} {units[0]} and {rows / ROWS_A_SECOND / 3600:,.1f} hours"


def check(market: Path, history: Log, parameters: Parameters, ticks: int) -> None:
    """Refuse a run of so many ticks under `parameters` that market time or the disk has no room for.

    UsageError beyond the last second that a market may reach, DiskError where fewer bytes are free than it would write.
    """
    epoch = Epoch(*(history.epochs[-1][name] for name in ("tick", "second", "interval")))
    interval = parameters.update_interval_seconds
    left = (clock.MAX_SECOND - epoch.second_of(history.tick)) // interval
    rows = rows_a_tick(history, parameters) * ticks
    if ticks > left:
        raise UsageError(
            f"ticks: found {ticks:,} of {interval} s, {told(rows)}; allowed are {left:,}, up to 136 years from the start;"
            " run fewer"
        )
    free = shutil.disk_usage(market).free
    if rows * BYTES_A_ROW > free:
        raise DiskError(
            f"{market}: {ticks:,} ticks take {told(rows)}; allowed are the {free:,} bytes that are free;"
            " run fewer ticks, or free space"
        )
