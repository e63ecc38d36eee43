"""Rivals: what users would take instead, storing the same price step, and the yardstick for making Parquet."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from qsim.schema import EVENTS
from tests.bench.figures import Figure, Skipped
from tests.bench.plan import Plan, copied, large, steady_rate
from tests.bench.tasks import in_child

ORIGINAL, YARDSTICK = "sqlalchemy", "tpchgen-cli"
TITLES = {
    ORIGINAL: "original style (SQLAlchemy, 50-row batches)",
    "duckdb": "DuckDB SQL",
    "pandas": "pandas, a file a tick",
    "polars": "polars, a file a tick",
}
# Rows updated one by one cost the same in a market of any size, and two thousand take seconds.
ORIGINAL_LISTINGS, TICKS = 2000, 8
LINEITEM_ROWS, LINEITEM_COLUMNS, MEGABYTE = 6_001_215, 16, 1e6


def installed(name: str) -> bool:
    """Tell whether a rival is there: a library, or a program beside Python."""
    return find_spec(name) is not None or _program(name).exists()


def _program(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def _rate(plan: Plan, name: str) -> float:
    listings = min(5 * plan.products, ORIGINAL_LISTINGS) if name == ORIGINAL else 5 * plan.products
    folder = plan.folder / "rival"
    try:
        done = in_child("rival", name=name, folder=folder, listings=listings, ticks=1 if name == ORIGINAL else TICKS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return float(done["events"] / done["seconds"])


def _own(plan: Plan) -> dict[str, Any]:
    """Run the large market; give its speed in events, bytes and cells."""
    with copied(large(plan)) as market:
        done = in_child("run", market=market, ticks=plan.ticks, options={})
        files = list((market / "events").glob("*.parquet"))
        size = sum(path.stat().st_size for path in files)
        return {"events": steady_rate(done), "bytes": size / done["events"] * steady_rate(done)}


def _tpch(plan: Plan) -> dict[str, float]:
    """Make the table lineitem of TPC-H as Parquet; give its speed in rows and bytes."""
    folder = plan.folder / "tpch"
    scale = min(1.0, 5 * plan.products * TICKS / LINEITEM_ROWS)
    command = [
        _program(YARDSTICK),
        "parquet",
        "--scale-factor",
        f"{scale:.4f}",
        "--tables",
        "lineitem",
        "--output-dir",
        folder,
    ]
    began = perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = perf_counter() - began
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    shutil.rmtree(folder)
    return {"rows": scale * LINEITEM_ROWS / seconds, "bytes": size / seconds}


def _yardstick(own: list[dict[str, Any]], made: list[dict[str, float]], columns: int) -> Iterator[Figure]:
    yield Figure("rival, tpchgen-cli, lineitem", [one["rows"] for one in made], "rows/s")
    yield Figure("rival, tpchgen-cli, bytes", [one["bytes"] / MEGABYTE for one in made], "MB/s")
    yield Figure("rival, tpchgen-cli, cells", [LINEITEM_COLUMNS * one["rows"] for one in made], "cells/s")
    yield Figure("qsim, bytes", [one["bytes"] / MEGABYTE for one in own], "MB/s")
    yield Figure("qsim, cells", [columns * one["events"] for one in own], "cells/s")
    ratios = [columns * a["events"] / (LINEITEM_COLUMNS * b["rows"]) for a, b in zip(own, made, strict=True)]
    yield Figure("qsim / tpchgen-cli, cells", ratios, "")


def rivals(plan: Plan) -> Iterator[Figure | Skipped]:
    """Alternate the run of the large market with each rival that is installed."""
    there = [name for name in TITLES if installed(name)]
    own: list[dict[str, Any]] = []
    made: list[dict[str, float]] = []
    rates: dict[str, list[float]] = {name: [] for name in there}
    for _ in range(plan.repeat):
        own.append(_own(plan))
        for name in there:
            rates[name].append(_rate(plan, name))
        if installed(YARDSTICK):
            made.append(_tpch(plan))
    yield Figure("rivals, qsim", [one["events"] for one in own], "events/s")
    for name, title in TITLES.items():
        yield Figure(f"rival, {title}", rates[name], "events/s") if name in rates else Skipped(f"rival, {title}", name)
    yield from _ratios([one["events"] for one in own], rates)
    if made:
        yield from _yardstick(own, made, len(EVENTS.columns))
    else:
        yield Skipped(f"rival, {YARDSTICK}", YARDSTICK)


def _ratios(own: list[float], rates: dict[str, list[float]]) -> Iterator[Figure]:
    if ORIGINAL in rates:
        over = [a / b for a, b in zip(own, rates[ORIGINAL], strict=True)]
        yield Figure("qsim / original style", over, "", at_least=2000)
    others = [rates[name] for name in rates if name != ORIGINAL]
    if others:
        over = [a / max(others_now) for a, *others_now in zip(own, *others, strict=True)]
        yield Figure("qsim / best rival that stores", over, "", at_least=3)
