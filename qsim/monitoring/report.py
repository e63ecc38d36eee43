"""A report of a market: what it is, whether it is well, what its ticks did and cost; as JSON, Markdown, or one HTML page."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from qsim import forks, given
from qsim.errors import DiskError, UsageError
from qsim.monitoring import market as markets
from qsim.monitoring import page
from qsim.monitoring.health import health
from qsim.monitoring.metrics import by_tick, runs, total, totals
from qsim.queries import board_states
from qsim.runs import process
from qsim.schema import PLATFORM_METRICS, STATES
from qsim.standing import check_outside, market_directory, status
from qsim.storage import integrity
from qsim.storage.log import Log
from qsim.storage.places import Place

SUFFIXES = (".json", ".md", ".html")
_STRETCHES = 160


def _stretches(rows: pl.DataFrame, first: int, counted: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Thin the ticks from the first on to at most so many stretches: changes a tick by category, mean states by platform.

    `counted` are the ranges of ticks that were counted: a category without rows there changed nothing.
    """
    if not rows.height:
        return {"changes_a_tick": {}, **{state: {} for state in STATES}}
    size = (max(last for _, last in counted) - first) // _STRETCHES + 1
    rows = rows.with_columns(at=(pl.col("tick").clip(first) - first) // size * size + first)
    ticks = Counter((max(tick, first) - first) // size * size + first
                    for begin, end in counted for tick in range(max(begin, first), end + 1))  # fmt: skip

    made = pl.DataFrame({"at": list(ticks), "ticks": list(ticks.values())}, {"at": rows["at"].dtype, "ticks": pl.Int64})
    every = rows.select("category").unique().join(made, how="cross")
    changed = every.join(
        rows.group_by("category", "at").agg(pl.col("changed").sum()), on=["category", "at"], how="left"
    )
    changes = changed.with_columns(a_tick=pl.col("changed").fill_null(0) / pl.col("ticks")).sort("at", "category")
    states = _states(rows)
    return {
        "changes_a_tick": _lines(changes, "category", "a_tick", 3),
        **{state: _lines(states, "platform", state, 1) for state in STATES},
    }


def _lines(rows: pl.DataFrame, key: str, value: str, digits: int) -> dict[str, list[list[float]]]:
    """Give a column over the stretches `at` as a line of points [at, value] for each name in the column `key`."""
    return {
        str(name): part.select("at", value).to_numpy().round(digits).tolist()
        for (name,), part in rows.partition_by(key, as_dict=True, maintain_order=True).items()
    }


def _states(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the mean states of each platform in each stretch `at`, its categories added up.

    A cell without rows in a stretch is as it was in the one before: it has rows at ticks at which something happened alone.
    """
    cell = ["platform", "category"]
    means = rows.group_by(*cell, "at").agg(pl.col(*STATES).mean())
    every = rows.select(cell).unique().join(rows.select("at").unique(), how="cross")
    held = every.join(means, on=[*cell, "at"], how="left").sort(*cell, "at")
    held = held.with_columns(pl.col(*STATES).forward_fill().backward_fill().over(cell))
    return held.group_by("platform", "at").agg(pl.col(*STATES).sum()).sort("at", "platform")


def report(
    directory: str | os.PathLike[str] | None = None, *, out: str | os.PathLike[str] | None = None
) -> dict[str, Any]:
    """Put a report of a market together: `status`, `health`, `market`, `total`, `by_platform`, `by_category`, `over_time`,
    `runs`, `costs`; and write it to the file `out` where one is named: .json, .md or .html.

    What ticks did is counted after the tick `counted_after`, a market day ago, however long the history; `market` holds
    what the report shows of the last market day: prices, the cheapest, depths, volatility, campaigns, a basket.
    UsageError for a file of another ending, ConflictError where no market is, CorruptError where a file is not what was committed.
    """
    if out is not None:
        check_file(out)
    forks.check("report")
    market = market_directory(directory)
    # Vacuum may remove files while they are read, where others have taken their place.
    found = integrity.at_newest(market, partial(_at, market))
    if out is not None:
        write(found, out)
    return found


def _at(market: Place, history: Log) -> dict[str, Any]:
    # Charts are drawn from the files by DuckDB, which would take wrong content for right.
    integrity.checked(market, history)
    after = markets.day_before(history)
    rows = by_tick(market, history, after)
    lines = process.lines(market)
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": status(market),
        "health": health(market),
        "counted_after": after,
        "market": {
            **markets.told(board_states.open_boards(market, history)),
            "basket": markets.basket(market, history),
        },
        "total": total(rows),
        "by_platform": totals(rows, ("platform",)),
        "by_category": totals(rows, ("category",)),
        "over_time": _stretches(
            rows, after + 1, [(file.first, file.last) for file in history.of_table(PLATFORM_METRICS.name)]
        ),
        "runs": runs(market)[-20:],
        "costs": [
            {name: line[name] for name in ("tick", "lag_seconds", "cpu_percent", "memory_bytes")}
            for line in lines[-500:]
        ],
    }


def check_file(file: str | os.PathLike[str]) -> Path:
    """Make sure that a report can be written to a file; UsageError where its ending or its folder is none."""
    path = Path(given.file("out", file))
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: found the ending {path.suffix!r}; allowed are {', '.join(SUFFIXES)}; mend the name")
    if not path.parent.is_dir():
        raise UsageError(
            f"{path}: its folder {path.parent} is not there; allowed is one that is; make it, or name another"
        )
    check_outside("out", path)
    return path


def write(found: Mapping[str, Any], file: str | os.PathLike[str]) -> Path:
    """Write what `report` gave to a file: JSON, Markdown or an HTML page of its own, by the file's ending."""
    path = check_file(file)
    if path.suffix == ".json":
        text = json.dumps(found, indent=1, default=str, ensure_ascii=False) + "\n"
    else:
        text = page.markdown(found) if path.suffix == ".md" else page.html(found)
    try:
        path.write_text(text, "utf-8")
    except OSError as fault:
        raise DiskError(f"{path}: cannot write the report: {fault.strerror}; name a place that you may write") from None
    return path
