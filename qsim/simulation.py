"""Blocks through windows of ticks: the rules of an epoch, its clock, and the workers that step the blocks.

Yields what each window gave, in order; knows no files. Workers change speed only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from qsim import allocation, clock, events, hours, rulebook, threads
from qsim.arrays import I64, Mask
from qsim.clock import Epoch
from qsim.festivals import Entry
from qsim.market import cost, kernel
from qsim.market.cost import CostPath, CostRules
from qsim.market.kernel import Prepared
from qsim.market.rules import Rules, Span
from qsim.market.state import TILE_ROWS, Block, State, event_rows
from qsim.market.tally import Tally, counted, room_to_count, told
from qsim.market.units import LiveClock
from qsim.params import Parameters
from qsim.schema import FEES

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
_local = threading.local()


@dataclass(frozen=True)
class Campaigns:
    """When each campaign runs: market seconds, int64[campaigns + 1]; number 0 is none and never runs."""

    starts: I64
    duration: I64
    repeat: I64
    ends: I64

    def running(self, seconds: I64) -> Mask:
        """Tell which campaigns run at each second, bool[seconds, campaigns + 1]; windows are half-open."""
        since = seconds[:, None] - self.starts
        in_turn = np.where(self.repeat > 0, since % np.maximum(self.repeat, 1), since) < self.duration
        return (since >= 0) & (seconds[:, None] < self.ends) & in_turn


@dataclass(frozen=True)
class Course:
    """The epochs of a market so far, each with the parameters that its ticks ran under."""

    epochs: tuple[Epoch, ...]
    parameters: tuple[Parameters, ...]

    def at(self, tick: int) -> tuple[Epoch, Parameters]:
        """Give the epoch and the parameters that made a tick."""
        number = clock.epoch_number(self.epochs, tick)
        return self.epochs[number], self.parameters[number]

    def parameters_of_day(self, day: int) -> Parameters:
        """Give the parameters that held when a market day began, or the first."""
        number = max(0, sum(epoch.second < day * clock.DAY for epoch in self.epochs) - 1)
        return self.parameters[number]

    def last_tick_of(self, tick: int, limit: int) -> int:
        """Give the last tick, at most `limit`, that ran under the same parameters as `tick`."""
        later = [epoch.tick for epoch in self.epochs if epoch.tick >= tick]
        return min([*later, limit])


@dataclass(frozen=True)
class World:
    """What the ticks of a market follow beside its blocks: its course, campaigns and calendar, the cities that its areas
    lie in, and the path of costs, which grows as it is needed.
    """

    course: Course
    campaigns: Campaigns
    calendar: tuple[Entry, ...] = ()
    cities: tuple[str, ...] = ("",)
    city_of_area: I64 = field(default_factory=lambda: np.zeros(1, np.int64))
    costs: CostPath = field(default_factory=CostPath)


def shift_bps(parameters: Parameters, seconds: I64) -> I64:
    """Give the time-of-day level shift at each second, basis points; windows that overlap add up."""
    shift = np.zeros(len(seconds), np.int64)
    for window, percent in parameters.time_of_day.items():
        begin, _, end = window.partition("-")
        shift += np.where(
            clock.in_window(seconds, clock.parse_hour(begin), clock.parse_hour(end)), round(percent * 100), 0
        )
    return shift


def span(world: World, first: int, last: int) -> Span:
    """Work out the clock of ticks first..last of one epoch; the tick before may belong to an earlier one."""
    course, ticks = world.course, range(first, last + 1)
    seconds = clock.seconds_of(course.epochs, first - 1, last)
    shifts = shift_bps(course.at(first)[1], seconds)
    shifts[0] = shift_bps(course.at(first - 1)[1], seconds[:1])[0]
    running = world.campaigns.running(seconds)
    moved = (shifts[1:] != shifts[:-1]) | (running[1:] != running[:-1]).any(axis=1)
    return Span(ticks, shifts[1:], running[1:], moved, _live_clocks(world, ticks, seconds, shifts))


def _live_clocks(world: World, ticks: range, seconds: I64, shifts: I64) -> list[LiveClock]:
    """Give the clocks of what happens by rates, with the hours and costs that they need; none where nothing does."""
    epoch, parameters = world.course.at(ticks[0])
    if not rulebook.lives(parameters):
        return []

    def rules_of(day: int) -> CostRules:
        return rulebook.cost_rules(world.course.parameters_of_day(day))

    cost.extend(world.costs, rules_of, int(seconds[-1]) // clock.DAY + 1)
    touched = int(seconds[0]) // clock.HOUR, (int(seconds[-1]) - 1) // clock.HOUR
    made = hours.hours(parameters, world.calendar, world.cities, *touched)
    clocks = zip(ticks, seconds[1:].tolist(), seconds.tolist(), shifts[1:].tolist(), shifts.tolist(), strict=False)
    return [
        LiveClock(tick, second, before, shift, shift_before, made, world.costs, tick == epoch.tick + 1)
        for tick, second, before, shift, shift_before in clocks
    ]


def fee_changes(world: World, window: Span) -> pa.Table:
    """Give the rows of orders' surge fees that a window adds; where its epoch has no customers, those that end earlier fees."""
    tick = window.ticks[0] - 1
    (epoch, before), (_, now) = world.course.at(tick), world.course.at(window.ticks[0])
    served, serves = (any(parameters.demand.a_day.values()) for parameters in (before, now))
    earlier = None
    if tick > 0 and served:
        number = (epoch.second_of(tick) - 1) // clock.HOUR
        earlier = hours.hours(before, world.calendar, world.cities, number, number)[number]
    if serves:
        return hours.fee_changes(window.live, earlier, world.city_of_area)
    if earlier is None:
        return FEES.arrow().empty_table()
    return hours.fee_ends(window.ticks[0], earlier, world.city_of_area)


def tiles(
    block: Block, state: State, epoch_rules: Rules, window: Span, tally: Tally | None = None
) -> Iterator[events.Tile]:
    """Take one block through a window of ticks, changing its state in place, and yield what changed, some ticks a tile; with a tally
    it also counts what happened, by platform and category.

    A tile takes up at most about TILE_ROWS rows.
    """
    prepared = kernel.prepared_for(block, state, epoch_rules)
    # Fresh memory for every tile would cost more in page faults than the kernel does in arithmetic.
    watched, begin = tally is not None, 0
    rows = _local.rows = event_rows(TILE_ROWS, getattr(_local, "rows", None), watched)
    parts = kernel.stretches(block, prepared, epoch_rules, window)
    is_whole = [kernel.is_whole(block, prepared, epoch_rules, window, part) for part in parts]
    for part, whole, following, whole_next in zip_longest(parts, is_whole, parts[1:], is_whole[1:]):
        if whole:
            yield _whole_tile(block, prepared, state, epoch_rules, window, part, tally)
            begin = part.stop
            continue
        kernel.step(block, prepared, state, epoch_rules, window, part, rows)
        more = kernel.rows_needed(block, epoch_rules, window, following) if following else 0
        if not following or whole_next or rows.count + more > TILE_ROWS or rows.trades > TILE_ROWS:
            counts = None if tally is None else counted(tally, block, rows, window.ticks[begin : part.stop])
            yield events.tile(block.number, rows, counts)
            rows, begin = event_rows(TILE_ROWS, rows, watched), part.stop


def _whole_tile(
    block: Block,
    prepared: Prepared,
    state: State,
    epoch_rules: Rules,
    window: Span,
    part: range,
    tally: Tally | None,
) -> events.Tile:
    """Make a stretch of ticks that each take up all listings."""
    ticks = window.ticks[part.start : part.stop]
    keys, counts = (None, None) if tally is None else room_to_count(tally, block, ticks)
    made = kernel.whole(block, prepared, state, epoch_rules, window, part, keys)
    found = None if tally is None or counts is None else told(tally, block, ticks, counts)
    return events.whole_tile(block.number, made, found)


def _result(future: Future[Any]) -> Any:
    found = threads.result(future)
    return _result(found) if isinstance(found, Future) else found


def _after(
    tail: Future[T | Future[T]] | None, work: Callable[[int, Span], T | Future[T]], position: int, window: Span
) -> T | Future[T]:
    if tail is not None:
        tail.result()
    return work(position, window)


def run_windows(
    blocks: int,
    windows: Iterable[Span],
    work: Callable[[int, Span], T | Future[T]],
    workers: int,
    ahead: int = 1,
    give_up: Callable[[], None] = lambda: None,
) -> Generator[tuple[Span, list[T]], None, None]:
    """Do `work(number of a block, window)` for each of so many blocks and each window, and yield the results window by window;
    work may give a Future of its result, for which only who takes the results waits.

    A block's windows are done in order, one at a time; other blocks go on meanwhile, at most `ahead` + 1 windows
    ahead of what was taken, so memory stays bounded. Where it ends early, `give_up` is called before what is under way is
    waited for; for that a main thread takes all of it in `interrupts.held_back`, since Python 3.11 takes a thread for ended
    whose join was interrupted.
    """
    allocation.keep_freed_memory()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        under_way: list[tuple[Span, list[Future[T | Future[T]]]]] = []
        tails: list[Future[T | Future[T]] | None] = [None] * blocks
        try:
            for window in windows:
                tails = [pool.submit(_after, tails[position], work, position, window) for position in range(blocks)]
                under_way.append((window, [tail for tail in tails if tail is not None]))
                if len(under_way) > ahead:
                    done, futures = under_way[0]
                    yield done, [_result(future) for future in futures]
                    del under_way[0]
            for done, futures in under_way:
                yield done, [_result(future) for future in futures]
        except BaseException:
            give_up()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
