"""Loops in C over the rows of ticks, which stand in for many passes of numpy; there are none where qsim was
installed without a C compiler.

What they give is bit for bit what the modules that use them say in numpy. Knows no market.
"""

from __future__ import annotations

import ctypes
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "loops.so"

Loops = ctypes.CDLL
pointer = ctypes.pointer
_WHOLE = ctypes.c_int64
_COLUMN = ctypes.c_void_p


def _fields(kind: type, names: str) -> list[tuple[str, type]]:
    return [(name, kind) for name in names.split()]


class Keys(ctypes.Structure):
    """The ticks and cells by which rows are counted, as `loops.h` describes them."""

    _fields_ = [
        *_fields(_WHOLE, "count cells tick listing most per edge sizes added"),
        *_fields(_COLUMN, "cell classes few counts histogram changes squares"),
    ]


class Update(ctypes.Structure):
    """The terms and columns of `qsim_update`, as `loops.h` describes them."""

    _fields_ = [
        *_fields(_WHOLE, "count start tick span"),
        *_fields(_COLUMN, "places ticks"),
        *_fields(ctypes.c_uint64, "seed format_version block purpose"),
        *_fields(ctypes.c_double, "bound half_up exponent"),
        *_fields(
            _WHOLE, "prices discount_start discount_end surging surge_low surge_span fee_paise shift_bps law_size"
        ),
        *_fields(ctypes.c_uint64, "depth_stem surge_stem"),
        *_fields(_COLUMN, "lanes powers slope base pull depth_laws ceiling listing_id is_loose platform"),
        *_fields(_COLUMN, "price regular own line discount surge fee updated"),
        *_fields(_COLUMN, "row_tick row_listing_id row_cause row_before row_after row_regular"),
        *_fields(_COLUMN, "row_discount row_surge row_fee row_changed"),
        *_fields(_COLUMN, "row_clipped row_was_discounted row_was_surging"),
        *_fields(_COLUMN, "switched_tick switched_listing_id switched_own switches kept"),
        ("keys", ctypes.POINTER(Keys)),
    ]


class Count(ctypes.Structure):
    """The columns of `qsim_count`, as `loops.h` describes them."""

    _fields_ = [
        ("count", _WHOLE),
        *_fields(_COLUMN, "ceiling row_tick row_listing_id row_before row_after row_discount row_surge row_fee"),
        *_fields(_COLUMN, "row_changed row_clipped row_was_discounted row_was_surging"),
        ("keys", ctypes.POINTER(Keys)),
    ]


class Anchors(ctypes.Structure):
    """The terms and columns of `qsim_anchors`, as `loops.h` describes them."""

    _fields_ = [
        *_fields(_WHOLE, "count platforms attempts"),
        ("stem", ctypes.c_uint64),
        *_fields(ctypes.c_double, "common least_spread most_spread"),
        *_fields(_COLUMN, "products base ceiling low high prices"),
    ]


class Shelves(ctypes.Structure):
    """The terms and columns of `qsim_shelves`, as `loops.h` describes them."""

    _fields_ = [
        *_fields(_WHOLE, "count first least_cost_bps cost_span sold_out_below"),
        *_fields(ctypes.c_uint64, "cost_stem stock_stem"),
        *_fields(_COLUMN, "anchor is_active unit_cost stock reserved reorder_level target_stock"),
    ]


class Sums(ctypes.Structure):
    """The columns of `qsim_sums`, as `loops.h` describes them."""

    _fields_ = [
        *_fields(_WHOLE, "parts columns run_bytes"),
        *_fields(_COLUMN, "sizes values first_keys second_keys weights sums"),
    ]


class FewSums(ctypes.Structure):
    """The columns of `qsim_few_sums`, as `loops.h` describes them."""

    _fields_ = [
        *_fields(_WHOLE, "parts columns"),
        *_fields(_COLUMN, "sizes widths values first_keys second_keys sums"),
    ]


@cache
def library() -> Loops | None:
    """Open the compiled loops; None where there are none for this machine, or those of other sources."""
    try:
        found = ctypes.CDLL(str(LIBRARY))
        found.qsim_source.restype = ctypes.c_char_p
        built_from = found.qsim_source().decode()
    except (OSError, AttributeError):
        return None
    sources = b"".join(path.read_bytes() for path in sorted(FOLDER.glob("*.[ch]")))
    return found if built_from == hashlib.sha256(sources).hexdigest() else None


def at(column: np.ndarray[Any, Any], first: int = 0) -> int:
    """Tell where a column lies in memory, from a row on."""
    assert column.flags.c_contiguous
    place: int
    if column.flags.writeable and column.size:
        # A third of the time of numpy's own ways, and short ticks ask for thirty columns.
        place = ctypes.addressof(ctypes.c_char.from_buffer(column.data))
    else:
        place = column.__array_interface__["data"][0]
    return place + first * column.itemsize


def update(loops: Loops, terms: Update) -> None:
    """Update listings and fill their rows, in place; other threads go on meanwhile."""
    loops.qsim_update(ctypes.byref(terms))


def count(loops: Loops, terms: Count) -> None:
    """Count rows by key, and measure changes of price."""
    loops.qsim_count(ctypes.byref(terms))


def anchors(loops: Loops, terms: Anchors) -> None:
    """Draw the anchors of products."""
    loops.qsim_anchors(ctypes.byref(terms))


def shelves(loops: Loops, terms: Shelves) -> None:
    """Draw the unit costs and the stock of listings."""
    loops.qsim_shelves(ctypes.byref(terms))


def sums(loops: Loops, terms: Sums) -> None:
    """Sum the words of parts' columns."""
    loops.qsim_sums(ctypes.byref(terms))


def few_sums(loops: Loops, terms: FewSums) -> None:
    """Sum the values of the columns of parts of few rows."""
    loops.qsim_few_sums(ctypes.byref(terms))
