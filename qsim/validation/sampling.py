"""Which part of a very long history is looked at: every so many-th product, and snapshots far enough apart.

Deterministic; a history up to the budget is looked at whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from qsim.params import Parameters
from qsim.simulation import Course

MOST_EVENTS = 5_000_000
MOST_LISTINGS = 2_000_000
MOST_LISTING_DAYS = 500_000
_FORGOTTEN = 0.001


def product_step(events: int, listings: int) -> int:
    """Tell how many products to go on by so that the budgets hold; 1 looks at all."""
    return max(1, -(-events // MOST_EVENTS), -(-listings // MOST_LISTINGS))


def day_step(listing_days: int) -> int:
    """Tell how many of the products looked at to go on by where what is looked at is a row for each listing and day."""
    return max(1, -(-listing_days // MOST_LISTING_DAYS))


def round_ticks(parameters: Parameters, active_products: int) -> int:
    """Count the ticks in which every active product has had its turn at least once."""
    size = parameters.batch_size
    return -(-active_products // size) if size else 1


def forgetting_rounds(parameters: Parameters) -> int | None:
    """Count the updates after which a discount's beginning is forgotten to a thousandth; None where it never is."""
    memory = abs(1 - parameters.discount_probability - parameters.discount_end_probability)
    if memory == 0:
        return 1
    return None if memory == 1 else math.ceil(math.log(_FORGOTTEN) / math.log(memory))


def spaced(ticks: Iterable[int], course: Course, epoch: int, distance: int) -> list[int]:
    """Choose from the ticks those of an epoch that lie at least `distance` ticks apart and after the epoch's start."""
    first = course.epochs[epoch].tick
    after = course.epochs[epoch + 1].tick if epoch + 1 < len(course.epochs) else None
    chosen: list[int] = []
    for tick in sorted(set(ticks)):
        if tick - (chosen[-1] if chosen else first) >= distance and (after is None or tick <= after):
            chosen.append(tick)
    return chosen
