"""What ticks did and what runs cost, added up: by platform and category, by tick, by run."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from qsim import forks
from qsim.errors import UsageError
from qsim.given import refused
from qsim.runs import process
from qsim.scalars import whole_number
from qsim.schema import CATEGORIES, METRICS_EVERY, PLATFORM_METRICS, PLATFORMS, SIZES, STATES, Table
from qsim.standing import market_directory
from qsim.storage import integrity, lock, tables
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place

if TYPE_CHECKING:
    import pyarrow as pa

_SUMS = ("attempted", "changed", "clipped", "failed", "sized", "change_bps", "change_squares", *SIZES)


def frame_of(rows: pa.Table) -> pl.DataFrame:
    """Give an Arrow table as a frame, without copying it."""
    frame = pl.from_arrow(rows)
    # One without columns would be a series.
    assert isinstance(frame, pl.DataFrame)
    return frame


def table_of(market: Place, history: Log, table: Table, columns: Sequence[str]) -> pl.DataFrame:
    """Read some columns of a table of a market, as of the commit that a log ends with."""
    return frame_of(tables.read(market, history.of_table(table.name), list(columns)))


def by_tick(market: Place, history: Log, after: int) -> pl.DataFrame:
    """Give the rows of `schema.PLATFORM_METRICS` after a tick, with platform and category by name.

    States hold until a cell's next row; a cell has a row at each tick at which anything happened. Before them come rows of what was
    so at the tick itself, where nothing is counted but states; none where no later tick was counted, as of those nothing is known.
    """
    files = history.of_table(PLATFORM_METRICS.name)
    if all(file.last <= after for file in files):
        files = []
    known = _whole_before(files, after)
    files = [file for file in files if file.last >= known]
    rows = frame_of(tables.read(market, files) if files else PLATFORM_METRICS.arrow().empty_table())
    cell, held = ("platform_id", "category_id"), ("skipped_inactive", *STATES)
    counts = pl.col(*_SUMS, "skipped_waiting", *held).cast(pl.Int64)
    rows = rows.filter(pl.col("tick") >= known).select("tick", *cell, counts)
    before = rows.filter(pl.col("tick") <= after).sort("tick").group_by(cell).last()
    before = before.with_columns(pl.exclude("tick", *cell, *held) * 0, tick=pl.lit(max(0, after), pl.UInt32))
    rows = pl.concat([before.select(rows.columns), rows.filter(pl.col("tick") > after)])
    names = (_named(market, history, PLATFORMS, "platform"), _named(market, history, CATEGORIES, "category"))
    return rows.select("tick", *names, pl.exclude("tick", *cell)).sort("tick", "platform", "category")


def _whole_before(files: list[DataFile], tick: int) -> int:
    """Give the last tick up to one at which every cell has a row: where counting began, or a multiple of METRICS_EVERY."""
    begun = tick + 1
    for first, last in sorted(((file.first, file.last) for file in files), reverse=True):
        if first <= tick and last >= begun - 1:
            begun = first
    return max(begun, tick // METRICS_EVERY * METRICS_EVERY)


def _named(market: Place, history: Log, table: Table, name: str) -> pl.Expr:
    """Give the names in the place of their numbers, as a type that sorts by name without comparing texts."""
    known = table_of(market, history, table, [f"{name}_id", name])
    names = pl.Enum(known[name].unique().sort())
    return pl.col(f"{name}_id").replace_strict(known[f"{name}_id"], known[name], return_dtype=names).alias(name)


def _spread(row: dict[str, Any]) -> dict[str, Any]:
    """Turn the sums of a row's sizes into their mean and spread in percent, and counts into a rate of success."""
    sized, total, squares = row["sized"], row.pop("change_bps"), row.pop("change_squares")
    mean = total / sized if sized else 0.0
    row["mean_change_pct"] = round(mean / 100, 4)
    row["sd_change_pct"] = round(math.sqrt(max(0.0, squares / sized - mean * mean)) / 100, 4) if sized else 0.0
    row["success_pct"] = round(100 * (1 - row["failed"] / row["attempted"]), 4) if row["attempted"] else 100.0
    return row


def totals(rows: pl.DataFrame, by: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Add up rows that `by_tick` gave: counts, mean and spread of changes, and states at the last tick; one row for each of `by`."""
    keys = ["platform", "category"]
    last = rows.sort("tick").group_by(keys).agg(pl.col(*STATES, "skipped_inactive").last())
    if not by:
        rows, last, by = rows.with_columns(all=pl.lit("all")), last.with_columns(all=pl.lit("all")), ("all",)
    sums = rows.group_by(by).agg(pl.col(*_SUMS, "skipped_waiting").sum())
    states = last.group_by(by).agg(pl.col(*STATES, "skipped_inactive").sum())
    return [_spread(row) for row in sums.join(states, on=by).sort(by).to_dicts()]


def total(rows: pl.DataFrame) -> dict[str, Any]:
    """Add up rows as `totals` does, over all platforms and categories; empty where nothing was counted."""
    return {name: value for row in totals(rows) for name, value in row.items() if name != "all"}


def runs(directory: str | os.PathLike[str] | None = None) -> list[dict[str, Any]]:
    """Give the last line that each of the newest runs kept, the oldest first: how far it came, what it cost, how it ended.

    A market has one writer, so that a run that others came after is over, whether or not it said so: its `kind` is `killed`.
    """
    market = market_directory(directory)
    found = runs_of(process.lines(market))
    silent = [run for run in found if run["kind"] == "run"]
    if silent and silent[-1] is found[-1] and not is_over(market, silent[-1]):
        silent.pop()
    return [run | {"kind": "killed"} if run in silent else run for run in found]


def is_over(market: Place, run: dict[str, Any]) -> bool:
    """Tell whether it is sure that a run which did not say so has ended: nobody holds the lock that it held."""
    if lock.is_elsewhere(market):
        return False
    if sys.platform == "linux":
        return lock.is_free(market)
    import psutil

    return not psutil.pid_exists(run["process"])


def runs_of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the last line of each run, of the lines that runs kept, the oldest first."""
    found: list[dict[str, Any]] = []
    for line in lines:
        if found and is_of(found[-1], line):
            found.pop()
        found.append(line)
    return found


def is_of(before: dict[str, Any], line: dict[str, Any]) -> bool:
    """Tell whether a line is of the same run as the one before: process numbers come again, in a container at each start."""
    names = [(one["process"], one.get("tick", 0) - one.get("done", 0)) for one in (before, line)]
    return before["kind"] == "run" and names[0] == names[1] and before["seconds"] <= line["seconds"]


def metrics(
    directory: str | os.PathLike[str] | None = None,
    *,
    last: int | None = None,
    by: str | Sequence[str] = ("platform", "category"),
) -> dict[str, Any]:
    """Tell what the ticks of a market did, all of them or the last so many: the `total`, `rows` by platform and category (or
    what `by` names, of the two), and the newest `run`. The counts of a live run are committed once a minute: up to tick
    `counted_to`. Columns `_pct` are percents. UsageError for a `last` below 1, ConflictError where no market is.
    """
    forks.check("metrics")
    by = _by(by)
    last = None if last is None else whole_number("last", last)
    if last is not None and last < 1:
        raise UsageError(f"last: found {last}; allowed are 1 and more ticks; mend the number")
    market = market_directory(directory)
    # Vacuum may remove files while they are read, where others have taken their place.
    return integrity.at_newest(market, lambda history: _told(market, history, last, by))


def _told(market: Place, history: Log, last: int | None, by: tuple[str, ...]) -> dict[str, Any]:
    newest = runs(market)
    return {
        "directory": str(market),
        "tick": history.tick,
        **counted(market, history, last, by),
        "run": newest[-1] if newest else None,
    }


def _by(names: object) -> tuple[str, ...]:
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, (list, tuple)) or any(name not in ("platform", "category") for name in listed):
        raise refused("by", names, "platform, category or both, as ('platform', 'category')")
    return tuple(dict.fromkeys(listed))


def counted(market: Place, history: Log, last: int | None, by: tuple[str, ...]) -> dict[str, Any]:
    """Add up what the ticks up to a commit did, all that were counted or the last so many: see `metrics`."""
    ranges = [(file.first, file.last) for file in history.of_table(PLATFORM_METRICS.name)]
    to = max((last for _, last in ranges), default=0)
    after = max(0, to - last) if last else 0
    rows = by_tick(market, history, after)
    return {
        "counted_to": to,
        "ticks_counted": sum(last - max(first, after + 1) + 1 for first, last in ranges if last > after),
        "total": total(rows),
        "rows": totals(rows, by),
    }
