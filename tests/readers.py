"""Readers at work while a market is written: `python -m tests.readers [--readers N] [--seconds S]`.

A writer commits tick after tick, compacts and vacuums; readers of DuckDB and of Polars, each a process of its own, ask
once a second and hold what they see against what must be so at any commit, which takes the whole history each time. With
`--kinds question` they ask a question instead, as users do: prices now, or a product's history; with `--kinds busy` they open
nothing and take 3 ms of a core, which tells what the machine itself adds. Prints reads, faults, and how long commits took with
no reader and with all of them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

import qsim
from qsim.errors import QsimError
from qsim.runs import recording, writing
from qsim.runs.recording import Manner
from qsim.storage import log

GRACE_SECONDS = 20
_BUSY_SECONDS = 0.003
_A_TICK = """SELECT tick, (SELECT count(*) FROM raw.events e WHERE e.tick = m.tick), sum(changed)
    FROM raw.metrics m GROUP BY tick ORDER BY tick"""

_QUESTIONS = (
    "SELECT platform, avg(price) FROM prices GROUP BY platform",
    "SELECT ts, platform, price_after FROM price_history WHERE product_id = 3 ORDER BY ts",
)


def seen_by_duckdb(market: Path) -> Iterator[tuple[int, str]]:
    """Ask by one connection, moved on each time: the newest tick, and what is wrong with what is seen."""
    connection = qsim.connect(market)
    while True:
        tick = qsim.refresh(connection)
        counts = connection.sql(_A_TICK).fetchall()
        listings, newest = connection.sql("SELECT count(*), max(updated_tick) FROM raw.state").fetchall()[0]
        again = connection.sql("SELECT max(tick) FROM raw.metrics").fetchall()[0][0]
        fault = _wrong(tick, [(row[0], row[1], row[2]) for row in counts])
        if again != (tick or None) or newest > tick or listings != 60:
            fault = fault or f"tick {tick}: {listings} listings up to {newest}, metrics up to {again}"
        yield tick, fault


def seen_by_polars(market: Path) -> Iterator[tuple[int, str]]:
    """Read the files of the newest commit one after another, table by table."""
    while True:
        history = log.read(market)
        paths = {name: [market / file.path for file in history.of_table(name)] for name in ("events", "metrics")}
        if history.tick == 0:
            yield 0, ""
            continue
        events = pl.read_parquet(paths["events"]).group_by("tick").len()
        metrics = pl.read_parquet(paths["metrics"]).group_by("tick").agg(pl.col("changed").sum()).sort("tick")
        rows = metrics.join(events, on="tick", how="left").select("tick", pl.col("len").fill_null(0), "changed")
        yield history.tick, _wrong(history.tick, rows.rows())


def asking(market: Path) -> Iterator[tuple[int, str]]:
    """Ask in turn for the mean price of each platform now, and for a product's history."""
    connection = qsim.connect(market)
    for query in itertools.cycle(_QUESTIONS):
        tick = qsim.refresh(connection)
        connection.sql(query).fetchall()
        yield tick, ""


def busy(market: Path) -> Iterator[tuple[int, str]]:
    """Take some of a core, less than the least of questions does."""
    while True:
        end = time.thread_time() + _BUSY_SECONDS
        while time.thread_time() < end:
            pass
        yield 0, ""


def _wrong(tick: int, counts: list[tuple[int, int, int]]) -> str:
    if [row[0] for row in counts] != list(range(1, tick + 1)):
        return f"tick {tick}: metrics of {len(counts)} ticks"
    torn = [row for row in counts if row[1] != row[2]]
    return f"tick {tick}: events and metrics differ at {torn[0]}" if torn else ""


KINDS = {"duckdb": seen_by_duckdb, "polars": seen_by_polars, "question": asking, "busy": busy}


def read_on(market: Path, kind: str, seconds: float) -> dict[str, object]:
    """Read once a second for so long; tell the reads, what was torn or went back, and errors."""
    faults: list[str] = []
    reads = last = 0
    seen = KINDS[kind](market)
    next(seen)
    print("reading", flush=True)
    # People do not ask all at the same time.
    time.sleep(random.random())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        try:
            tick, fault = next(seen)
        except (QsimError, OSError, duckdb.Error, pl.exceptions.PolarsError) as error:
            tick, fault = last, f"{type(error).__name__}: {error}"
            seen = KINDS[kind](market)
        faults += [fault] if fault else []
        faults += [f"tick {tick} after tick {last}"] if tick < last else []
        reads, last = reads + 1, tick
        time.sleep(max(0.0, 1 - (time.monotonic() - begun)))
    return {"reads": reads, "last": last, "faults": faults}


def write_on(market: Path, seconds: float, every: float, keep: bool) -> list[float]:
    """Run a market live, a tick every so many seconds; compact and vacuum now and then. Give the milliseconds from each tick's
    time to its commit.
    """
    took: list[float] = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        with writing.locked(market):
            writer = writing.open_writer(market, 1)
            interval = writer.world.course.epochs[-1].interval
            manner = Manner(lambda now: took.append(1000 * now.lag_seconds), speed=interval / every)
            recording.run_on(writer, max(1, min(200, int(left / every))), None, manner)
        if keep:
            qsim.compact(market)
            qsim.vacuum(market, grace_seconds=GRACE_SECONDS)
    return took


def campaign(
    folder: Path, readers: int, seconds: float, every: float = 0.05, kinds: Sequence[str] = ("duckdb", "polars")
) -> dict[str, object]:
    """Write with no reader, then with all of them; give counts, faults and the times of commits."""
    alone = folder / "alone"
    market = folder / "market"
    for place in (alone, market):
        qsim.generate(place, seed=8, products=12, batch_size=4)
    before = write_on(alone, seconds / 4, every, keep=True)
    command = [sys.executable, "-m", "tests.readers", "--read", str(market), "--seconds", str(seconds), "--kind"]
    running = [
        subprocess.Popen([*command, kinds[number % len(kinds)]], stdout=subprocess.PIPE, text=True)
        for number in range(readers)
    ]
    # Imports of many readers at once would count as the readers' work.
    for one in running:
        assert one.stdout is not None and one.stdout.readline() == "reading\n"
    beside = write_on(market, seconds, every, keep=True)
    told = [json.loads(one.communicate()[0]) for one in running]
    return {
        "reads": sum(one["reads"] for one in told),
        "ticks": qsim.status(market)["tick"],
        "last_seen": min(one["last"] for one in told),
        "faults": [fault for one in told for fault in one["faults"]],
        "alone_ms": [round(float(np.percentile(before, q)), 2) for q in (50, 99)],
        "beside_ms": [round(float(np.percentile(beside, q)), 2) for q in (50, 99)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.readers", description=__doc__)
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--every", type=float, default=0.05, help="seconds from commit to commit")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["duckdb", "polars"], help="what readers do")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kind", default="duckdb", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(read_on(arguments.read, arguments.kind, arguments.seconds)))
        return
    with tempfile.TemporaryDirectory(prefix="qsim-readers-") as folder:
        result = campaign(Path(folder), arguments.readers, arguments.seconds, arguments.every, arguments.kinds)
    print(json.dumps(result, indent=1))
    sys.exit(bool(result["faults"]))


if __name__ == "__main__":
    main()
