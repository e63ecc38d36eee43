"""Digests of content: equal for equal values, however they were split into calls, files or workers.

The digest of a market is the sum modulo 2^128 of one hash for each (table, block, tick) and each set of parameters.
A hash takes the rows' column bytes through two multilinear sums modulo 2^64 with fixed random odd keys (Carter and
Wegman 1979), one of all their bits and one of the high halves of words, and the sums, the row count and the address
through BLAKE2b. Ticks of few rows, of which there are many, are hashed many at once: there each value is a word of its
own under both keys of its column and row. It finds accidents, not forgers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from qsim import compiled, streams
from qsim.arrays import I64, U8, U64, edges
from qsim.compiled import Loops
from qsim.streams import Purpose

if TYPE_CHECKING:
    import pyarrow as pa

MODULUS = 1 << 128
_RUN_BYTES = 1 << 18
_FEW_ROWS = 2_048


@cache
def _keys() -> tuple[U64, U64]:
    first, second = (
        streams.bits(0, Purpose.DIGEST_KEY, number, 0, 0, _RUN_BYTES // 8) | np.uint64(1) for number in range(2)
    )
    return first, second


@cache
def _weights(run: int) -> tuple[int, int]:
    first, second = streams.bits(0, Purpose.DIGEST_KEY, 2, 0, 2 * run, 2).tolist()
    return first | 1, second | 1


def _sums(raw: U8) -> tuple[int, int]:
    """Sum a run's words weighed by the first keys, and their high halves by the second; zeros fill up the last word."""
    first_keys, second_keys = _keys()
    count = raw.size // 8
    words, rest = raw[: 8 * count].view(np.uint64), int.from_bytes(raw[8 * count :].tobytes(), "little")
    first = int(np.dot(words, first_keys[:count]))
    second = int(np.dot(words >> np.uint64(32), second_keys[:count]))
    if not rest:
        return first, second
    return first + rest * int(first_keys[count]), second + (rest >> 32) * int(second_keys[count])


def _hash(address: str, rows: int, columns: Iterable[np.ndarray]) -> int:
    """Hash columns under an address."""
    return _finished(address, rows, *_sums_of_whole([*columns]))


def _sums_of_runs(columns: Iterable[np.ndarray]) -> tuple[int, int]:
    """Sum columns run by run: word i of a run is weighed by key i, and the run's sums by the run's own weights.

    A run is a piece of one column that stays in a core's cache. The second sum takes only the high halves of words:
    their highest bits, which in the first sum cancel in pairs under odd keys, are middle bits there.
    """
    first = second = run = 0
    for column in columns:
        raw = column.view(np.uint8)
        for begin in range(0, raw.size, _RUN_BYTES):
            weights, sums = _weights(run), _sums(raw[begin : begin + _RUN_BYTES])
            first += weights[0] * sums[0]
            second += weights[1] * sums[1]
            run += 1
    return first, second


def _sums_of_whole(columns: list[np.ndarray]) -> tuple[int, int]:
    """Sum columns of any lengths."""
    loops = compiled.library()
    if loops is None or not columns:
        return _sums_of_runs(columns)
    # To the loops each is one wide value of one row.
    widths = np.array([column.nbytes for column in columns])
    ((first, second),) = _looped(loops, columns, widths, np.array([0, 1])).tolist()
    return first, second


def _sums_of_ticks(columns: list[np.ndarray], begins: I64, ticks: I64) -> Iterator[tuple[int, int]]:
    """Sum the columns of each of some ticks, given by number, whose rows begin at `begins`."""
    loops = compiled.library()
    if loops is None or not len(ticks):
        yield from (_sums_of_runs([column[begins[at] : begins[at + 1]] for column in columns]) for at in ticks)
        return
    widths = np.array([column.itemsize for column in columns])
    yield from _looped(loops, columns, widths, begins)[ticks].tolist()


def _looped(loops: Loops, columns: list[np.ndarray], widths: I64, begins: I64) -> U64:
    """Sum columns of values so many bytes wide by the compiled loops, uint64[ticks, 2]."""
    keys = _keys()
    runs = np.sum(-(-int(np.diff(begins).max()) * widths // _RUN_BYTES))
    weights = np.array([_weights(run) for run in range(runs)], np.uint64)
    values, sums = compiled.each_at(columns), np.zeros((len(begins) - 1, 2), np.uint64)
    terms = compiled.Sums(
        ticks=len(sums),
        columns=len(columns),
        run_bytes=_RUN_BYTES,
        begins=compiled.at(begins),
        widths=compiled.at(widths),
        values=compiled.at(values),
        first_keys=compiled.at(keys[0]),
        second_keys=compiled.at(keys[1]),
        weights=compiled.at(weights),
        sums=compiled.at(sums),
    )
    compiled.sums(loops, terms)
    return sums


def _finished(address: str, rows: int, first: int, second: int) -> int:
    sums = ((second & streams.MASK) << 64 | first & streams.MASK).to_bytes(16, "little")
    return int.from_bytes(hashlib.blake2b(f"{address}:{rows}".encode() + sums, digest_size=16).digest(), "little")


@cache
def _value_keys(column: int, which: int) -> U64:
    return streams.bits(0, Purpose.DIGEST_KEY, 3 + which, column, 0, _FEW_ROWS) | np.uint64(1)


def _sums_of_few(columns: list[np.ndarray], starts: I64, sizes: I64) -> tuple[list[int], list[int]]:
    """Give both sums of each of many short ticks, whose rows lie end to end from `starts` on."""
    place = np.arange(sizes.sum()) - np.repeat(starts, sizes)
    first, second = np.zeros((2, len(place)), np.uint64)
    for number, column in enumerate(columns):
        words = column.view(f"u{column.itemsize}").astype(np.uint64)
        first += words * _value_keys(number, 0)[place]
        second += words * _value_keys(number, 1)[place]
    return np.add.reduceat(first, starts).tolist(), np.add.reduceat(second, starts).tolist()


def of_bytes(address: str, data: bytes) -> int:
    """Hash bytes under an address."""
    return int.from_bytes(hashlib.blake2b(address.encode() + b":" + data, digest_size=16).digest(), "little")


def of_columns(address: str, table: pa.Table) -> int:
    """Hash a whole table under an address: the values of its columns in order, rows in order."""
    return _hash(address, table.num_rows, _contents(table))


def _contents(table: pa.Table) -> Iterator[np.ndarray]:
    """Give what a table's columns hold one after another, of texts and truths the bytes that Arrow has of them."""
    import pyarrow as pa

    for column in table.columns:
        if column.type == pa.string_view():
            column = column.cast(pa.string())
        if not pa.types.is_string(column.type) and not pa.types.is_boolean(column.type):
            yield np.ascontiguousarray(column.to_numpy())
            continue
        # A copy of its own, since the buffers of a slice are those of the whole.
        copied = pa.concat_arrays([*column.chunks, pa.array([], column.type)])
        yield from (
            np.frombuffer(buffer, np.uint8) for buffer in copied.buffers() if buffer is not None and len(copied)
        )


def of_opening(name: str, block: int, table: pa.Table) -> int:
    """Hash what a table has at tick 0 from a block on."""
    return of_columns(f"{name}:{block}:0", table)


def of_ticks(name: str, block: int, table: pa.Table) -> int:
    """Sum the hashes of a block's rows, tick by tick; the table has a `tick` column, is in tick order and holds numbers."""
    if not table.num_rows:
        return 0
    columns = {column: table.column(column).to_numpy() for column in table.column_names}
    ticks = columns.pop("tick")
    begins = edges(ticks)
    sizes = np.diff(begins)
    few = sizes < _FEW_ROWS
    total = 0
    many = np.flatnonzero(~few)
    for at, (first, second) in zip(many, _sums_of_ticks([*columns.values()], begins, many), strict=True):
        total += _finished(f"{name}:{block}:{ticks[begins[at]]}", int(sizes[at]), first, second)
    if few.any():
        rows = np.repeat(few, sizes)
        kept = [column if few.all() else column[rows] for column in columns.values()]
        of_few, numbers = sizes[few], ticks[begins[:-1][few]].tolist()
        sums = _sums_of_few(kept, np.cumsum(of_few) - of_few, of_few)
        for tick, size, first, second in zip(numbers, of_few.tolist(), *sums, strict=True):
            total += _finished(f"{name}:{block}:{tick}", size, first, second)
    return total % MODULUS
