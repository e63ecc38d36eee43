"""A market being written: its blocks brought to the head of the log, taken through windows, and committed.

One writer a market; workers take blocks, the writer alone commits.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from qsim import blocks, clock, params, rulebook, simulation
from qsim.clock import Epoch
from qsim.market.rules import Rules, Span
from qsim.market.state import Block, State
from qsim.opening import CATALOG_COLUMNS, catalog_columns, world_of
from qsim.params import Parameters
from qsim.schema import CALENDAR, DELIVERIES, DISCOUNTS, EVENTS, FEES, HISTORY, METRICS, ORDERS, SNAPSHOTS, TRUTH
from qsim.simulation import Course, World
from qsim.storage import digests, files, log, parquet, tables
from qsim.storage.log import DataFile, Log

HISTORY_TABLES = tuple(table.name for table in HISTORY)
# What blocks give tile by tile, each in a file of its own a window.
TILED = (EVENTS, DISCOUNTS, ORDERS, DELIVERIES, TRUTH)
_ROWS_A_WINDOW = 1 << 20
_LONGEST_WINDOW = 1024
_SNAPSHOT_RATIO = 32
# Where no batch is updated in turn, about one product in so many has an event in a tick.
_QUIET_SHARE = 256

_logger = logging.getLogger("qsim")


@dataclass(frozen=True)
class Progress:
    """How far a run is: the tick reached, the ticks of this call done and wanted, and the events it made."""

    tick: int
    done: int
    wanted: int
    events: int


@dataclass
class Writer:
    """A market being written: where it is, its log, and its blocks with the states they have reached."""

    market: Path
    log: Log
    world: World
    blocks: list[Block]
    states: list[State]
    highest_price: int
    workers: int
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def active_products(self) -> int:
        """Count the products that ticks take up."""
        return sum(block.products for block in self.blocks)


def course_of(history: Log) -> Course:
    """Give the epochs of a log with their parameters."""
    epochs = tuple(Epoch(entry["tick"], entry["second"], entry["interval"]) for entry in history.epochs)
    return Course(epochs, tuple(params.check(entry["parameters"]) for entry in history.epochs))


def epoch_entry(epoch: Epoch, parameters: Parameters) -> dict[str, Any]:
    """Give what a commit keeps of an epoch."""
    return {
        "tick": epoch.tick,
        "second": epoch.second,
        "interval": epoch.interval,
        "parameters": parameters.model_dump(),
    }


def epoch_digest(epoch: Epoch, parameters: Parameters) -> int:
    """Hash when an epoch starts and what it runs under."""
    return digests.of_bytes(f"epoch:{epoch.tick}:{epoch.second}", params.digest(parameters))


def _window_ticks(writer: Writer, parameters: Parameters) -> tuple[int, int]:
    """Give the ticks between commits and between snapshots: a commit holds about a million rows a block at most, and
    snapshots add about 3 % of rows. Both follow from the market and its parameters alone, never from the machine.
    """
    per = writer.blocks[0].listings_per_product
    taken = min(parameters.batch_size or writer.active_products, writer.active_products)
    if taken < 0:
        taken = max(1, writer.active_products // _QUIET_SHARE)
    in_block = max(1, min(taken, max(block.products for block in writer.blocks)) * per)
    commit = _LONGEST_WINDOW
    while commit > 1 and commit * in_block > _ROWS_A_WINDOW:
        commit //= 2
    snapshot = commit
    while snapshot * taken < _SNAPSHOT_RATIO * writer.active_products:
        snapshot *= 2
    return commit, snapshot


def open_writer(market: Path, workers: int) -> Writer:
    """Open a market whose lock is held: clear what a killed run left behind, and bring all blocks to the head of the log."""
    history = log.read(market)
    log.drop_unfinished(market, history)
    for place in (market, market / "catalog", market / log.COMMITS, market / log.CHECKPOINTS):
        files.remove_temporary(place)
    for table in HISTORY_TABLES:
        files.remove_unnamed(market / table, {Path(file.path).name for file in history.of_table(table)})
    catalog = {name: tables.read(market, history.of_table(name), needed) for name, needed in CATALOG_COLUMNS.items()}
    if calendar := history.of_table(CALENDAR.name):
        catalog[CALENDAR.name] = tables.read(market, calendar)
    world = world_of(course_of(history), catalog)
    columns = catalog_columns(catalog, world.course.parameters[0])
    cut = blocks.make_blocks(columns)
    _logger.info("%s: %d listings in %d blocks at tick %d", market, len(columns.anchor), len(cut), history.tick)
    writer = Writer(market, history, world, cut, [], 2 * int(columns.anchor.max()), workers)
    _restore(writer)
    return writer


def _restore(writer: Writer) -> None:
    """Bring every block's state to the head of the log: from the last snapshot, stepped on again where it lies behind."""
    snapshots = writer.log.of_table(SNAPSHOTS.name)
    tick = max(file.last for file in snapshots)
    seconds = clock.seconds_of(writer.world.course.epochs, tick, tick)
    running = writer.world.campaigns.running(seconds)[0]
    of_block = {file.block: file for file in snapshots if file.last == tick}
    writer.states = [
        blocks.state_of(block, tables.read(writer.market, [of_block[block.number]]), running) for block in writer.blocks
    ]
    while tick < writer.log.tick:
        last = writer.world.course.last_tick_of(tick + 1, writer.log.tick)
        step = partial(_step_only, writer, _rules(writer, tick + 1))
        for _ in simulation.run_windows(len(writer.blocks), _windows(writer, tick + 1, last), step, writer.workers):
            pass
        tick = last


def _step_only(writer: Writer, rules: Rules, at: int, window: Span) -> None:
    for _ in simulation.tiles(writer.blocks[at], writer.states[at], rules, window):
        pass


def _rules(writer: Writer, tick: int) -> Rules:
    return rulebook.rules(writer.world.course.at(tick)[1], writer.active_products, writer.highest_price)


def _windows(writer: Writer, first: int, last: int) -> Iterator[Span]:
    """Cut the ticks first..last of one epoch at the fixed ticks where commits fall, until a stop is asked for."""
    every = _window_ticks(writer, writer.world.course.at(first)[1])[0]
    while first <= last and not writer.stop.is_set():
        end = min(last, (first - 1) // every * every + every)
        yield simulation.span(writer.world, first, end)
        first = end + 1


def change_parameters(writer: Writer, changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Start an epoch at the market's tick where the changes differ from what it ran under; give its entry for the commit."""
    tick = writer.log.tick
    epoch, current = writer.world.course.epochs[-1], writer.world.course.parameters[-1]
    parameters = params.change(current, changes)
    if parameters == current:
        return None
    new = Epoch(tick, epoch.second_of(tick), parameters.update_interval_seconds)
    course = Course((*writer.world.course.epochs, new), (*writer.world.course.parameters, parameters))
    writer.world = replace(writer.world, course=course)
    return epoch_entry(new, parameters)


@dataclass(frozen=True)
class Written:
    """What a block gave in a window: its committed-to-be files, their digest, and its rows of metrics."""

    files: list[DataFile]
    digest: int
    metrics: pa.Table


def _write_window(writer: Writer, rules: Rules, snapshot_every: int, at: int, window: Span) -> Written:
    """Take one block through a window and write what it gave."""
    block, state = writer.blocks[at], writer.states[at]
    encoders = {table.name: parquet.Encoder(table.arrow()) for table in TILED}
    counts, digest = [], 0
    for tile in simulation.tiles(block, state, rules, window):
        counts.append(tile.metrics)
        for table in TILED:
            rows: pa.Table = getattr(tile, table.name)
            if rows.num_rows:
                encoders[table.name].add(rows)
                digest += digests.of_ticks(table.name, block.number, rows)
    ticks = (window.ticks[0], window.ticks[-1])
    written = [
        tables.put_history(writer.market, name, encoder.finish(), encoder.rows, ticks, block.number)
        for name, encoder in encoders.items()
        if encoder.rows
    ]
    if ticks[1] % snapshot_every == 0:
        written.append(_write_snapshot(writer, at, ticks[1]))
    return Written(written, digest, pa.concat_tables(counts))


def _write_snapshot(writer: Writer, at: int, tick: int) -> DataFile:
    rows = blocks.snapshot_table(writer.blocks[at], writer.states[at], tick)
    return tables.write_history(writer.market, SNAPSHOTS.name, rows, (tick, tick), writer.blocks[at].number)


def _commit_window(writer: Writer, window: Span, results: list[Written], epoch: dict[str, Any] | None) -> int:
    """Commit a window of all blocks; give the number of its events."""
    ticks = (window.ticks[0], window.ticks[-1])
    metrics = pa.concat_tables([written.metrics for written in results]).sort_by(
        [("tick", "ascending"), ("block", "ascending")]
    )
    added = [file for written in results for file in written.files]
    added.append(tables.write_history(writer.market, METRICS.name, metrics, ticks, 0))
    digest = writer.log.digest + sum(written.digest for written in results)
    fees = simulation.fee_changes(writer.world, window)
    if fees.num_rows:
        added.append(tables.write_history(writer.market, FEES.name, fees, ticks, 0))
        digest += digests.of_ticks(FEES.name, 0, fees)
    if epoch is not None:
        course = writer.world.course
        digest += epoch_digest(course.epochs[-1], course.parameters[-1])
    writer.log = log.append(
        writer.market, writer.log, tick=ticks[1], digest=digest % digests.MODULUS, added=added, epoch=epoch
    )
    events = sum(file.rows for file in added if file.table == EVENTS.name)
    _logger.debug("commit %d: ticks %d to %d, %d events", writer.log.number, *ticks, events)
    return events


def _commit_snapshot(writer: Writer) -> None:
    """Keep the states at the head of the log, unless they are kept already, so that the next call starts from them."""
    tick = writer.log.tick
    if any(file.first == tick for file in writer.log.of_table(SNAPSHOTS.name)):
        return
    with ThreadPoolExecutor(writer.workers) as pool:
        added = list(pool.map(lambda at: _write_snapshot(writer, at, tick), range(len(writer.blocks))))
    writer.log = log.append(writer.market, writer.log, tick=tick, digest=writer.log.digest, added=added, epoch=None)


def run_on(writer: Writer, wanted: int, epoch: dict[str, Any] | None, progress: Callable[[Progress], None]) -> None:
    """Run so many ticks under the newest epoch, whose entry goes into the first commit, and keep the states at the end."""
    start, events = writer.log.tick, 0
    if wanted:
        rules = _rules(writer, start + 1)
        every = _window_ticks(writer, writer.world.course.parameters[-1])[1]
        windows = _windows(writer, start + 1, start + wanted)
        work = partial(_write_window, writer, rules, every)
        for window, results in simulation.run_windows(len(writer.blocks), windows, work, writer.workers):
            events += _commit_window(writer, window, results, epoch)
            epoch = None
            progress(Progress(writer.log.tick, writer.log.tick - start, wanted, events))
    _commit_snapshot(writer)
