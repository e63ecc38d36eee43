"""Moments of where prices stand: sales, dispersion across sellers, price points, stock.

Each function takes a sample and gives an estimator, or None where the data cannot tell: no sale flag, no second
seller, no MRP, no stock. It refuses to know targets.
"""

from __future__ import annotations

import numpy as np

from qsim.arrays import F64, I64, Mask
from qsim.money import PAISE_PER_RUPEE
from qsim.realism.sample import Estimator, Sample, per_item, quotient, ratio


def _flagged(sample: Sample) -> tuple[Mask, Mask] | None:
    """Steps known to be on sale and known not to be [series, days]; None where no step is known."""
    on = sample.seen & (sample.panel.on_sale == 1)
    off = sample.seen & (sample.panel.on_sale == 0)
    return (on, off) if bool(on.any() or off.any()) else None


def sale_share(sample: Sample) -> Estimator | None:
    """Share of observed listing-steps with a known sale flag that are on sale."""
    flags = _flagged(sample)
    if flags is None:
        return None
    on, off = flags
    return ratio(sample.code, sample.items, on.sum(axis=1), (on | off).sum(axis=1))


def product_sale_share(sample: Sample) -> Estimator | None:
    """Share of item-steps on which at least one seller has the item on sale; None with fewer than two sellers."""
    flags = _flagged(sample)
    if flags is None or len(np.unique(sample.panel.seller)) < 2:
        return None
    on, off = flags
    somewhere = np.zeros((sample.items, on.shape[1]), np.bool_)
    known = somewhere.copy()
    np.logical_or.at(somewhere, sample.code, on)
    np.logical_or.at(known, sample.code, on | off)
    return ratio(np.arange(sample.items), sample.items, somewhere.sum(axis=1), known.sum(axis=1))


def _last_off(sample: Sample, off: Mask) -> F64:
    """Price at the last step known to be off sale, up to each step [series, days]; 0 before the first."""
    column = np.maximum.accumulate(np.where(off, np.arange(off.shape[1]), -1), axis=1)
    price = np.take_along_axis(sample.panel.price_paise, np.maximum(column, 0), axis=1)
    return np.where(column >= 0, price, 0).astype(np.float64)


def sale_depth(sample: Sample) -> Estimator | None:
    """Mean of 1 - price/regular over listing-steps on sale.

    Where no regular price is given, the last price observed off sale stands for it; steps with neither are left out.
    """
    flags = _flagged(sample)
    if flags is None:
        return None
    on, off = flags
    given = sample.panel.regular_paise.astype(np.float64)
    regular = np.where(given > 0, given, _last_off(sample, off))
    used = on & (regular > 0)
    depth = np.where(used, 1 - quotient(sample.panel.price_paise.astype(np.float64), regular), 0)
    return ratio(sample.code, sample.items, depth.sum(axis=1), used.sum(axis=1))


def sale_return(sample: Sample) -> Estimator | None:
    """Share of sales after which the price is exactly the one before the sale.

    A sale is a run of steps on sale between two observed steps off sale, its first price below the one before it. The
    price after it is that of the first step off sale (return to the regular price: Nakamura and Steinsson 2008).
    """
    flags = _flagged(sample)
    if flags is None:
        return None
    on, off = flags
    price, width = sample.panel.price_paise, on.shape[1]
    ends = np.where(on, width, np.arange(width))
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    series, before = np.nonzero(off[:, :-1] & on[:, 1:] & (price[:, 1:] < price[:, :-1]))
    end = ends[series, before + 1]
    whole = end < width
    series, before, end = series[whole], before[whole], end[whole]
    whole = off[series, end]
    series, before, end = series[whole], before[whole], end[whole]
    back = price[series, end] == price[series, before]
    return ratio(sample.code[series], sample.items, back, np.ones(len(series)))


def _shared(sample: Sample) -> tuple[F64, Mask] | None:
    """Log prices less the mean of their item and step [series, days], where two sellers or more are seen, and where so.

    None where no item was ever seen at two sellers at once.
    """
    count = np.zeros((sample.items, sample.seen.shape[1]))
    total = count.copy()
    level = np.where(sample.seen, np.log(np.maximum(sample.panel.price_paise, 1)), 0)
    np.add.at(count, sample.code, sample.seen)
    np.add.at(total, sample.code, level)
    used = sample.seen & (count >= 2)[sample.code]
    centre = quotient(total, count)[sample.code]
    return (np.where(used, level - centre, 0), used) if bool(used.any()) else None


def seller_spread(sample: Sample) -> Estimator | None:
    """Standard deviation of log prices across sellers, of the same item on the same step.

    The root of the pooled variance: squared deviations from the mean of item and step over (sellers - 1), both summed.
    """
    shared = _shared(sample)
    if shared is None:
        return None
    apart, used = shared
    sellers = np.zeros((sample.items, used.shape[1]), np.int64)
    np.add.at(sellers, sample.code, used)
    free = np.maximum(sellers - 1, 0).sum(axis=1)
    squares = np.bincount(sample.code, (apart**2).sum(axis=1), sample.items)
    plain = ratio(np.arange(sample.items), sample.items, squares, free)
    return lambda weights: np.sqrt(plain(weights))


def _variance_share(sample: Sample, part: str) -> Estimator | None:
    """Share of the sum of squares of log prices, less the means of item and step, that is the seller's or seller-good's.

    As in Kaplan and Menzio (2015): deviation = seller mean + (seller-item mean - seller mean) + rest, squares weighted
    by observations, so that the three add up; without their correction for persistence of the rest.
    """
    shared = _shared(sample)
    if shared is None:
        return None
    apart, used = shared
    names, seller = np.unique(sample.panel.seller, return_inverse=True)
    total, count = apart.sum(axis=1), used.sum(axis=1)
    between = quotient(total**2, count.astype(np.float64))
    squares = per_item(sample.code, sample.items, (apart**2).sum(axis=1), np.nan_to_num(between))
    cell = sample.code * len(names) + seller
    cells = sample.items * len(names)
    sums = np.bincount(cell, total, cells).reshape(sample.items, -1)
    counts = np.bincount(cell, count, cells).reshape(sample.items, -1)

    def estimate(weights: F64) -> F64:
        whole, own = (weights @ squares).T
        by_seller = np.nan_to_num(quotient((weights @ sums) ** 2, weights @ counts)).sum(axis=1)
        return quotient(by_seller if part == "seller" else own - by_seller, np.where(whole > 1e-12, whole, 0))

    return estimate


def seller_good_share(sample: Sample) -> Estimator | None:
    """Variance share of lasting differences between sellers that are particular to an item (Kaplan and Menzio 2015)."""
    return _variance_share(sample, "seller-good")


def seller_share(sample: Sample) -> Estimator | None:
    """Variance share of lasting differences between sellers over all items (Kaplan and Menzio 2015)."""
    return _variance_share(sample, "seller")


def _pairs(code: I64) -> tuple[I64, I64]:
    """All pairs of series of the same item, as two arrays of row numbers [pairs]."""
    order = np.argsort(code, kind="stable")
    left, right = [], []
    for offset in range(1, int(np.bincount(code).max(initial=1))):
        same = code[order[offset:]] == code[order[:-offset]]
        left.append(order[:-offset][same])
        right.append(order[offset:][same])
    none = np.zeros(0, np.int64)
    return np.concatenate([none, *left]), np.concatenate([none, *right])


def sync_lift(sample: Sample) -> Estimator | None:
    """How much likelier two sellers change an item's price on the same step than if they were independent.

    Joint changes over pairs of sellers of one item, over their expected number: the product of the two sellers' own
    rates times the steps on which both could change. Taking the rates within the item keeps items that change often
    everywhere from counting as synchronised.
    """
    left, right = _pairs(sample.code)
    both = sample.pairs[left] & sample.pairs[right]
    steps = both.sum(axis=1).astype(np.float64)
    if not steps.sum():
        return None
    one, other = sample.changed[left] & both, sample.changed[right] & both
    expected = np.nan_to_num(quotient(one.sum(axis=1) * other.sum(axis=1).astype(np.float64), steps))
    return ratio(sample.code[left], sample.items, (one & other).sum(axis=1), expected)


def identical_share(sample: Sample) -> Estimator | None:
    """Share of pairs of sellers of one item, over steps, whose prices are equal to the paisa."""
    left, right = _pairs(sample.code)
    price = sample.panel.price_paise
    both = sample.seen[left] & sample.seen[right]
    if not both.any():
        return None
    equal = both & (price[left] == price[right])
    return ratio(sample.code[left], sample.items, equal.sum(axis=1), both.sum(axis=1))


def whole_share(sample: Sample) -> Estimator:
    """Share of observed prices that are whole rupees."""
    whole = sample.seen & (sample.panel.price_paise % PAISE_PER_RUPEE == 0)
    return ratio(sample.code, sample.items, whole.sum(axis=1), sample.seen.sum(axis=1))


def _ending(sample: Sample, digits: tuple[int, ...]) -> Estimator:
    price = sample.panel.price_paise
    whole = sample.seen & (price % PAISE_PER_RUPEE == 0)
    ending = whole & np.isin(price // PAISE_PER_RUPEE % 10, digits)
    return ratio(sample.code, sample.items, ending.sum(axis=1), whole.sum(axis=1))


def nine_share(sample: Sample) -> Estimator:
    """Share of whole-rupee prices whose last digit is 9."""
    return _ending(sample, (9,))


def round_share(sample: Sample) -> Estimator:
    """Share of whole-rupee prices whose last digit is 0 or 5."""
    return _ending(sample, (0, 5))


def _marked(sample: Sample) -> Mask | None:
    known = sample.seen & (sample.panel.mrp_paise > 0)
    return known if bool(known.any()) else None


def below_mrp(sample: Sample) -> Estimator | None:
    """Share of observed prices with a known MRP that are below it."""
    known = _marked(sample)
    if known is None:
        return None
    below = known & (sample.panel.price_paise < sample.panel.mrp_paise)
    return ratio(sample.code, sample.items, below.sum(axis=1), known.sum(axis=1))


def mean_discount(sample: Sample) -> Estimator | None:
    """Mean of 1 - price/MRP over observed prices with a known MRP, those at it included."""
    known = _marked(sample)
    if known is None:
        return None
    off = np.where(known, 1 - sample.panel.price_paise / np.maximum(sample.panel.mrp_paise, 1), 0)
    return ratio(sample.code, sample.items, off.sum(axis=1), known.sum(axis=1))


def above_mrp(sample: Sample) -> Estimator | None:
    """Share of observed prices with a known MRP that are above it."""
    known = _marked(sample)
    if known is None:
        return None
    above = known & (sample.panel.price_paise > sample.panel.mrp_paise)
    return ratio(sample.code, sample.items, above.sum(axis=1), known.sum(axis=1))


def out_of_stock(sample: Sample) -> Estimator | None:
    """Share of listing-steps with known stock that have none."""
    known, none = sample.panel.in_stock >= 0, sample.panel.in_stock == 0
    return ratio(sample.code, sample.items, none.sum(axis=1), known.sum(axis=1)) if bool(known.any()) else None
