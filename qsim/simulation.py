"""Blocks through windows of ticks: the rules of an epoch, its clock, and the workers that step the blocks.

Yields what each window gave, in order; knows no files. Workers change speed only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from qsim import clock, depths, events
from qsim.arrays import F64, I64, Mask
from qsim.behaviour import GROUPS, STYLES
from qsim.clock import Epoch
from qsim.market import cost, kernel, pricing
from qsim.market.cost import CostRules
from qsim.market.happenings import LiveClock, LiveRules
from qsim.market.kernel import Rules, Span
from qsim.market.state import Block, State, event_rows
from qsim.money import PAISE_PER_RUPEE
from qsim.params import Parameters
from qsim.streams import threshold

T = TypeVar("T")
_local = threading.local()
TILE_ROWS = 131_072
_MORNING = (5 * 3_600, 8 * 3_600)


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

    def last_tick_of(self, tick: int, limit: int) -> int:
        """Give the last tick, at most `limit`, that ran under the same parameters as `tick`."""
        later = [epoch.tick for epoch in self.epochs if epoch.tick >= tick]
        return min([*later, limit])


def shift_bps(parameters: Parameters, seconds: I64) -> I64:
    """Give the time-of-day level shift at each second, basis points; windows that overlap add up."""
    shift = np.zeros(len(seconds), np.int64)
    for window, percent in parameters.time_of_day.items():
        begin, _, end = window.partition("-")
        shift += np.where(
            clock.in_window(seconds, clock.parse_hour(begin), clock.parse_hour(end)), round(percent * 100), 0
        )
    return shift


def span(course: Course, campaigns: Campaigns, first: int, last: int) -> Span:
    """Work out the clock of ticks first..last of one epoch; the tick before may belong to an earlier one."""
    ticks = range(first, last + 1)
    seconds = clock.seconds_of(course.epochs, first - 1, last)
    shifts = shift_bps(course.at(first)[1], seconds)
    shifts[0] = shift_bps(course.at(first - 1)[1], seconds[:1])[0]
    running = campaigns.running(seconds)
    moved = (shifts[1:] != shifts[:-1]) | (running[1:] != running[:-1]).any(axis=1)
    return Span(ticks, shifts[1:], running[1:], moved, *_live_clock(course, ticks, seconds[1:]))


def _live_clock(course: Course, ticks: range, seconds: I64) -> tuple[list[LiveClock], F64]:
    """Give the clocks of happenings and the shared costs that they need; nothing where nothing happens."""
    epoch, parameters = course.at(ticks[0])
    live = live_rules(parameters)
    if live is None:
        return [], np.zeros((0, 0))
    morning = clock.in_window(seconds, *_MORNING)
    price_hours, sale_hours = (_hours(each.morning_share) for each in (parameters.repricing, parameters.sales))
    sale_days, price_days = (
        np.array(weights) / (sum(weights) / 7 or 1)
        for weights in (parameters.sales.weekdays, parameters.repricing.weekdays)
    )
    start = clock.parse_start(parameters.start).weekday()
    clocks = [
        LiveClock(
            tick=tick,
            second=second,
            days=epoch.interval / clock.DAY,
            day=second // clock.DAY,
            through=second % clock.DAY / clock.DAY,
            reprice_profile=price_hours[early] * float(price_days[(start + second // clock.DAY) % 7]),
            sale_profile=sale_hours[early] * float(sale_days[(start + second // clock.DAY) % 7]),
        )
        for tick, second, early in zip(ticks, seconds.tolist(), morning.tolist(), strict=True)
    ]
    return clocks, cost.shared_path(live.cost, clocks[-1].day + 1)


def _hours(morning_share: float) -> tuple[float, float]:
    """Give the rate outside and inside the morning hours, over the day's mean."""
    inside = _MORNING[1] - _MORNING[0]
    return (1 - morning_share) * clock.DAY / (clock.DAY - inside), morning_share * clock.DAY / inside


def _cumulative(weights: Mapping[str, float]) -> F64:
    return np.cumsum(list(weights.values())) / max(sum(weights.values()), 1e-300)


def _by_group(values: Mapping[str, float]) -> F64:
    return np.array([values[group] for group in GROUPS])


def _cost_rules(parameters: Parameters) -> CostRules:
    costs, shocks = parameters.cost, parameters.shocks
    return CostRules(
        seed=parameters.seed,
        volatility=_by_group(costs.volatility),
        reversion_days=costs.reversion_days,
        shared=costs.shared,
        pass_through=costs.pass_through,
        drift_a_day=costs.drift_percent_a_year / 100 / 365,
        shocks_a_day=_by_group(shocks.a_year) / 365,
        shock_size=shocks.size,
        shock_sd=shocks.size_sd,
        ramp_days=shocks.ramp_days,
        decay_days=shocks.decay_days,
    )


def live_rules(parameters: Parameters) -> LiveRules | None:
    """Turn an epoch's parameters into the rules of happenings; None where nothing ever happens."""
    repricing, points, sales = parameters.repricing, parameters.price_points, parameters.sales
    if not (points.packaged or sales.share or any(repricing.a_day.values()) or any(repricing.gap_a_day.values())):
        return None
    means = np.array([platform.average_discount_percent for platform in parameters.platforms.values()])
    lengths = np.array([float(days) for days in sales.days])
    mean_days = float(np.dot(lengths, np.diff(_cumulative(sales.days), prepend=0))) if sales.days else 1.0
    plain = dict.fromkeys(STYLES, 0.0) | {"paise": 1.0}
    return LiveRules(
        seed=parameters.seed,
        cost=_cost_rules(parameters),
        base=_by_group(repricing.a_day),
        by_gap=_by_group(repricing.gap_a_day),
        width=_by_group(repricing.gap),
        noise=_by_group(repricing.noise),
        spread=repricing.spread,
        nine_stick=repricing.nine_stick,
        on_sale=repricing.on_sale,
        styles=np.stack([_cumulative(points.packaged or plain), _cumulative(points.loose or plain)]),
        reach=points.reach,
        exact_sales=points.exact_sales,
        sale_rate=sales.share / (mean_days * (1 - sales.share)) * means / means.mean(),
        sale_days=lengths,
        sale_day_shares=_cumulative(sales.days),
        sale_bps=np.array([round(float(depth) * 100) for depth in sales.depths], np.uint16),
        sale_bps_shares=_cumulative(sales.depths),
        clearance=sales.clearance,
        shared_share=sales.shared_share,
        shared_spread=sales.shared_spread,
    )


def rules(parameters: Parameters, active_products: int, highest_price: int) -> Rules:
    """Turn an epoch's parameters into what the kernel needs."""
    bound = parameters.max_price_change_percent / 100
    means = [platform.average_discount_percent for platform in parameters.platforms.values()]
    surge_bps = (round(parameters.surge_min_percent * 100), round(parameters.surge_max_percent * 100))
    return Rules(
        seed=parameters.seed,
        batch_size=parameters.batch_size,
        active_products=active_products,
        bound=bound,
        swing=np.array([parameters.category_volatility[group] * bound for group in GROUPS]),
        powers=pricing.reversion(parameters.reversion, highest_price),
        discount_start=threshold(parameters.discount_probability),
        discount_end=threshold(parameters.discount_end_probability),
        depth_laws=np.stack([depths.depth_law(mean) for mean in means]),
        surge=threshold(parameters.surge_probability),
        surge_bps=surge_bps,
        surge_fee=round(parameters.surge_fee_rupees * PAISE_PER_RUPEE),
        stores=parameters.stores,
        live=live_rules(parameters),
    )


def tiles(block: Block, state: State, epoch_rules: Rules, window: Span) -> Iterator[events.Tile]:
    """Take one block through a window of ticks, changing its state in place, and yield what changed, some ticks a tile.

    A tile takes up about as many rows as a row group holds, so that what the rules have just made is still in cache
    when it is hashed and encoded.
    """
    prepared = kernel.prepare(block, epoch_rules)
    need = kernel.rows_needed(block, epoch_rules, window)
    # Fresh memory for every tile would cost more in page faults than the kernel does in arithmetic.
    rows = _local.rows = event_rows(max(TILE_ROWS, *need), getattr(_local, "rows", None))
    first = 0
    for at, more in enumerate([*need[1:], TILE_ROWS + 1]):
        kernel.step(block, prepared, state, epoch_rules, window, at, rows)
        if rows.count + more > TILE_ROWS:
            yield events.tile(block.number, window.ticks[first : at + 1], rows)
            rows = event_rows(TILE_ROWS, rows)
            first = at + 1


def run_windows(
    blocks: int,
    windows: Iterable[Span],
    work: Callable[[int, Span], T],
    workers: int,
) -> Iterator[tuple[Span, list[T]]]:
    """Do `work(number of a block, window)` for each of so many blocks and each window, and yield the results window by window.

    A block's windows are done in order, one at a time; other blocks go on meanwhile, at most two windows ahead of
    what was taken, so memory stays bounded.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        ahead: list[tuple[Span, list[Future[T]]]] = []
        tails: list[Future[T] | None] = [None] * blocks

        def after(tail: Future[T] | None, position: int, window: Span) -> T:
            if tail is not None:
                tail.result()
            return work(position, window)

        try:
            for window in windows:
                tails = [pool.submit(after, tails[position], position, window) for position in range(blocks)]
                ahead.append((window, [tail for tail in tails if tail is not None]))
                if len(ahead) > 1:
                    done, futures = ahead.pop(0)
                    yield done, [future.result() for future in futures]
            for done, futures in ahead:
                yield done, [future.result() for future in futures]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
