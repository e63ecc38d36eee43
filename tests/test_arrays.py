"""Columns: their runs, their distinct values, and the rows of some of their groups."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from qsim.arrays import distinct, edges, rows_of, set_rows_of

COLUMNS = [[], [3], [3, 3], [5, -1, 5, 0, -1, 7], [*range(50, 0, -1), 7, 7]]


@pytest.mark.parametrize("values", COLUMNS)
def test_distinct_values_ascend_and_come_once(values: list[int]) -> None:
    found = distinct(np.array(values, np.int64))
    assert found.dtype == np.int64 and found.tolist() == sorted(set(values))


@pytest.mark.parametrize("values", COLUMNS)
def test_runs_lie_between_edges(values: list[int]) -> None:
    column = np.array(values, np.int64)
    found = edges(column)
    assert all(len({*column[first:last].tolist()}) == 1 for first, last in pairwise(found))
    assert found[-1] == len(values) and (np.diff(column)[found[1:-1] - 1] != 0).all()


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.uint16, np.int32, np.int64])
@pytest.mark.parametrize("groups", [[True, False, True], [False] * 3, [True] * 3, []])
@pytest.mark.parametrize("each", [1, 5])
def test_rows_of_groups_are_given_and_set_as_by_their_places(
    kind: type[np.generic], groups: list[bool], each: int
) -> None:
    mask = np.array(groups, np.bool_)
    column = (np.arange(len(groups) * each) * 37 % 251).astype(kind)
    places = np.flatnonzero(np.repeat(mask, each))
    taken = rows_of(column, mask)
    assert taken.dtype == kind and taken.tolist() == column[places].tolist()
    changed, expected = column.copy(), column.copy()
    values = (np.arange(len(places)) + 100).astype(kind)
    set_rows_of(changed, mask, values)
    expected[places] = values
    assert changed.tolist() == expected.tolist()
    assert not np.shares_memory(taken, column)


@pytest.mark.parametrize(
    "values", [np.ones(4, np.int64), np.ones(4, np.uint16), np.ones(2, np.int32), np.ones(8, np.int32)]
)
def test_values_of_another_type_or_number_are_not_set(values: Any) -> None:
    column = np.zeros(6, np.int32)
    with pytest.raises(ValueError, match="for 2 of 3 groups of int32"):
        set_rows_of(column, np.array([True, False, True]), values)
    assert not column.any()
