"""What comes by chance within an hour: how many for each lane, at which second, and with what further draw.

Arrivals are drawn hour by hour of market time, as pure functions of the hour and the lane; so the length of a tick
decides only which of them fall together, and what a tick costs grows with what happens in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from qsim import money, streams
from qsim.arrays import F64, I64, U64
from qsim.clock import HOUR

P = TypeVar("P")
HOURS_A_DAY = 24
MOST = 63


@dataclass(frozen=True)
class Arrivals:
    """Arrivals in the order of their seconds: lane int64[n], market second int64[n], draw float64[n] in (0, 1), and the
    word of each, uint64[n], by which further draws of it are addressed.
    """

    lane: I64
    second: I64
    draw: F64
    word: U64

    def between(self, before: int, until: int) -> Arrivals:
        """Take those that come after one second, up to and with another."""
        part = slice(*np.searchsorted(self.second, [before, until], side="right"))
        return Arrivals(self.lane[part], self.second[part], self.draw[part], self.word[part])


NONE = Arrivals(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.uint64))


@dataclass
class Means:
    """The mean arrivals in an hour of each lane, float64[lanes], with exp(-mean), and the profile that they were made for."""

    profile: object
    mean: F64
    none: F64


def _counts(drawn: F64, mean: F64, none: F64) -> I64:
    """Invert the Poisson law at uniforms that lie above `none`, the chance of 0; at most 63."""
    counts, open_ = np.zeros(len(drawn), np.int64), np.arange(len(drawn))
    term, total = none.copy(), none.copy()
    for n in range(1, MOST + 1):
        counts[open_] = n
        term[open_] = term[open_] * mean[open_] / n
        total[open_] += term[open_]
        open_ = open_[drawn[open_] > total[open_]]
        if not len(open_):
            break
    return counts


@dataclass(frozen=True)
class Source:
    """Where arrivals of a block come from: the seed, the purposes of lanes' and arrivals' draws, the lanes' numbers."""

    seed: int
    lanes: int
    arrivals: int
    block: int
    ids: npt.NDArray[np.integer]


@dataclass
class Diary:
    """The arrivals of the hour that a block is in, and the means behind them, kept while they hold."""

    hour: int = -1
    drawn: Arrivals | None = None
    means: Means | None = None


def draw(source: Source, hour: int, of: Means) -> Arrivals:
    """Draw the arrivals of an hour."""
    words = streams.bits(source.seed, source.lanes, source.block, hour, 0, len(source.ids))
    uniform = streams.uniforms(words)
    lanes = np.flatnonzero(uniform > of.none)
    counts = _counts(uniform[lanes], of.mean[lanes], of.none[lanes])
    nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    lane = np.repeat(lanes, counts)
    number = source.ids[lane].astype(np.uint64) * np.uint64(MOST + 1) + nth.astype(np.uint64)
    word = streams.hashed(source.seed, source.arrivals, hour, number)
    offset = ((word >> np.uint64(32)) * np.uint64(HOUR) >> np.uint64(32)).astype(np.uint16)
    order = np.argsort(offset, kind="stable")
    place = ((word & np.uint64(0xFFFFFFFF)).astype(np.float64) + 0.5) * 2.0**-32
    return Arrivals(lane[order], HOUR * hour + 1 + offset[order].astype(np.int64), place[order], word[order])


def coming(
    diary: Diary, source: Source, profiles: list[P], mean: Callable[[P], F64], before: int, until: int
) -> Arrivals:
    """Give the arrivals after second `before`, up to `until`; `profiles` are those of the hours touched, `mean` turns one
    into the mean arrivals in an hour of each lane.
    """
    parts = []
    for hour, profile in enumerate(profiles, before // HOUR):
        if diary.means is None or diary.means.profile != profile:
            means = mean(profile)
            diary.means, diary.hour = Means(profile, means, money.exp(-means)), -1
        if diary.drawn is None or diary.hour != hour:
            diary.drawn, diary.hour = draw(source, hour, diary.means), hour
        parts.append(diary.drawn.between(before, until))
    if len(parts) == 1:
        return parts[0]
    columns = ([getattr(part, name) for part in parts] for name in ("lane", "second", "draw", "word"))
    return Arrivals(*(np.concatenate(column) for column in columns))
