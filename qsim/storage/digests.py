"""Digests of content: equal for equal values, however they were split into calls, files or workers.

The digest of a market is the sum modulo 2^128 of one hash for each (table, block, tick) and each set of parameters.
A hash takes the rows' column bytes through two multilinear sums modulo 2^64 with fixed random odd keys (Carter and
Wegman 1979), one of all their bits and one of the high halves of words, and the sums, the row count and the address
through BLAKE2b. Ticks of few rows, of which there are many, are hashed many at once: there each value is a word of its
own under both keys of its column and row. It finds accidents, not forgers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from qsim import compiled, streams
from qsim.arrays import I64, U8, U64, Mask, edges
from qsim.streams import Purpose

if TYPE_CHECKING:
    import pyarrow as pa

MODULUS = 1 << 128
_RUN_BYTES = 1 << 18
_FEW_ROWS = 2_048
_hasher = partial(hashlib.blake2b, digest_size=16)


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
    return _finished(address, rows, *_sums_of_each([[*columns]])[0])


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


def _sums_of_each(parts: Sequence[list[np.ndarray]]) -> list[tuple[int, int]]:
    """Sum each of some parts, as many columns each."""
    loops = compiled.library()
    if loops is None or not parts or not parts[0]:
        return [_sums_of_runs(columns) for columns in parts]
    keys, sizes = _keys(), np.array([[column.nbytes for column in columns] for columns in parts])
    weights = np.array([_weights(run) for run in range((-(-sizes // _RUN_BYTES)).sum(axis=1).max())], np.uint64)
    values = np.array([[compiled.at(column) for column in columns] for columns in parts], np.uint64)
    sums = np.zeros((len(parts), 2), np.uint64)
    terms = compiled.Sums(
        parts=len(parts),
        columns=len(parts[0]),
        run_bytes=_RUN_BYTES,
        sizes=compiled.at(sizes),
        values=compiled.at(values),
        first_keys=compiled.at(keys[0]),
        second_keys=compiled.at(keys[1]),
        weights=compiled.at(weights),
        sums=compiled.at(sums),
    )
    compiled.sums(loops, terms)
    return [(first, second) for first, second in sums.tolist()]


def _finished(address: str, rows: int, first: int, second: int) -> int:
    sums = ((second & streams.MASK) << 64 | first & streams.MASK).to_bytes(16, "little")
    return int.from_bytes(_hasher(f"{address}:{rows}".encode() + sums).digest(), "little")


@cache
def _value_keys(column: int, which: int) -> U64:
    return streams.bits(0, Purpose.DIGEST_KEY, 3 + which, column, 0, _FEW_ROWS) | np.uint64(1)


def _sums_of_few(columns: list[np.ndarray], sizes: I64) -> U64:
    """Give both sums of each of many short ticks of so many rows each, which lie end to end: uint64[2, ticks]."""
    loops = compiled.library()
    if loops is not None:
        return _looped(loops, columns, sizes)
    starts = np.cumsum(sizes) - sizes
    place = np.arange(sizes.sum()) - np.repeat(starts, sizes)
    first, second = np.zeros((2, len(place)), np.uint64)
    for number, column in enumerate(columns):
        words = column.view(f"u{column.itemsize}").astype(np.uint64)
        first += words * _value_keys(number, 0)[place]
        second += words * _value_keys(number, 1)[place]
    return np.stack([np.add.reduceat(first, starts), np.add.reduceat(second, starts)])


def _looped(loops: compiled.Loops, columns: list[np.ndarray], sizes: I64) -> U64:
    keys = [[compiled.at(_value_keys(number, which)) for number in range(len(columns))] for which in range(2)]
    first_keys, second_keys = np.array(keys, np.uint64)
    values = np.array([compiled.at(column) for column in columns], np.uint64)
    widths = np.array([column.itemsize for column in columns])
    sums = np.zeros((2, len(sizes)), np.uint64)
    terms = compiled.FewSums(
        parts=len(sizes),
        columns=len(columns),
        sizes=compiled.at(sizes),
        widths=compiled.at(widths),
        values=compiled.at(values),
        first_keys=compiled.at(first_keys),
        second_keys=compiled.at(second_keys),
        sums=compiled.at(sums),
    )
    compiled.few_sums(loops, terms)
    return sums


def _finished_each(address: str, ticks: list[int], rows: list[int], sums: U64) -> int:
    """Add up what `_finished` gives of each of some ticks under an address: of so many hashes at a time in half of the time."""
    words, start, blank, found = sums.T.astype("<u8").tobytes(), f"{address}:".encode(), _hasher(), []
    for place, tick, size in zip(range(0, len(words), 16), ticks, rows, strict=True):
        hashing = blank.copy()
        hashing.update(b"%b%d:%d" % (start, tick, size) + words[place : place + 16])
        found.append(hashing.digest())
    parts = np.frombuffer(b"".join(found), "<u4").reshape(-1, 4).sum(axis=0, dtype=np.uint64)
    return sum(part << 32 * at for at, part in enumerate(parts.tolist()))


def of_bytes(address: str, data: bytes) -> int:
    """Hash bytes under an address."""
    return int.from_bytes(_hasher(address.encode() + b":" + data).digest(), "little")


def of_columns(address: str, table: pa.Table) -> int:
    """Hash a whole table under an address: the values of its columns in order, rows in order."""
    return _hash(address, table.num_rows, _contents(table))


def _contents(table: pa.Table) -> Iterator[np.ndarray]:
    """Give what a table's columns hold one after another, of texts and truths the bytes that Arrow has of them."""
    import pyarrow as pa

    for column in table.columns:
        if column.type == pa.string_view() or pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        if pa.types.is_string(column.type):
            yield from _as_they_lie(column) or _copied(column)
        elif pa.types.is_boolean(column.type):
            yield from _copied(column)
        else:
            yield np.ascontiguousarray(column.to_numpy())


def _as_they_lie(column: pa.ChunkedArray) -> tuple[np.ndarray, ...]:
    """Give the ends and the letters of texts that lie in one piece at the start of what holds them; nothing of others."""
    if column.num_chunks != 1 or column.null_count or not len(column):
        return ()
    _, offsets, texts = column.chunk(0).buffers()
    ends = np.frombuffer(offsets, np.int32)[column.chunk(0).offset :][: len(column) + 1]
    if ends[0]:
        return ()
    return ends, np.frombuffer(texts, np.uint8, ends[-1]) if ends[-1] else ends[:0]


def _copied(column: pa.ChunkedArray) -> list[np.ndarray]:
    """Give what a copy of a column holds: the buffers of a slice are those of the whole."""
    import pyarrow as pa

    copied = pa.concat_arrays([*column.chunks, pa.array([], column.type)])
    return [np.frombuffer(buffer, np.uint8) for buffer in copied.buffers() if buffer is not None and len(copied)]


def of_opening(name: str, block: int, table: pa.Table) -> int:
    """Hash what a table has at tick 0 from a block on."""
    return of_columns(f"{name}:{block}:0", table)


def of_ticks(name: str, block: int, table: pa.Table) -> int:
    """Sum the hashes of a block's rows, tick by tick; the table has a `tick` column, is in tick order and holds numbers."""
    total, many = 0, []
    for columns in _pieces(table):
        ticks = columns.pop("tick")
        # Long ticks come one by one.
        begins = edges(ticks) if ticks[0] != ticks[-1] else np.array([0, len(ticks)])
        sizes = np.diff(begins)
        few = sizes < _FEW_ROWS
        for at in np.flatnonzero(~few):
            rows = slice(begins[at], begins[at + 1])
            many.append((int(ticks[rows.start]), int(sizes[at]), [column[rows] for column in columns.values()]))
        total += _of_few(name, block, ticks[begins[:-1][few]], sizes, few, [*columns.values()]) if few.any() else 0
    for (tick, size, _), sums in zip(many, _sums_of_each([columns for *_, columns in many]), strict=True):
        total += _finished(f"{name}:{block}:{tick}", size, *sums)
    return total % MODULUS


def _pieces(table: pa.Table) -> Iterator[dict[str, np.ndarray]]:
    """Give a table's columns piece by piece, as they lie in memory; where a tick would be in two, all at once."""
    pieces = [piece for piece in table.to_batches() if piece.num_rows]
    if any(before["tick"][-1] == after["tick"][0] for before, after in pairwise(pieces)):
        pieces = table.combine_chunks().to_batches()
    for piece in pieces:
        yield {column: piece.column(column).to_numpy(zero_copy_only=False) for column in piece.schema.names}


def _of_few(name: str, block: int, ticks: np.ndarray, sizes: I64, few: Mask, columns: list[np.ndarray]) -> int:
    """Sum the hashes of those ticks that have few rows, of columns with ticks of so many rows."""
    if not few.all():
        rows = np.repeat(few, sizes)
        columns, sizes = [column[rows] for column in columns], sizes[few]
    return _finished_each(f"{name}:{block}", ticks.tolist(), sizes.tolist(), _sums_of_few(columns, sizes))
