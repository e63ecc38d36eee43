from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Entry:
    name: str


@dataclass(frozen=True)
class Factors:
    demand: np.ndarray
    sales: np.ndarray
    deeper_bps: np.ndarray


def factors(entries, start, hours, city):
    return Factors(np.ones(len(hours)), np.ones(len(hours)), np.zeros(len(hours), np.int64))
