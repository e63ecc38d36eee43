"""Names for the arrays that columns are (the letters tell the kind, the digits the bits), and where runs lie in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def edges(column: npt.NDArray[Any]) -> I64:
    """Give where each run of equal values begins in a column, and where the last one ends: int64[runs + 1]."""
    inner = 1 + np.flatnonzero(column[1:] != column[:-1])
    return np.concatenate([np.zeros(min(1, len(column)), np.int64), inner, [len(column)]])
