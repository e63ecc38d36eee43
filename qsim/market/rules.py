"""What the ticks of an epoch follow, as the kernel needs it: rules, and the clock of some consecutive ticks."""

from __future__ import annotations

from dataclasses import dataclass

from qsim.arrays import F64, I64, U16, Mask
from qsim.market.pricing import Reversion
from qsim.market.units import LiveClock, LiveRules


@dataclass(frozen=True)
class Rules:
    """Run parameters as the kernel needs them; thresholds are counts of 20-bit numbers."""

    seed: int
    batch_size: int
    active_products: int
    bound: float
    swing: F64
    powers: Reversion
    discount_start: int
    discount_end: int
    depth_laws: U16
    surge: int
    surge_bps: tuple[int, int]
    surge_fee: int
    stores: int
    live: LiveRules | None


@dataclass(frozen=True)
class Span:
    """The clock of T consecutive ticks, each against the tick before it.

    `shift_bps` int64[T]; `running` bool[T, campaigns]; `moved` bool[T] tells where either differs from the tick before;
    `live` has the clocks of what lives by rates, empty where nothing does.
    """

    ticks: range
    shift_bps: I64
    running: Mask
    moved: Mask
    live: list[LiveClock]
