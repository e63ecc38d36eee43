"""A market being written: its lock, its blocks brought to the head of its log, and the windows that they are taken through.

One writer a market; workers take blocks, the writer alone commits (`recording`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pyarrow as pa

from qsim import allocation, blocks, clock, interrupts, params, rulebook, simulation
from qsim.clock import Epoch
from qsim.market.rules import Rules, Span
from qsim.market.state import Block, State
from qsim.params import NO_BATCH, Parameters
from qsim.runs import forecast, pacing, windows
from qsim.runs.counting import Counts, counts_of
from qsim.runs.epochs import course_of, epoch_entry
from qsim.runs.finishing import Finishing
from qsim.runs.pacing import Pace
from qsim.runs.windows import Wanted, Written
from qsim.runs.worlds import CATALOG_COLUMNS, catalog_columns, world_of
from qsim.schema import CALENDAR, CATALOG, HISTORY, LISTINGS, SNAPSHOTS
from qsim.simulation import Course, World
from qsim.storage import files, integrity, leftovers, lock, log, tables
from qsim.storage.log import Log
from qsim.storage.pieces import Tip
from qsim.storage.places import ObjectPath, Place
from qsim.storage.tables import AT_ONCE, Writing

HISTORY_TABLES = tuple(table.name for table in HISTORY)
CATALOG_TABLES = tuple(table.name for table in CATALOG)
DIRECTORIES = ("catalog", log.COMMITS, log.CHECKPOINTS, *HISTORY_TABLES)
_ROWS_A_WINDOW = 1 << 20
# Where a batch is updated in every tick, and where ticks may be all but empty.
_LONGEST_WINDOWS = 1024, 8192
# An hour of market time is stepped at once, and a run that is stopped ends its window: so one has not too many hours.
_LONGEST_SECONDS = 1024 * clock.HOUR
# Blocks go at most two windows ahead of what is committed, and a parameter change may have come between.
_FARTHEST_AHEAD = 4 * _LONGEST_WINDOWS[1]
_SNAPSHOT_RATIO = 16

_logger = logging.getLogger("qsim")


Take = Callable[["Writer", Rules, int, int, Span], Written | Future[Written]]


@dataclass
class Writer:
    """A market being written: where it is, the tip of its log, its blocks, and the states that they have reached.

    The log's files are not kept, so that a run's memory does not grow with its length. `kept` is the tick of the newest
    snapshot. `take` takes a block through a window: (writer, rules, ticks between snapshots, number of the block, window);
    `give_up` ends those that are under way, and `finishing` waits for the disk while blocks go on. `counts` are there where
    the market is monitored; `keep_events` has windows give their events as well as write them.
    """

    market: Place
    tip: Tip
    kept: int
    world: World
    blocks: list[Block]
    states: list[State]
    highest_price: int
    workers: int
    stop: threading.Event = field(default_factory=threading.Event)
    take: Take = field(default_factory=lambda: take_here)
    give_up: Callable[[], None] = lambda: None
    finishing: Finishing | None = None
    counts: Counts | None = None
    keep_events: bool = False

    @property
    def active_products(self) -> int:
        """Count the products that ticks take up."""
        return sum(block.products for block in self.blocks)

    def wanted(self, at: int, files: Writing = AT_ONCE) -> Wanted:
        """Tell what a window of a block is to give."""
        return Wanted(None if self.counts is None else self.counts.tallies[at], self.keep_events, files)


def window_ticks(writer: Writer, parameters: Parameters) -> tuple[int, int]:
    """Give the ticks between commits and between snapshots: a commit holds about a million rows a block at most, and
    snapshots add about 6 % of rows. Both follow from the market and its parameters alone, never from the machine.
    """
    per = writer.blocks[0].listings_per_product
    taken = forecast.products_a_tick(parameters, writer.active_products)
    in_block = min(taken, max(block.products for block in writer.blocks)) * per
    commit = _LONGEST_WINDOWS[parameters.batch_size == NO_BATCH]
    while commit > _LONGEST_WINDOWS[0] and commit * parameters.update_interval_seconds > _LONGEST_SECONDS:
        commit //= 2
    while commit > 1 and commit * in_block > _ROWS_A_WINDOW:
        commit //= 2
    snapshot = commit
    while snapshot * taken < _SNAPSHOT_RATIO * writer.active_products:
        snapshot *= 2
    return commit, snapshot


@contextmanager
def locked(market: Place) -> Iterator[None]:
    """Hold the lock of a market that is there; ConflictError where none is, or where another process writes it."""
    if not log.exists(market):
        raise log.missing(market)
    with lock.writer_lock(market):
        yield


def settled(market: Place) -> Log:
    """Read the log of a market whose lock is held, hold all files against it, and clear what a killed writer left behind.

    CorruptError names a file that is not what was committed; then nothing was changed.
    """
    history = integrity.read_log(market)
    left = leftovers.found(market, DIRECTORIES, CATALOG_TABLES, history, _FARTHEST_AHEAD)
    if left and isinstance(market, ObjectPath):
        # Their writer may only have been taken for dead, and would name them in its next commit.
        history = log.fence(market, history)
    files.make_missing(market, DIRECTORIES)
    leftovers.clear(market, DIRECTORIES, left)
    log.settle(market, history)
    return history


def writer_at(market: Place, history: Log, kept: int, workers: int) -> Writer:
    """Set up a market's blocks with their states at the tick of a snapshot."""
    catalog = {name: tables.read(market, history.of_table(name), needed) for name, needed in CATALOG_COLUMNS.items()}
    if calendar := history.of_table(CALENDAR.name):
        catalog[CALENDAR.name] = tables.read(market, calendar)
    world = world_of(course_of(history), catalog)
    columns = catalog_columns(catalog, world.course.parameters[0])
    cut = blocks.make_blocks(columns)
    _logger.info("%s: %d listings in %d blocks at tick %d", market, len(columns.anchor), len(cut), history.tick)
    running = world.campaigns.running(clock.seconds_of(world.course.epochs, kept, kept))[0]
    of_block = {file.block: file for file in history.of_table(SNAPSHOTS.name) if file.last == kept}
    states = [blocks.state_of(block, tables.read(market, [of_block[block.number]]), running) for block in cut]
    return Writer(market, log.tip_of(history), kept, world, cut, states, 2 * int(columns.anchor.max()), workers)


def open_writer(market: Place, workers: int, monitoring: bool = False, stop: threading.Event | None = None) -> Writer:
    """Open a market whose lock is held, all blocks at the head of its log: from the last snapshot, stepped on again where
    a kill left it behind. With `monitoring` what happens is counted; `stop` is to end its runs.
    """
    allocation.keep_freed_memory()
    history = settled(market)
    writer = writer_at(market, history, max(file.last for file in history.of_table(SNAPSHOTS.name)), workers)
    if monitoring:
        platforms = tables.read(market, history.of_table(LISTINGS.name)[:1], ["platform_id"])["platform_id"].to_numpy()
        per = writer.blocks[0].listings_per_product
        writer.counts = counts_of(market, history, writer.kept, platforms[:per], writer.blocks, writer.states)
    step_on(writer, writer.kept, writer.tip.tick)
    writer.stop = stop or writer.stop
    return writer


@interrupts.held_back()
def step_on(writer: Writer, tick: int, head: int) -> None:
    """Bring all blocks from one tick of the log to a later one, keeping nothing of what happens."""
    while tick < head:
        last = writer.world.course.last_tick_of(tick + 1, head)
        step = partial(_step_only, writer, rules_at(writer, tick + 1))
        for _, results in simulation.run_windows(
            len(writer.blocks), spans(writer, tick + 1, last), step, writer.workers
        ):
            if writer.counts is not None:
                writer.counts.add([rows for of_block in results for rows in of_block])
        tick = last


def _step_only(writer: Writer, rules: Rules, at: int, window: Span) -> list[pa.Table]:
    tally = writer.wanted(at).tally
    return [
        tile.platform_metrics for tile in simulation.tiles(writer.blocks[at], writer.states[at], rules, window, tally)
    ]


def rules_at(writer: Writer, tick: int) -> Rules:
    """Give the rules that a tick runs by."""
    return rulebook.rules(writer.world.course.at(tick)[1], writer.active_products, writer.highest_price)


def spans(writer: Writer, first: int, last: int, pace: Pace | None = None) -> Iterator[Span]:
    """Cut the ticks first..last of one epoch at the fixed ticks where commits fall, until a stop is asked for.

    With a pace each window comes when its last tick is due, and ends where it has reached the clock.
    """
    every = window_ticks(writer, writer.world.course.at(first)[1])[0]
    while first <= last and not writer.stop.is_set():
        end = min(last, (first - 1) // every * every + every)
        if pace is not None:
            end = pacing.wait(pace, first, end, writer.stop)
        if first <= end:
            yield simulation.span(writer.world, first, end)
        first = end + 1


def change_parameters(writer: Writer, changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Start an epoch at the market's tick where the changes differ from what it ran under; give its entry for the commit."""
    tick = writer.tip.tick
    epoch, current = writer.world.course.epochs[-1], writer.world.course.parameters[-1]
    parameters = params.change(current, changes)
    if parameters == current:
        return None
    forecast.warn_of_demand(writer.market, parameters)
    new = Epoch(tick, epoch.second_of(tick), parameters.update_interval_seconds)
    course = Course((*writer.world.course.epochs, new), (*writer.world.course.parameters, parameters))
    writer.world = replace(writer.world, course=course)
    return epoch_entry(new, parameters)


def take_here(writer: Writer, rules: Rules, snapshot_every: int, at: int, window: Span) -> Written | Future[Written]:
    """Take one block through a window in this process, and write what it gave."""
    block, state, finishing = writer.blocks[at], writer.states[at], writer.finishing
    files = Writing(unfinished=None if finishing is None else [])
    take = partial(windows.take, writer.market, block, state, rules, snapshot_every, window, writer.wanted(at, files))
    return take() if finishing is None else finishing.after(take, files)
