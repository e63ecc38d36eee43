"""Digests of content: equal for equal values, however they were split into calls, files or workers.

The digest of a market is the sum modulo 2^128 of one hash for each (table, block, tick) and each set of parameters.
A hash takes the rows' column bytes through two multilinear sums modulo 2^64 with fixed random odd keys (Carter and
Wegman 1979), and their sums, the row count and the address through BLAKE2b. It finds accidents, not forgers.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from qsim import streams
from qsim.arrays import U64
from qsim.streams import Purpose

if TYPE_CHECKING:
    import pyarrow as pa

MODULUS = 1 << 128
_CHUNK_WORDS = 1 << 17


@cache
def _keys() -> tuple[U64, U64]:
    first, second = (
        streams.bits(0, Purpose.DIGEST_KEY, number, 0, 0, _CHUNK_WORDS) | np.uint64(1) for number in range(2)
    )
    return first, second


def _hash(address: str, rows: int, columns: list[np.ndarray]) -> int:
    state = hashlib.blake2b(f"{address}:{rows}".encode(), digest_size=16)
    parts = [column.view(np.uint8) for column in columns]
    sizes = [-(-part.size // 8) for part in parts]
    words = np.zeros(sum(sizes), np.uint64)
    raw, at = words.view(np.uint8), 0
    for part, size in zip(parts, sizes, strict=True):
        raw[at : at + part.size] = part
        at += size * 8
    for first in range(0, len(words), _CHUNK_WORDS):
        chunk = words[first : first + _CHUNK_WORDS]
        for key in _keys():
            state.update(int(np.dot(chunk, key[: len(chunk)])).to_bytes(8, "little"))
    return int.from_bytes(state.digest(), "little")


def of_bytes(address: str, data: bytes) -> int:
    """Hash bytes under an address."""
    return int.from_bytes(hashlib.blake2b(address.encode() + b":" + data, digest_size=16).digest(), "little")


def of_columns(address: str, table: pa.Table) -> int:
    """Hash a whole table under an address: the values of its columns in order, rows in order."""
    columns: list[np.ndarray] = []
    for column in table.combine_chunks().columns:
        chunk = column.chunk(0) if column.num_chunks else None
        for buffer in chunk.buffers() if chunk is not None and len(chunk) else []:
            columns += [] if buffer is None else [np.frombuffer(buffer, np.uint8)]
    return _hash(address, table.num_rows, columns)


def of_ticks(name: str, block: int, table: pa.Table) -> int:
    """Sum the hashes of a block's rows, tick by tick; the table has a `tick` column, is in tick order and holds numbers."""
    if not table.num_rows:
        return 0
    columns = {column: table.column(column).to_numpy() for column in table.column_names}
    ticks = columns.pop("tick")
    starts = np.flatnonzero(np.diff(ticks, prepend=ticks[0] + 1 if ticks[0] == 0 else 0))
    total = 0
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(ticks)], strict=True):
        total += _hash(
            f"{name}:{block}:{ticks[first]}", last - first, [column[first:last] for column in columns.values()]
        )
    return total % MODULUS
