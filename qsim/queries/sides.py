"""Prices of two platforms side by side: who is cheaper, by how much, and in sum; paise in, rupees out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qsim.arrays import I64


@dataclass(frozen=True, eq=False)
class Sides:
    """Two platforms, and what each asks for the same goods, in paise."""

    first: str
    second: str
    price_a: I64
    price_b: I64

    @cached_property
    def gap_bps(self) -> I64:
        """Give price_b - price_a in basis points of price_a, halves to the even one."""
        whole, rest = np.divmod(10_000 * (self.price_b - self.price_a), self.price_a)
        up = (2 * rest > self.price_a) | ((2 * rest == self.price_a) & (whole % 2 == 1))
        return np.asarray(whole + up)

    @property
    def summary(self) -> dict[str, Any]:
        """Count who is cheaper, and give the mean gap and what one of each would cost."""
        total_a, total_b, count = int(self.price_a.sum()), int(self.price_b.sum()), len(self.price_a)
        wins_a, wins_b = int((self.price_a < self.price_b).sum()), int((self.price_b < self.price_a).sum())
        cheaper = "tie" if total_a == total_b else self.first if total_a < total_b else self.second
        return {
            "platform_a": self.first, "platform_b": self.second, "compared": count, "wins_a": wins_a, "wins_b": wins_b,
            "ties": count - wins_a - wins_b,
            "mean_gap_pct": round(int(self.gap_bps.sum()) / 100 / count, 2) if count else None,
            "total_a": total_a / 100, "total_b": total_b / 100, "total_gap": (total_b - total_a) / 100,
            "cheaper": cheaper if count else None,
        }  # fmt: skip

    def rows(self, part: slice) -> list[dict[str, Any]]:
        """Write some of the pairs: the gap, its percent of price_a, and the cheaper platform or `tie`."""
        gaps = (self.price_b[part] - self.price_a[part]).tolist()
        winners = ("tie", self.first, self.second)
        return [
            {"gap": gap / 100, "gap_pct": bps / 100, "winner": winners[(gap > 0) - (gap < 0)]}
            for gap, bps in zip(gaps, self.gap_bps[part].tolist(), strict=True)
        ]
