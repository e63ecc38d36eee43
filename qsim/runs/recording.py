"""A run written down: blocks taken through windows into files, windows committed, the states kept at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import pyarrow as pa

from qsim import allocation, interrupts, simulation, threads
from qsim.errors import ConflictError, UsageError
from qsim.given import flag, variable
from qsim.market.rules import Span
from qsim.runs import forecast, merging, pacing, windows
from qsim.runs.epochs import epoch_digest
from qsim.runs.finishing import Finishing
from qsim.runs.merging import Tiers
from qsim.runs.pacing import Laps, Pace
from qsim.runs.process import Recorder
from qsim.runs.windows import Written
from qsim.runs.writing import Writer, rules_at, spans, window_ticks
from qsim.schema import EVENTS, FEES, METRICS, SNAPSHOTS
from qsim.storage import digests, log, tables
from qsim.storage.pieces import DataFile

_COUNTS_SECONDS = 60.0
# Ticks, of a second at least, from which on a lag is logged.
_LAG_TOLD = 2.0
_SWITCHES = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False, "on": True, "off": False}

_logger = logging.getLogger("qsim")


def monitoring_wanted(given: bool | None) -> bool:
    """Tell whether a run is to be monitored: as given, else as QSIM_ENABLE_MONITORING or ENABLE_MONITORING says, else it is."""
    if given is not None:
        return flag("monitoring", given)
    name, text = variable("ENABLE_MONITORING") or ("", "true")
    if text.lower() not in _SWITCHES:
        raise UsageError(f"{name}: found {text[:60]!r}; allowed are {', '.join(_SWITCHES)}; mend the variable")
    return _SWITCHES[text.lower()]


@dataclass(frozen=True)
class Progress:
    """How far a run is: the tick reached, the ticks of this call done and wanted, and the events it made; of a paced run,
    the seconds by which the tick was committed after it was due, how many ticks so far came after the next one was due, and the
    seconds that the process stood still in a wait, as where it was stopped.
    """

    tick: int
    done: int
    wanted: int
    events: int
    lag_seconds: float = 0.0
    late_ticks: int = 0
    stood_seconds: float = 0.0


@dataclass(frozen=True)
class Manner:
    """How a run is done, which changes nothing of what it makes.

    `progress` is told of each commit, `on_events` given its events in the order (tick, listing_id). With a `speed`, ticks
    keep to the clock, market time so many times as fast, and are committed one by one or every `flush` seconds.
    """

    progress: Callable[[Progress], None] = lambda now: None
    on_events: Callable[[pa.Table], None] | None = None
    speed: float | None = None
    flush: float = 0.0


PLAIN = Manner()


def _commit_window(
    writer: Writer, window: Span, results: list[Written], epoch: dict[str, Any] | None, counts_due: bool
) -> list[DataFile]:
    """Commit a window of all blocks; give its files. Platform metrics go with it where they are due."""
    ticks = (window.ticks[0], window.ticks[-1])
    metrics = pa.concat_tables([written.metrics for written in results]).sort_by(
        [("tick", "ascending"), ("block", "ascending")]
    )
    added = [file for written in results for file in written.files]
    added.append(tables.write_history(writer.market, METRICS.name, metrics, ticks, 0))
    has_snapshot = any(file.table == SNAPSHOTS.name for file in added)
    if writer.counts is not None:
        writer.counts.add([rows for written in results for rows in written.counts])
        # A snapshot comes with all counts so far: who goes on from it makes those of later ticks again.
        added += writer.counts.write(writer.market, ticks[1]) if counts_due or has_snapshot else []
    digest = writer.tip.digest + sum(written.digest for written in results)
    fees = simulation.fee_changes(writer.world, window)
    if fees.num_rows:
        added.append(tables.write_history(writer.market, FEES.name, fees, ticks, 0))
        digest += digests.of_ticks(FEES.name, 0, fees)
    if epoch is not None:
        course = writer.world.course
        digest += epoch_digest(course.epochs[-1], course.parameters[-1])
    writer.tip = log.append(
        writer.market, writer.tip, tick=ticks[1], digest=digest % digests.MODULUS, added=added, epoch=epoch
    )
    if has_snapshot:
        writer.kept = ticks[1]
    _logger.debug("commit %d: ticks %d to %d, %d events", writer.tip.number, *ticks, _events(added))
    return added


def _events(files: list[DataFile]) -> int:
    return sum(file.rows for file in files if file.table == EVENTS.name)


def _commit_snapshot(writer: Writer) -> None:
    """Keep the states at the head of the log, unless they are kept already, so that the next call starts from them."""
    tick = writer.tip.tick
    if writer.kept == tick:
        return
    write = partial(windows.write_snapshot, writer.market, tick=tick)
    added = threads.for_each(write, writer.blocks, writer.states, workers=writer.workers)
    if writer.counts is not None:
        added += writer.counts.write(writer.market, tick)
    writer.tip = log.append(writer.market, writer.tip, tick=tick, digest=writer.tip.digest, added=added)
    writer.kept = tick


def _in_order(results: list[Written]) -> pa.Table:
    events = pa.concat_tables([table for written in results for table in written.events])
    return events.sort_by([("tick", "ascending"), ("listing_id", "ascending")])


@interrupts.held_back()
def run_on(writer: Writer, wanted: int, epoch: dict[str, Any] | None, manner: Manner = PLAIN) -> None:
    """Run so many ticks under the newest epoch, whose entry goes into the first commit, and keep the states at the end.

    Where the market is monitored, what the run costs and how it ended are kept beside it.
    """
    parameters, recorder = writer.world.course.parameters[-1], None
    tick_seconds = parameters.update_interval_seconds / manner.speed if manner.speed else None
    seconds = (writer.world.course.epochs[-1].second_of(writer.tip.tick + more) for more in (0, wanted))
    forecast.warn_of_calendar(writer.market, writer.world.calendar, parameters.start, *seconds)
    if writer.counts is not None and wanted:
        # A run may fail before its first commit.
        recorder = Recorder(
            writer.market, tick_seconds, manner.flush, last=vars(Progress(writer.tip.tick, 0, wanted, 0))
        )
    try:
        if wanted:
            _run(writer, wanted, epoch, manner, tick_seconds, recorder)
        _commit_snapshot(writer)
    except BaseException as fault:
        # What conflicts is another market that has taken this one's place, whose runs went well.
        if recorder is not None and not isinstance(fault, ConflictError):
            stopped = isinstance(fault, KeyboardInterrupt)
            recorder.write("stopped" if stopped else "failed", "" if stopped else str(fault) or type(fault).__name__)
        raise
    if recorder is not None:
        recorder.write("end")


@contextmanager
def _results(
    writer: Writer, cut: Iterator[Span], every: int, paced: bool
) -> Iterator[Iterator[tuple[Span, list[Written]]]]:
    """Take all blocks through windows and give the results one by one; at the end nothing is under way any more."""
    work = partial(writer.take, writer, rules_at(writer, writer.tip.tick + 1), every)
    # The results of a paced window are not to wait for the next one's time.
    ahead = 0 if paced else 1
    results = simulation.run_windows(len(writer.blocks), cut, work, writer.workers, ahead, writer.give_up)
    with allocation.objects_frozen(), ThreadPoolExecutor(writer.workers) as pool:
        if not paced:
            writer.finishing = Finishing(pool)
        try:
            with closing(results):
                yield results
        finally:
            writer.finishing = None


def _run(
    writer: Writer,
    wanted: int,
    epoch: dict[str, Any] | None,
    manner: Manner,
    tick_seconds: float | None,
    recorder: Recorder | None,
) -> None:
    start = writer.tip.tick
    every = window_ticks(writer, writer.world.course.parameters[-1])[1]
    writer.keep_events = manner.on_events is not None
    pace = None if tick_seconds is None else Pace(start, monotonic(), tick_seconds, manner.flush)
    tiers = merging.tiers_of(writer.market) if pace else Tiers()
    cut = spans(writer, start + 1, start + wanted, pace)
    events, late, written = 0, 0, monotonic()
    with _results(writer, cut, every, pace is not None) as done:
        for window, results in done:
            laps = Laps()
            # Paced commits are many and small, and each file of metrics takes some kB.
            counts_due = pace is None or monotonic() - written >= _COUNTS_SECONDS
            files = _commit_window(writer, window, results, epoch, counts_due)
            laps.lap("commit")
            written, epoch, tick = monotonic() if counts_due else written, None, writer.tip.tick
            lag = stood = 0.0
            if pace is not None:
                lag, more = _lateness(writer, window, pace, counts_due)
                late, stood = late + more, sum(pace.stood)
            events += _events(files)
            progress = Progress(tick, tick - start, wanted, events, round(lag, 3), late, round(stood, 3))
            _tell(manner, recorder, progress, results, laps)
            if pace is not None:
                merging.add(tiers, files)
                until = pacing.free_until(pace, tick + 1, start + wanted)
                merging.tidy(writer, tiers, until, laps.seconds["commit"])


def _lateness(writer: Writer, window: Span, pace: Pace, told: bool) -> tuple[float, int]:
    """Give by how many seconds a window that was committed now is behind the clock and how many of its ticks are late; a large lag
    is logged where it is to be `told`.
    """
    now, tick = pacing.elapsed(pace), window.ticks[-1]
    lag = max(0.0, now - pace.due(tick))
    if told and lag >= _LAG_TOLD * max(pace.tick_seconds, 1.0):
        line = "%s: %.1f s behind the clock at tick %d; qsim health tells why and what to do"
        _logger.warning(line, writer.market, lag, tick)
    return lag, pace.late(window.ticks[0], tick, now)


def _tell(manner: Manner, recorder: Recorder | None, now: Progress, results: list[Written], laps: Laps) -> None:
    """Tell of a commit: its events first, then the progress, then what it took."""
    if manner.on_events is not None:
        told = _in_order(results)
        with interrupts.let_through():
            manner.on_events(told)
    with interrupts.let_through():
        manner.progress(now)
    laps.lap("tell")
    if recorder is not None:
        recorder.told(now, laps.seconds, *(written.seconds for written in results))
