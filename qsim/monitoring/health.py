"""Is a market well? Reasons with their mends, each ok, a warning or a failure; the causes of trouble that users meet."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import polars as pl

from qsim import forks, rulebook
from qsim.errors import QsimError, counted
from qsim.monitoring import metrics
from qsim.params import NO_BATCH
from qsim.runs import process
from qsim.runs.epochs import course_of
from qsim.schema import PRODUCTS
from qsim.standing import market_directory
from qsim.storage import integrity, lock, tables
from qsim.storage.log import Log
from qsim.storage.places import Place

OK, WARNING, FAILING = 0, 1, 2
STATUS = ("ok", "warning", "failing")
LOOKED_AT = 1_000
# A run that goes on for months is not warned all the time of one that failed before it: a week.
_FORGOTTEN_SECONDS = 7 * 86_400
_FAILED_PCT, _LATE_SHARE = 5.0, 0.01
_LAG_WARNING, _LAG_FAILING, _LEAST_LAG_SECONDS = 2.0, 10.0, 1.0
_DISK_WARNING, _DISK_FAILING = 2_000_000_000, 200_000_000
_MANY_FILES = 10_000
_NOTHING_TO_MEND = (
    "nothing, its ticks were made up; where nobody stopped it, see what else the machine did (journalctl)"
)
# Spread of changes against that of the ticks before; a market of some hundred changes varies by less than this.
_BAND, _LEAST_CHANGES = (0.5, 2.0), 300

Reason = dict[str, Any]


def _reason(level: int, about: str, found: str, mend: str = "") -> Reason:
    return {"level": STATUS[level], "about": about, "found": found, "mend": mend}


def _products(market: Place, history: Log, rows: pl.DataFrame) -> Iterator[Reason]:
    """No products to update."""
    parameters = course_of(history).parameters[-1]
    active = tables.read(market, history.of_table(PRODUCTS.name), ["is_active"])["is_active"].to_numpy()
    if not active.any():
        yield _reason(
            FAILING,
            "products",
            f"none of {len(active)} products is active, so ticks have nothing to update",
            "generate a market with a lower inactive_percent, or from a list with products on sale",
        )
    elif history.tick and parameters.batch_size >= 0 and rows.height and not rows["attempted"].sum():
        found = f"no listing was taken up in the last {LOOKED_AT} ticks"
        yield _reason(FAILING, "products", found, "raise batch_size: qsim run --batch-size 50")
    elif parameters.batch_size == NO_BATCH and not rulebook.lives(parameters):
        found = "batch_size is none and nothing happens by rates, so ticks take up no product"
        yield _reason(
            FAILING, "products", found, "set a batch: qsim run --batch-size 50; or generate with --preset realistic"
        )


def _failures(market: Place, history: Log, rows: pl.DataFrame) -> Iterator[Reason]:
    """Many failures of updates."""
    attempted, failed = int(rows["attempted"].sum()), int(rows["failed"].sum())
    if failed:
        share = 100 * failed / attempted
        found = f"{failed} of {attempted} updates ({share:.2f} %) gave a price outside 1 paisa to MRP"
        mend = "see which: qsim validate; then smaller batches (--batch-size) or other parameters"
        yield _reason(FAILING if share > _FAILED_PCT else WARNING, "failures", found, mend)


def _age(run: dict[str, Any]) -> float:
    """Tell how many seconds ago the last line of a run was written."""
    return (datetime.now(UTC) - datetime.fromisoformat(run["time"])).total_seconds()


def _failed_runs(market: Place, tick: int, newest: list[dict[str, Any]]) -> Iterator[Reason]:
    """Many failures of runs."""
    lately = [run for run in newest[-20:] if _age(run) < _FORGOTTEN_SECONDS]
    broken = [run for run in lately if run["kind"] == "failed"]
    # A run without monitoring keeps no line: that it came after the failed one is told by how far the market is.
    if newest and newest[-1]["kind"] == "failed" and newest[-1]["tick"] >= tick:
        # The line of an error ends with what to do.
        found, _, mend = str(newest[-1].get("error", "")).rpartition("; ")
        mend = f"{mend if found else 'mend what it says and run again'}; nothing committed was lost"
        yield _reason(FAILING, "failures", f"the last run failed: {found or newest[-1].get('error', '')}", mend)
    elif broken:
        found = (
            f"{len(broken)} of the last {counted(len(lately), 'run')} failed, the last: {broken[-1].get('error', '')}"
        )
        yield _reason(WARNING, "failures", found, "nothing committed was lost; look at the log of these runs")


def _speed(market: Place, tick: int, newest: list[dict[str, Any]]) -> Iterator[Reason]:
    """Too slow: behind the clock, or stopped on the way; what has ended is late no more."""
    if not newest or newest[-1]["kind"] != "run":
        return
    run = newest[-1]
    if metrics.is_over(market, run):
        # Beyond what it was to run another one has gone on, without monitoring.
        if tick <= run["tick"] - run["done"] + run["wanted"]:
            found = f"the last run (process {run['process']}) ended at tick {run['tick']} without a word: killed, or its machine was"
            yield _reason(WARNING, "run", found, "run again: it goes on from the last commit")
        return
    if isinstance(market, Path) and lock.last_holder(market) not in (None, run["process"]):
        # That run is over: another one holds the lock, and has kept no line yet.
        return
    yield from _still(market, run)
    if run["tick_seconds"]:
        behind = run["lag_seconds"] / max(run["tick_seconds"], _LEAST_LAG_SECONDS)
        if behind >= _LAG_WARNING:
            found = f"{run['lag_seconds']:.1f} s behind the clock at tick {run['tick']}, ticks take {run['tick_seconds']:g} s"
            yield _reason(FAILING if behind >= _LAG_FAILING else WARNING, "speed", found, _quicker(run))
        elif run["tick_seconds"] >= _LEAST_LAG_SECONDS and run["lately_late"] > _LATE_SHARE * run["lately_done"]:
            found = f"{run['lately_late']} of the last {counted(run['lately_done'], 'tick')} came late"
            # What fell due while a run stood still came late for that alone.
            if stood := run["lately_late"] - 1 <= run["lately_stood"] / run["tick_seconds"] > 0:
                found += (
                    f", as the run stood still for {run['lately_stood']:,.0f} s: it was stopped, or its machine was"
                )
            yield _reason(WARNING, "speed", found, _NOTHING_TO_MEND if stood else _quicker(run))


def _quicker(run: dict[str, Any]) -> str:
    """Say what to do about a run that is late, by what took its time lately."""
    spent = dict(run["lately_spent"])
    if spent.pop("tell", 0.0) > sum(spent.values()):
        return "its output is taken too slowly: read --stdout faster, print less (--sample 10), or send it to a file"
    return "smaller batches (--batch-size), a longer --interval, a lower --speed, more --max-workers, or --flush 5"


def _lately(lines: list[dict[str, Any]], run: dict[str, Any]) -> dict[str, Any]:
    """Count the last ticks of a run, about a thousand, those of them that came late, the seconds that it stood still and those
    that each stage took meanwhile; and tell how long after the line before its last one came.
    """
    before: dict[str, Any] = {}
    for line in reversed(lines):
        if not metrics.is_of(line, run):
            break
        if line["done"] <= run["done"] - LOOKED_AT:
            before = line
            break
    spent = before.get("stage_seconds", {})
    gap = run["seconds"] - sum(line["seconds"] for line in lines[-2:-1] if metrics.is_of(line, run))
    return {
        "lately_done": run["done"] - before.get("done", 0),
        "lately_late": run["late_ticks"] - before.get("late_ticks", 0),
        "lately_stood": run.get("stood_seconds", 0.0) - before.get("stood_seconds", 0.0),
        "lately_spent": {stage: seconds - spent.get(stage, 0.0) for stage, seconds in run["stage_seconds"].items()},
        "gap_seconds": gap,
    }


def _quiet_seconds(market: Place, run: dict[str, Any]) -> float:
    """Tell for how long a run has kept no line, by the clock that no change of the time and no sleep of this machine moves."""
    if "monotonic_seconds" not in run or lock.is_elsewhere(market):
        return _age(run)
    return monotonic() - float(run["monotonic_seconds"])


def _is_stopped(market: Place, run: dict[str, Any]) -> bool:
    """Tell whether the process of a run was stopped by a signal: until it goes on it hears of no other one but SIGKILL."""
    import psutil

    if not isinstance(market, Path) or lock.is_elsewhere(market) or lock.last_holder(market) != run["process"]:
        return False
    try:
        return bool(psutil.Process(run["process"]).status() == psutil.STATUS_STOPPED)
    except (OSError, psutil.Error):
        return False


def _still(market: Place, run: dict[str, Any]) -> Iterator[Reason]:
    if _is_stopped(market, run):
        found = f"the run (process {run['process']}) is stopped, as by Ctrl-Z or SIGSTOP, and holds the market"
        yield _reason(FAILING, "run", found, f"let it go on: fg in its terminal, or kill -CONT {run['process']}")
        return
    quiet = _quiet_seconds(market, run)
    # One that is told to commit rarely takes a flush for it, and what it has made meanwhile some time to be written; a large market
    # takes the time that it took before.
    often = max(60.0, 20 * (run["tick_seconds"] or 0), 2 * run.get("flush_seconds", 0.0) + 30, 5 * run["gap_seconds"])
    if quiet > often:
        found = f"the run (process {run['process']}) has committed nothing for {quiet:,.0f} s"
        yield _reason(FAILING, "run", found, "look at its log; stop it (SIGTERM) and run again")


def _machine(market: Place, tick: int, newest: list[dict[str, Any]]) -> Iterator[Reason]:
    """Disk and memory."""
    import psutil

    free = shutil.disk_usage(market).free if isinstance(market, Path) else None
    if free is not None and free < _DISK_WARNING:
        level = FAILING if free < _DISK_FAILING else WARNING
        yield _reason(
            level, "disk", f"{free / 1e6:,.0f} MB are free",
            "free space beside the market, or move it; with no run going on: qsim vacuum, then qsim compact, which needs room",
        )  # fmt: skip
    try:
        memory = psutil.virtual_memory()
    except (OSError, psutil.Error) as fault:
        # Where /proc is not mounted, as in some containers, nothing tells.
        yield _reason(WARNING, "memory", f"it cannot be told how much is taken: {fault}", "let qsim read /proc")
        return
    if memory.percent > 95:
        found = f"{memory.percent:.0f} % of memory is taken"
        yield _reason(WARNING, "memory", found, "fewer --max-workers, or close other programs")


def _files(market: Place, history: Log, rows: pl.DataFrame) -> Iterator[Reason]:
    """Too many files."""
    if len(history.files) > _MANY_FILES:
        found = f"{len(history.files):,} files, which readers open slowly"
        yield _reason(WARNING, "files", found, "qsim compact, then qsim vacuum")


def _volatility(market: Place, history: Log, rows: pl.DataFrame) -> Iterator[Reason]:
    """Volatility out of its band: the spread of changes of a category against that of the ticks before."""
    since = course_of(history).epochs[-1].tick
    cut = max(since, history.tick - LOOKED_AT // 2)
    now, before = rows.filter(pl.col("tick") > cut), rows.filter(pl.col("tick").is_between(since + 1, cut))
    earlier = {row["category"]: row for row in metrics.totals(before, ("category",))}
    for row in metrics.totals(now, ("category",)):
        then = earlier.get(row["category"])
        if then is None or min(row["sized"], then["sized"]) < _LEAST_CHANGES or not then["sd_change_pct"]:
            continue
        ratio = row["sd_change_pct"] / then["sd_change_pct"]
        if not _BAND[0] <= ratio <= _BAND[1]:
            found = f"changes of {row['category']} spread by {row['sd_change_pct']:.1f} %, {ratio:.1f} times as much as before"
            mend = "look at the campaigns and parameters: qsim config show; qsim metrics"
            yield _reason(WARNING, "volatility", found, mend)


_OF_HISTORY: tuple[Callable[[Place, Log, pl.DataFrame], Iterator[Reason]], ...] = (
    _products, _failures, _files, _volatility,
)  # fmt: skip
_OF_NOW: tuple[Callable[[Place, int, list[dict[str, Any]]], Iterator[Reason]], ...] = (_failed_runs, _speed, _machine)


def recent(market: Place, history: Log) -> pl.DataFrame:
    """Read the metrics of the ticks that are looked at: the newest."""
    return metrics.by_tick(market, history, history.tick - LOOKED_AT)


def of_history(market: Place, history: Log, rows: pl.DataFrame) -> list[Reason]:
    """Give the reasons that lie in what was committed, with the recent metrics; they are the same until the next commit."""
    return [reason for check in _OF_HISTORY for reason in check(market, history, rows)]


def _of_committed(market: Place, history: Log) -> tuple[list[Reason], int]:
    integrity.present(market, history)
    return of_history(market, history, recent(market, history)), history.tick


def of_now(market: Place, tick: int) -> tuple[list[Reason], dict[str, Any]]:
    """Give the reasons that lie in the newest runs of a market at a tick and in the machine, and the newest run's last line or {}."""
    lines = process.lines(market)
    newest = metrics.runs_of(lines)
    if newest and newest[-1]["kind"] == "run":
        newest[-1] = newest[-1] | _lately(lines, newest[-1])
    return [reason for check in _OF_NOW for reason in check(market, tick, newest)], newest[-1] if newest else {}


def of_fault(fault: QsimError, about: str = "market") -> Reason:
    """Give the reason that a fault is, its mend being the end of its line."""
    found, _, mend = str(fault).rpartition("; ")
    return _reason(FAILING, about, found, mend)


def worst(reasons: list[Reason]) -> int:
    """Tell what reasons come to: OK, WARNING or FAILING."""
    return max((STATUS.index(reason["level"]) for reason in reasons), default=OK)


def health(directory: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Tell whether a market is well: `status` ok, warning or failing, `exit_code` 0, 1 or 2, and `reasons` with their mends.

    Looks at the last thousand ticks, the newest runs, and whether all files are there in their sizes; what they hold is `verify`'s
    to read. A market that cannot be read is failing.
    """
    forks.check("health")
    market = market_directory(directory)
    try:
        found, tick = integrity.at_newest(market, partial(_of_committed, market))
        reasons = [*found, *of_now(market, tick)[0]]
    except QsimError as fault:
        reasons, tick = [of_fault(fault)], None
    level = worst(reasons)
    return {"directory": str(market), "tick": tick, "status": STATUS[level], "exit_code": level, "reasons": reasons}
