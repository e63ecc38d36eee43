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
    """Hash columns as one run of words, each column padded to whole words; word i is weighed by key i, chunk by chunk."""
    sums, at = [0, 0], 0
    for column in columns:
        raw = column.view(np.uint8)
        whole = raw.size // 8
        words = [raw[: whole * 8].view(np.uint64)]
        if raw.size % 8:
            words.append(np.frombuffer(raw[whole * 8 :].tobytes().ljust(8, b"\0"), np.uint64))
        for part in words:
            sums = [total + more for total, more in zip(sums, _sums(part, at), strict=True)]
            at += len(part)
    state = hashlib.blake2b(f"{address}:{rows}".encode(), digest_size=16)
    for total in sums:
        state.update((total & streams.MASK).to_bytes(8, "little"))
    return int.from_bytes(state.digest(), "little")


def _sums(words: U64, at: int) -> list[int]:
    sums = [0, 0]
    first = 0
    while first < len(words):
        chunk, place = divmod(at + first, _CHUNK_WORDS)
        part = words[first : first + _CHUNK_WORDS - place]
        # The second sum takes the words with their halves swapped: highest bits, which cancel in pairs under odd
        # keys, are middle bits there. Each chunk has an odd weight of its own, so that no two places weigh the same.
        swapped = (part << np.uint64(32)) | (part >> np.uint64(32))
        for which, (turned, key) in enumerate(zip((part, swapped), _keys(), strict=True)):
            sums[which] += int(np.dot(turned, key[place : place + len(part)])) * (2 * chunk + 1)
        first += len(part)
    return sums


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
    starts = np.flatnonzero(np.diff(ticks, prepend=ticks[0] + 1 if ticks[0] == 0 else 0))
    total = 0
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(ticks)], strict=True):
        total += _hash(
            f"{name}:{block}:{ticks[first]}", last - first, [column[first:last] for column in columns.values()]
        )
    return total % MODULUS
