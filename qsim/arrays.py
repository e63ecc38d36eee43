"""Names for the arrays that columns are (the letters tell the kind, the digits the bits), and where runs lie in one."""

from __future__ import annotations

from typing import Any, TypeVar

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
_Scalar = TypeVar("_Scalar", bound=np.generic)


def edges(column: npt.NDArray[Any]) -> I64:
    """Give where each run of equal values begins in a column, and where the last one ends: int64[runs + 1]."""
    inner = 1 + np.flatnonzero(column[1:] != column[:-1])
    return np.concatenate([np.zeros(min(1, len(column)), np.int64), inner, [len(column)]])


def distinct(column: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    """Give the values of a column, ascending and once each, in a quarter of the time that np.unique takes for many."""
    ascending = np.sort(column)
    is_first = np.ones(len(ascending), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    return ascending[is_first]


def rows_of(column: npt.NDArray[_Scalar], groups: Mask) -> npt.NDArray[_Scalar]:
    """Give the rows of some groups of a column that holds groups of equally many rows end to end: a copy."""
    return _grouped(column, len(groups))[groups].view(column.dtype)


def set_rows_of(column: npt.NDArray[_Scalar], groups: Mask, values: npt.NDArray[_Scalar]) -> None:
    """Set the rows of some groups of a column, end to end; the values are of its type and as many, or ValueError."""
    count = int(np.count_nonzero(groups))
    if values.dtype != column.dtype or len(values) * len(groups) != len(column) * count:
        # As bytes they would be taken for others.
        raise ValueError(
            f"{len(values)} values of {values.dtype} for {count} of {len(groups)} groups of {column.dtype}"
        )
    _grouped(column, len(groups))[groups] = _grouped(values, count)


def _grouped(column: npt.NDArray[Any], groups: int) -> npt.NDArray[np.void]:
    # A group is one value of so many bytes: five to ten times as fast as by places of rows.
    return column.view(f"V{column.nbytes // groups}") if len(column) else column.view("V1")
