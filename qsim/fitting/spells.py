"""Observations of a panel in order, which of them are sales, and what the regular price was at each.

A sale is a price that falls and comes back: a V. By chance prices also rise and come back, as often as they fall and
come back where no sale is meant; so a depth counts as one of sales where there are at least twice as many V as of their
mirror image, and so does a length. Series that change often are counted apart from others: they have so many of both that
the sales of what hardly ever changes would not be seen among them. Gaps are bridged: observations are compared with the
series' last, however long ago. It refuses to estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsim.arrays import F64, I64, Mask
from qsim.realism.panel import Panel

LONGEST_SALE_DAYS = 42
LEAST_DEPTH = 0.03
_EDGES = np.array([LEAST_DEPTH, 0.075, 0.125, 0.175, 0.225, 0.275, 0.325, 0.4, 0.9])
# One set for series that change often, and one for others.
_BINS = 2 * (len(_EDGES) - 1)
_OVER_MIRROR = 2.0
_LENGTHS = np.array([2.0, 4.0, 7.0, 10.0, 14.0, 21.0, 28.0])
# A series with more changes than these, of its observed steps, is one of those that change often.
_OFTEN = 0.2


@dataclass(frozen=True)
class Observed:
    """All observed prices of a panel in order of series and time [observations]; `step` is the column.

    `regular` is the price itself off sale, on sale the one the sale is off; prices in paise. `days` is the number of days
    since the series' observation before, 0 at its first.
    """

    series: I64
    step: I64
    price: F64
    on_sale: Mask
    regular: F64
    days: F64


@dataclass(frozen=True)
class SaleSpells:
    """Sales seen from start to end [sales]: their series, length in days, first price and the regular one in paise, and
    whether the old price came back.
    """

    series: I64
    days: F64
    price: F64
    regular: F64
    returned: Mask

    @property
    def depth(self) -> F64:
        """How far below the regular price the first price is, a share of it."""
        return 1 - self.price / self.regular


@dataclass(frozen=True)
class _Spells:
    """Runs of equal prices [spells], one after another; `before` and `after` are the neighbours' prices, 0 at the ends."""

    series: I64
    price: F64
    begins: F64
    ends: F64
    before: F64
    after: F64
    around: F64
    lengths: I64

    @property
    def days(self) -> F64:
        """How long each lasted, days; begin and end halfway between observations."""
        return self.ends - self.begins


def _spells(series: I64, step: I64, price: F64, step_days: int) -> _Spells:
    same = (series[1:] == series[:-1]) & (price[1:] == price[:-1])
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    last = np.concatenate([first[1:], [len(series)]]) - 1
    linked = np.concatenate([series[first[1:]] == series[first[:-1]], [False]])
    before, after = np.concatenate([[False], linked[:-1]]), linked
    begins, ends = step[first].astype(np.float64), step[last] + 1.0
    middle = (step[last[:-1]] + step[first[1:]] + 1) / 2
    begins[1:] = np.where(before[1:], middle, begins[1:])
    ends[:-1] = np.where(after[:-1], middle, ends[:-1])
    level, length = price[first], ends - begins
    around = np.zeros(len(first))
    around[1:] += np.where(before[1:], length[:-1], 0)
    around[:-1] += np.where(after[:-1], length[1:], 0)
    return _Spells(
        series=series[first],
        price=level,
        begins=begins * step_days,
        ends=ends * step_days,
        before=np.where(before, np.roll(level, 1), 0),
        after=np.where(after, np.roll(level, -1), 0),
        around=around * step_days,
        lengths=last - first + 1,
    )


def _bins(depth: F64, often: Mask) -> I64:
    """Number the depth's bin, one set for series that change often and one for others; -1 below the least, and above the deepest."""
    number = np.where(depth < _EDGES[-1], np.searchsorted(_EDGES, depth, side="right") - 1, -1)
    return np.where(number >= 0, 2 * number + often, -1)


def _often(of: _Spells) -> Mask:
    """Tell of each spell whether its series changes often."""
    changes = np.bincount(of.series) - 1
    return np.asarray((changes > _OFTEN * np.bincount(of.series, of.lengths))[of.series])


def _share(low: F64, high: F64) -> F64:
    return np.where(high > 0, 1 - low / np.maximum(high, 1), 0.0)


def _commoner(v: I64, mirrored: I64, bins: int, least: int) -> Mask:
    """Tell of each bin whether V are commoner there than their mirror image, and more than the least; of bin -1 never."""
    count, other = np.bincount(v, minlength=bins), np.bincount(mirrored, minlength=bins)
    return np.concatenate([count > np.maximum(_OVER_MIRROR * other, least), [False]])


def _sale_spells(of: _Spells) -> tuple[Mask, F64, Mask, Mask]:
    """Find the spells that are sales: which, the price each is off, which were seen whole, which returned to it."""
    inner = (of.before > 0) & (of.after > 0) & (of.days <= LONGEST_SALE_DAYS) & (of.around >= of.days)
    exact = inner & (of.before == of.after)
    down, up = of.price < of.before, of.price > of.before
    often = _often(of)
    cut = _bins(_share(of.price, of.before), often)
    mirror = _bins(_share(of.before, of.price), often)
    fall, rise = exact & down & (cut >= 0), exact & up & (mirror >= 0)
    of_depth = _commoner(cut[fall], mirror[rise], _BINS, 2)
    # Of long V among such depths, as of shallow ones, some are chance.
    length = 2 * np.searchsorted(_LENGTHS, of.days) + often
    of_length = _commoner(length[fall & of_depth[cut]], length[rise & of_depth[mirror]], 2 * len(_LENGTHS) + 2, 0)
    whole = inner & down & of_depth[cut] & of_length[length]
    # What rises by half of the cut or more ends the sale as well, at another price.
    near = np.abs(np.log(np.maximum(of.after, 1) / np.maximum(of.before, 1))) <= 0.5 * np.abs(
        np.log(np.maximum(of.price, 1) / np.maximum(of.before, 1))
    )
    sale = whole & (exact | (near & (of.after > of.price)))
    level = np.where(sale, of.before, of.price)
    _add_cut_off(of, often, sale, level, cut, of_depth)
    return sale, level, sale & whole, exact


def _add_cut_off(of: _Spells, often: Mask, sale: Mask, level: F64, cut: I64, of_depth: Mask) -> None:
    """Count a series' first or last spell a sale too where most of those that end, or start, by such a step and last as long or
    longer are sales.
    """
    rise = _bins(_share(of.price, of.after), often)
    for first in (True, False):
        side, other = (of.before, of.after) if first else (of.after, of.before)
        bins = rise if first else cut
        moves = (other > of.price) & of_depth[bins]
        known, asked = moves & (side > 0), moves & (side == 0) & (of.days <= LONGEST_SALE_DAYS)
        found = asked.copy()
        found[asked] = _sales_among(bins, of.days, known, sale, asked) > 0.5
        sale |= found
        level[found] = other[found]


def _sales_among(bins: I64, days: F64, known: Mask, sale: Mask, asked: Mask) -> F64:
    """Give, for each spell that is asked of, the share of sales among known ones of its bin that lasted as long or longer."""
    share = np.zeros(len(bins))
    for number in np.unique(bins[asked]):
        own = known & (bins == number)
        at = np.flatnonzero(asked & (bins == number))
        every, sold = np.sort(days[own]), np.sort(days[own & sale])
        longer = len(every) - np.searchsorted(every, days[at])
        share[at] = (len(sold) - np.searchsorted(sold, days[at])) / np.maximum(longer, 1)
    return share[asked]


def observe(panel: Panel) -> tuple[Observed, SaleSpells]:
    """Put a panel's observed prices in order and find the sales, by the panel's own flags where it has any."""
    series, step = np.nonzero(panel.price_paise > 0)
    price = panel.price_paise[series, step].astype(np.float64)
    gap = np.diff(step, prepend=0) * float(panel.step_days)
    days = np.where(np.diff(series, prepend=-1) == 0, gap, 0.0)
    flags = panel.on_sale[series, step]
    if (flags >= 0).any():
        return _flagged(panel, Observed(series, step, price, flags == 1, price, days))
    of = _spells(series, step, price, panel.step_days)
    sale, level, whole, exact = _sale_spells(of)
    found = Observed(series, step, price, np.repeat(sale, of.lengths), np.repeat(level, of.lengths), days)
    kept = SaleSpells(of.series[whole], of.days[whole], of.price[whole], level[whole], exact[whole])
    return found, kept


def _flagged(panel: Panel, of: Observed) -> tuple[Observed, SaleSpells]:
    """Take the sales from flags; what a sale is off is the regular price given, else the last price off sale, else the next."""
    given = panel.regular_paise[of.series, of.step].astype(np.float64)
    before = np.maximum(_off_sale(of), of.price)
    regular = np.where(of.on_sale, np.where(given > 0, given, before), of.price)
    whole = Observed(of.series, of.step, of.price, of.on_sale, regular, of.days)
    runs = _spells(of.series, of.step, of.on_sale.astype(np.float64), panel.step_days)
    inner = np.flatnonzero((runs.price == 1) & (runs.begins > 0) & _inside(runs.series))
    first = np.cumsum(runs.lengths) - runs.lengths
    at = first[inner]
    back = of.price[np.minimum(at + runs.lengths[inner], len(of.price) - 1)] == regular[at]
    kept = of.price[at] < regular[at]
    lower, level = of.price[at][kept], regular[at][kept]
    return whole, SaleSpells(runs.series[inner][kept], runs.days[inner][kept], lower, level, back[kept])


def _off_sale(of: Observed) -> F64:
    """Give each observation's price off sale in its series, the last one up to it, else the next; 0 where all are on sale."""
    off = np.flatnonzero(~of.on_sale)
    if not len(off):
        return np.zeros(len(of.price))
    at = np.arange(len(of.price))
    last = off[np.maximum(np.searchsorted(off, at, side="right") - 1, 0)]
    following = off[np.minimum(np.searchsorted(off, at), len(off) - 1)]
    known = [(last <= at) & (of.series[last] == of.series), (following >= at) & (of.series[following] == of.series)]
    return np.select(known, [of.price[last], of.price[following]], 0.0)


def _inside(series: I64) -> Mask:
    """Tell which runs have a neighbour of the same series on both sides."""
    same: Mask = series[1:] == series[:-1]
    return np.asarray(np.concatenate([[False], same]) & np.concatenate([same, [False]]))
