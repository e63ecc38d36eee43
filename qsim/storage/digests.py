"""Digests of content: equal for equal values, however they were split into calls, files or workers.

The digest of a market is the sum modulo 2^128 of one hash for each (table, block, tick) and each set of parameters.
A hash takes the rows' column bytes through two multilinear sums modulo 2^64 with fixed random odd keys (Carter and
Wegman 1979), one of all their bits and one of the high halves of words, and the sums, the row count and the address
through BLAKE2b. It finds accidents, not forgers.
"""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from qsim import streams
from qsim.arrays import U8, U64
from qsim.streams import Purpose

if TYPE_CHECKING:
    import pyarrow as pa

MODULUS = 1 << 128
_RUN_BYTES = 1 << 18


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


def _words(raw: U8) -> U64:
    """View bytes as words, padded to whole ones."""
    if raw.size % 8:
        return np.frombuffer(raw.tobytes() + bytes(-raw.size % 8), np.uint64)
    words = raw.view(np.uint64)
    return words if words.flags.aligned else words.copy()


def _hash(address: str, rows: int, columns: list[np.ndarray]) -> int:
    """Hash columns run by run: word i of a run is weighed by key i, and the run's sums by the run's own weights.

    A run is a piece of one column that stays in a core's cache. The second sum takes only the high halves of words:
    their highest bits, which in the first sum cancel in pairs under odd keys, are middle bits there.
    """
    first_keys, second_keys = _keys()
    first = second = run = 0
    for column in columns:
        raw = column.view(np.uint8)
        for begin in range(0, raw.size, _RUN_BYTES):
            words = _words(raw[begin : begin + _RUN_BYTES])
            weights = _weights(run)
            first += weights[0] * int(np.dot(words, first_keys[: len(words)]))
            second += weights[1] * int(np.dot(words >> np.uint64(32), second_keys[: len(words)]))
            run += 1
    state = hashlib.blake2b(f"{address}:{rows}".encode(), digest_size=16)
    for total in (first, second):
        state.update((total & streams.MASK).to_bytes(8, "little"))
    return int.from_bytes(state.digest(), "little")


def of_bytes(address: str, data: bytes) -> int:
    """Hash bytes under an address."""
    return int.from_bytes(hashlib.blake2b(address.encode() + b":" + data, digest_size=16).digest(), "little")


def of_columns(address: str, table: pa.Table) -> int:
    """Hash a whole table under an address: the values of its columns in order, rows in order."""
    import pyarrow as pa

    columns: list[np.ndarray] = []
    for column in table.columns:
        if not pa.types.is_string(column.type) and not pa.types.is_boolean(column.type):
            columns.append(np.ascontiguousarray(column.to_numpy()))
            continue
        # A copy of its own, since the buffers of a slice are those of the whole.
        copied = pa.concat_arrays([*column.chunks, pa.array([], column.type)])
        columns += [
            np.frombuffer(buffer, np.uint8) for buffer in copied.buffers() if buffer is not None and len(copied)
        ]
    return _hash(address, table.num_rows, columns)


def of_ticks(name: str, block: int, table: pa.Table) -> int:
    """Sum the hashes of a block's rows, tick by tick; the table has a `tick` column, is in tick order and holds numbers."""
    if not table.num_rows:
        return 0
    columns = {column: table.column(column).to_numpy() for column in table.column_names}
    ticks = columns.pop("tick")
    edges = [0, *(np.flatnonzero(ticks[1:] != ticks[:-1]) + 1).tolist(), len(ticks)]
    total = 0
    for first, last in pairwise(edges):
        total += _hash(
            f"{name}:{block}:{ticks[first]}", last - first, [column[first:last] for column in columns.values()]
        )
    return total % MODULUS
