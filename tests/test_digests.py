"""Digests of content: another for any other value, place or address; the same however the rows were split or kept."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsim.runs import epochs
from qsim.schema import CATALOG, DISCOUNTS, EVENTS, PRODUCTS, SNAPSHOTS, STORES
from qsim.storage import digests, log
from tests.stored import logged

ROWS = 60
TICKS = [1] * 10 + [2] * 1 + [5] * 20 + [9] * 29


def numbers_of(schema: pa.Schema, rows: int, seed: int) -> pa.Table:
    """A table of arbitrary values of its columns' types."""
    random = np.random.RandomState(seed)
    columns: list[Any] = []
    for kind in schema.types:
        if kind == pa.bool_():
            columns.append(random.randint(0, 2, rows).astype(bool))
        elif kind == pa.string():
            columns.append([f"name {number}" for number in random.randint(0, 9, rows)])
        else:
            columns.append(random.randint(0, 120, rows).astype(kind.to_pandas_dtype()))
    return pa.Table.from_arrays(
        [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema
    )


def ticked() -> pa.Table:
    return numbers_of(EVENTS.arrow(), ROWS, 0).set_column(0, EVENTS.arrow().field(0), pa.array(TICKS, pa.uint32()))


def replaced(table: pa.Table, column: int, values: Any) -> pa.Table:
    field = table.schema.field(column)
    return table.set_column(column, field, pa.array(values, field.type))


EVENTS_TABLE = ticked()
WHOLE = digests.of_ticks("events", 3, EVENTS_TABLE)


@settings(max_examples=300, deadline=None)
@given(column=st.integers(0, len(EVENTS.columns) - 1), row=st.integers(0, ROWS - 1), bit=st.integers(0, 31))
def test_any_one_bit_of_any_value_of_an_event_changes_the_digest(column: int, row: int, bit: int) -> None:
    values = EVENTS_TABLE.column(column).to_numpy().copy()
    raw = values.view(f"u{values.itemsize}")
    raw[row] ^= raw.dtype.type(1 << bit % (8 * values.itemsize))
    # A changed tick may leave its neighbours in no order, which is not what the digest is for.
    changed = (
        replaced(EVENTS_TABLE, column, values).sort_by("tick")
        if column == 0
        else replaced(EVENTS_TABLE, column, values)
    )
    assert digests.of_ticks("events", 3, changed) != WHOLE


@settings(max_examples=200, deadline=None)
@given(one=st.integers(31, ROWS - 1), other=st.integers(31, ROWS - 1))
def test_the_order_of_a_ticks_rows_is_part_of_the_digest(one: int, other: int) -> None:
    order = list(range(ROWS))
    order[one], order[other] = order[other], order[one]
    assert (digests.of_ticks("events", 3, EVENTS_TABLE.take(order)) == WHOLE) == (one == other)


def test_two_values_that_change_places_change_the_digest_in_every_column() -> None:
    for column in range(1, EVENTS_TABLE.num_columns):
        values = EVENTS_TABLE.column(column).to_numpy()
        for one in range(31, ROWS):
            for other in range(one + 1, ROWS):
                if values[one] != values[other]:
                    swapped = values.copy()
                    swapped[[one, other]] = swapped[[other, one]]
                    assert digests.of_ticks("events", 3, replaced(EVENTS_TABLE, column, swapped)) != WHOLE


def test_two_columns_that_change_places_change_the_digest() -> None:
    before, after = (EVENTS_TABLE.column(name) for name in ("price_before_paise", "price_after_paise"))
    swapped = replaced(replaced(EVENTS_TABLE, 3, after.to_numpy()), 4, before.to_numpy())
    assert digests.of_ticks("events", 3, swapped) != WHOLE


def test_block_tick_and_table_are_part_of_the_digest() -> None:
    later = replaced(EVENTS_TABLE, 0, np.array(TICKS) + 1)
    tables = [
        ("events", 3, EVENTS_TABLE),
        ("events", 4, EVENTS_TABLE),
        ("event", 3, EVENTS_TABLE),
        ("events", 3, later),
    ]
    assert len({digests.of_ticks(*table) for table in tables}) == 4


def test_rows_of_one_tick_are_not_those_of_two() -> None:
    joined = replaced(EVENTS_TABLE, 0, np.array([1] * 31 + [9] * 29))
    assert digests.of_ticks("events", 3, joined) != WHOLE


@pytest.mark.parametrize("cuts", [[10], [11], [31], [10, 11], [10, 11, 31], [0], [60]])
def test_a_split_at_ticks_does_not_change_the_digest(cuts: list[int]) -> None:
    edges = [0, *cuts, ROWS]
    parts = [EVENTS_TABLE.slice(first, last - first) for first, last in pairwise(edges)]
    assert sum(digests.of_ticks("events", 3, part) for part in parts) % digests.MODULUS == WHOLE
    assert digests.of_ticks("events", 3, pa.concat_tables(parts)) == WHOLE


@pytest.mark.parametrize("cuts", [[5], [20], [5, 10, 20], [1, 2, 3], [10, 12, 40]])
def test_a_tick_whose_rows_lie_in_several_pieces_is_hashed_as_one(cuts: list[int]) -> None:
    pieces = [EVENTS_TABLE.slice(first, last - first) for first, last in pairwise([0, *cuts, ROWS])]
    assert digests.of_ticks("events", 3, pa.concat_tables(pieces)) == WHOLE


def test_tick_zero_is_hashed_like_any_other() -> None:
    opening = replaced(EVENTS_TABLE, 0, np.zeros(ROWS))
    changed = replaced(opening, 3, np.arange(ROWS))
    assert 0 != digests.of_ticks("events", 3, opening) != digests.of_ticks("events", 3, changed)
    both = pa.concat_tables([opening, EVENTS_TABLE])
    assert digests.of_ticks("events", 3, both) == (digests.of_ticks("events", 3, opening) + WHOLE) % digests.MODULUS


def test_no_rows_have_no_digest_and_a_row_of_zeros_has_one() -> None:
    assert digests.of_ticks("discounts", 0, DISCOUNTS.arrow().empty_table()) == 0
    zeros = pa.table({name: np.zeros(1, np.uint32) for name in ("tick", "listing_id")})
    more = pa.table({name: np.zeros(2, np.uint32) for name in ("tick", "listing_id")})
    assert 0 != digests.of_ticks("discounts", 0, zeros) != digests.of_ticks("discounts", 0, more)


@pytest.mark.parametrize("table", [PRODUCTS, STORES, SNAPSHOTS], ids=lambda table: table.name)
def test_any_one_value_of_a_whole_table_changes_its_digest(table: Any) -> None:
    rows = numbers_of(table.arrow(), 150, 1)
    wanted = digests.of_columns("address", rows)
    for column, kind in enumerate(rows.schema.types):
        for row in (0, 1, 63, 64, 149):
            values = rows.column(column).to_pylist()
            values[row] = not values[row] if kind == pa.bool_() else values[row] + ("!" if kind == pa.string() else 1)
            assert digests.of_columns("address", replaced(rows, column, values)) != wanted
    assert digests.of_columns("elsewhere", rows) != wanted


@pytest.mark.parametrize("rows", [(63, 127), (7, 15), (0, 64), (127, 191)])
def test_two_products_that_trade_places_on_sale_change_the_digest(rows: tuple[int, int]) -> None:
    products = numbers_of(PRODUCTS.arrow(), 200, 1)
    column = products.column_names.index("is_active")
    values = np.ones(200, bool)
    values[rows[0]] = False
    one = replaced(products, column, values)
    values[list(rows)] = True, False
    assert digests.of_columns("products", one) != digests.of_columns("products", replaced(products, column, values))


def test_text_moved_from_a_row_to_the_next_changes_the_digest() -> None:
    texts = [["ab", "c"], ["a", "bc"], ["", "abc"]]
    assert len({digests.of_columns("t", pa.table({"x": pa.array(text)})) for text in texts}) == 3


@pytest.mark.parametrize("table", [PRODUCTS, STORES, SNAPSHOTS, EVENTS], ids=lambda table: table.name)
def test_how_a_table_lies_in_memory_does_not_change_its_digest(table: Any, tmp_path: Path) -> None:
    rows = numbers_of(table.arrow(), 150, 2)
    wanted = digests.of_columns("address", rows)
    longer = pa.concat_tables([numbers_of(table.arrow(), 77, 3), rows, rows]).combine_chunks()
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=40)
    for name, same in {
        "in pieces": pa.concat_tables([rows.slice(0, 64), rows.slice(64)]),
        "a slice": longer.slice(77, 150),
        "the first rows of more": longer.slice(77).combine_chunks().slice(0, 150),
        "the first rows of a copy": pa.concat_tables([rows, longer]).combine_chunks().slice(0, 150),
        "from a file": pq.read_table(tmp_path / "rows.parquet"),
    }.items():
        assert same.equals(rows), name
        assert digests.of_columns("address", same) == wanted, name


def test_views_of_texts_have_the_digest_of_the_texts() -> None:
    texts = pa.array(["", "tea", "a name of more than twelve letters"] * 9)
    views = texts.cast(pa.string_view()).slice(4, 20)
    wanted = digests.of_columns("t", pa.table({"x": texts.slice(4, 20)}))
    assert digests.of_columns("t", pa.table({"x": views})) == wanted


def test_dictionaries_of_texts_have_the_digest_of_the_texts() -> None:
    table = numbers_of(PRODUCTS.arrow(), ROWS, 3)
    encoded = pa.table(
        {
            name: column.dictionary_encode() if column.type == pa.string() else column
            for name, column in zip(table.schema.names, table.columns, strict=True)
        }
    )
    assert digests.of_columns("products", encoded) == digests.of_columns("products", table)


def test_the_digest_of_a_market_is_that_of_its_files_and_epochs(ready_market: Path) -> None:
    history = log.read(ready_market)
    course = epochs.course_of(history)
    total = sum(
        epochs.epoch_digest(epoch, parameters)
        for epoch, parameters in zip(course.epochs, course.parameters, strict=True)
    )
    opening = {table.name for table in CATALOG} | {"snapshots", "discounts"}
    for file in history.files:
        if file.table in opening and file.last == 0:
            rows = pq.read_table(ready_market / file.path)
            total += digests.of_columns(f"{file.table}:{file.block}:0", rows)
        elif file.table in ("events", "discounts"):
            total += digests.of_ticks(file.table, file.block, pq.read_table(ready_market / file.path))
    assert f"{total % digests.MODULUS:032x}" == logged(ready_market)[-1].digest
