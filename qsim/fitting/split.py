"""Part a panel into what a fit may see and what it is judged by: other series, and later days."""

from __future__ import annotations

import numpy as np

from qsim.arrays import I64
from qsim.realism.panel import Panel
from qsim.streams import hashed, uniforms

# Which items are held out; no draw of a market has such a purpose.
_HELD_OUT = 1 << 21
_LEAST_ITEMS, _LEAST_STEPS, _MOST_DAYS = 40, 28, 112


def _seen(panel: Panel) -> Panel:
    return panel.rows(np.asarray((panel.price_paise > 0).any(axis=1)))


def _seen_steps(panel: Panel) -> I64:
    """Give the steps on which any price was observed."""
    return np.flatnonzero((panel.price_paise > 0).any(axis=0))


def latest(panel: Panel) -> Panel:
    """Give a long panel's days up to the last with a price alone, as many as are simulated at the most."""
    stop = int(_seen_steps(panel)[-1]) + 1
    return panel.columns(slice(max(0, stop - _MOST_DAYS // panel.step_days), stop))


def earliest(panel: Panel) -> Panel:
    """Give a long panel's days from the first with a price on alone, as many as are simulated at the most."""
    first = int(_seen_steps(panel)[0])
    return panel.columns(slice(first, first + _MOST_DAYS // panel.step_days))


def part(panel: Panel, hold_out: float, seed: int) -> tuple[Panel, Panel | None, str]:
    """Give the part to fit, the part held out (None where there is none), and a line that says what was held out.

    `hold_out` is the share of items and the share of days: what is judged by is other items on later days. Of fewer than
    forty items series are held out instead, of fewer than forty series, or where one of the parts would have no price, days
    alone; of fewer than 28 steps nothing is.
    """
    steps = len(panel.days)
    if hold_out <= 0:
        return panel, None, "nothing"
    if steps < _LEAST_STEPS:
        return panel, None, f"nothing, of {steps} days or weeks; needed are {_LEAST_STEPS}"
    cut = min(steps - 2, max(2, round(steps * (1 - hold_out))))
    by_item = len(set(panel.item.tolist())) >= _LEAST_ITEMS
    names = panel.item if by_item else np.char.add(np.char.add(panel.item, "\t"), panel.seller)
    kinds, code = np.unique(names, return_inverse=True)
    early, late = panel.columns(slice(0, cut)), panel.columns(slice(cut, steps))
    days = f"the days from {late.days[0]} on"
    order = np.argsort(uniforms(hashed(seed, _HELD_OUT, 0, np.arange(len(kinds)))), kind="stable")
    held = np.zeros(len(kinds), np.bool_)
    held[order[: round(len(kinds) * hold_out)]] = True
    fitted, judged = _seen(early.rows(~held[code])), _seen(late.rows(held[code]))
    if len(kinds) < _LEAST_ITEMS or not len(fitted.item) or not len(judged.item):
        return _seen(early), _seen(late), days
    return fitted, judged, f"{int(held.sum()):,} of {len(kinds):,} {'items' if by_item else 'series'}, and {days}"
