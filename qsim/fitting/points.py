"""Price points: which endings prices have, and which styles of pricing give these endings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qsim.arrays import F64
from qsim.behaviour import STYLES
from qsim.money import PAISE_PER_RUPEE

# Classes of endings bear the name of the style that gives most of them; percents off an MRP have no ending of their own.
ENDINGS = tuple(style for style in STYLES if style != "percent")


def endings(prices: F64) -> dict[str, float]:
    """Give the shares of prices in paise, by ending: whole rupees in 9, in 0 or 5, other whole ones; paise of 99, of 49,
    other paise in 9, other paise. All 0 without prices.
    """
    amount = prices.astype(np.int64)
    paise, rupee = amount % PAISE_PER_RUPEE, amount // PAISE_PER_RUPEE % 10
    kind = np.select(
        [
            (paise == 0) & (rupee == 9),
            (paise == 0) & (rupee % 5 == 0),
            paise == 0,
            paise == 99,
            paise == 49,
            paise % 10 == 9,
        ],
        [ENDINGS.index(name) for name in ("nine", "five", "whole", "x99", "x49", "x9")],
        ENDINGS.index("paise"),
    )
    counts = np.bincount(kind, minlength=len(ENDINGS)) / max(1, len(amount))
    return dict(zip(ENDINGS, counts.tolist(), strict=True))


def styles(found: Mapping[str, float]) -> dict[str, float]:
    """Work out shares of styles from shares of endings, as if a style's prices fell evenly on the points it has.

    Whole-rupee prices end in 9 one time in ten and in 0 or 5 two in ten, prices in nines end in 49 one time in ten, and
    so on; what a finer style gives by chance is taken off the coarser one.
    """
    whole = found["whole"] / 0.7
    x9 = found["x9"] / 0.8
    x49 = max(0.0, 2 * (found["x49"] - 0.1 * x9))
    shares = {
        "whole": whole,
        "nine": max(0.0, found["nine"] - 0.1 * whole),
        "five": max(0.0, found["five"] - 0.2 * whole),
        "paise": found["paise"] / 0.89,
        "x99": max(0.0, found["x99"] - 0.5 * x49 - 0.1 * x9),
        "x49": x49,
        "x9": x9,
    }
    return normal(shares)


def normal(shares: Mapping[str, float]) -> dict[str, float]:
    """Scale shares to a sum of 1, to four decimals."""
    total = sum(shares.values()) or 1.0
    return {name: round(share / total, 4) for name, share in shares.items()}


def exact_sales(regular: F64, sale: F64) -> float:
    """Give the share of sale prices that are a multiple of five percent off the regular price, to the paisa; paise.

    It is 1 where sale prices are exact percentages, and less the more they are set to price points.
    """
    if not len(sale):
        return 0.0
    percent = np.round(20 * (1 - sale / regular)) * 5
    return float(np.mean(np.abs(regular * (1 - percent / 100) - sale) <= 1.0))
