"""A market at tick 0: its parameters, its catalog, and the prices and discounts that it opens with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from qsim import blocks, calendars, forks, params, rulebook, simulation
from qsim.arrays import U16, Mask
from qsim.catalog import (
    campaign_tables,
    listing_table,
    named_tables,
    opening_discounts,
    products_table,
    store_table,
)
from qsim.catalog.user_file import listed_rows, read_user_catalog
from qsim.errors import UsageError
from qsim.festivals import Entry
from qsim.market.state import Block
from qsim.params import Parameters
from qsim.runs.worlds import OPENING_COLUMNS, block_products, campaign_times, catalog_columns
from qsim.schema import DISCOUNTS, SNAPSHOTS, TABLES
from qsim.simulation import Campaigns

# Blocks whose listings are made and kept together: enough for large files, few enough for caches and two cores.
_BLOCKS_A_PIECE = 8

Part = tuple[str, int, pa.Table]


@dataclass(frozen=True)
class Opening:
    """A market to be committed at tick 0: its parameters, and pieces, once, that each make some tables of it when called.

    A part is (table, number of its first block, rows).
    """

    parameters: Parameters
    products_per_block: int
    pieces: Iterator[Callable[[], list[Part]]]


def _as_arrow(name: str, table: pl.DataFrame, columns: list[str] | None = None, *, views: bool = False) -> pa.Table:
    """Give a table, or some columns of it, with its types. What repeats a few texts stays a dictionary of them, and with
    `views` texts stay where they are: copies of a million take more time than to write them.
    """
    schema, text = TABLES[name].arrow(), pa.string_view() if views else pa.string()
    fields = [schema.field(column) for column in columns or schema.names]
    given = table.select([field.name for field in fields]).to_arrow(compat_level=pl.CompatLevel.newest())
    arrays = []
    for field, column in zip(fields, given.itercolumns(), strict=True):
        if pa.types.is_dictionary(column.type):
            chunks = [pa.DictionaryArray.from_arrays(c.indices, c.dictionary.cast(pa.string())) for c in column.chunks]
            arrays.append(pa.chunked_array(chunks))
        else:
            arrays.append(column.cast(text if field.type == pa.string() else field.type))
    typed = [field.with_type(array.type) for field, array in zip(fields, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(typed))


def _user_list(
    catalog: str | os.PathLike[str] | None,
    columns: Mapping[str, str],
    groups: str | os.PathLike[str] | None,
    strict: bool,
    warn: Callable[[str], None],
) -> pl.DataFrame | None:
    if catalog is None:
        if columns or groups or strict:
            raise UsageError(
                "map, groups and strict: found without a catalog; they are for --catalog FILE; name the file or leave them out"
            )
        return None
    user = read_user_catalog(Path(catalog), columns, strict=strict, groups=Path(groups) if groups else None)
    for line in listed_rows(user.rejected, user.unit):
        warn(f"{catalog}: {line}; skipped")
    for line in user.warnings:
        warn(line)
    return user.products


def open_market(
    preset: str,
    layers: Sequence[Mapping[str, Any]],
    catalog: str | os.PathLike[str] | None,
    columns: Mapping[str, str],
    groups: str | os.PathLike[str] | None,
    strict: bool,
    warn: Callable[[str], None],
) -> Opening:
    """Resolve the parameters, make or read the catalog, and set the prices of tick 0; nothing is written."""
    forks.check("generate")
    user = _user_list(catalog, columns, groups, strict, warn)
    if user is not None:
        # A preset takes a share of its made-up products off sale; of a user's own, only where that was asked for.
        layers = [{"inactive_percent": 0.0}, *layers, {"catalog": Path(str(catalog)).name, "products": len(user)}]
    named = params.resolve(preset, *layers)
    if user is None and named.catalog:
        raise UsageError(
            f"catalog: found {named.catalog[:60]!r} without the file; a market of a list is made from it: give --catalog FILE"
            ' or set catalog = ""'
        )
    name, entries = calendars.named_calendar(named.calendar)
    parameters = params.resolve(preset, *layers, {"calendar": name})
    return Opening(
        parameters, block_products(parameters), _pieces(parameters, products_table(parameters, user), entries)
    )


def _pieces(
    parameters: Parameters, products: pl.DataFrame, entries: tuple[Entry, ...]
) -> Iterator[Callable[[], list[Part]]]:
    """Give the pieces one by one: the products can be written while what their listings share is worked out."""
    yield lambda: [("products", 0, _as_arrow("products", products, views=True))]
    yield lambda: [(name, 0, _as_arrow(name, table)) for name, table in named_tables(parameters, products).items()]
    campaigns, lines = campaign_tables(parameters, products)
    made = {"stores": store_table(parameters), "campaigns": campaigns, "campaign_lines": lines}
    if entries:
        made["calendar"] = calendars.to_table(entries)
    shared = {name: _as_arrow(name, table) for name, table in made.items()}
    yield from _listing_pieces(parameters, products, shared)
    yield lambda: [(name, 0, rows) for name, rows in shared.items()]


def _listing_pieces(
    parameters: Parameters, products: pl.DataFrame, shared: Mapping[str, pa.Table]
) -> Iterator[Callable[[], list[Part]]]:
    own = _opening_discounts(parameters, products["is_active"].to_numpy(), shared)
    step = block_products(parameters) * _BLOCKS_A_PIECE
    firsts = range(0, len(products), step)
    listed = shared["campaign_lines"].sort_by("listing_id")
    ends = np.searchsorted(listed.column("listing_id").to_numpy(), parameters.listings_per_product * np.array(firsts))
    for first, (begin, end) in zip(firsts, pairwise([*ends, len(listed)]), strict=True):
        lines = {"campaign_lines": listed[begin:end]}
        yield partial(_piece, parameters, products[first : first + step], first, {**shared, **lines}, own)


def _running(parameters: Parameters, campaigns: Campaigns) -> tuple[Mask, int]:
    """Tell which campaigns run at tick 0, and the time-of-day shift then in basis points."""
    start = np.zeros(1, np.int64)
    return campaigns.running(start)[0], int(simulation.shift_bps(parameters, start)[0])


def _opening_discounts(parameters: Parameters, active: Mask, small: Mapping[str, pa.Table]) -> U16:
    running, _ = _running(parameters, campaign_times(small["campaigns"]))
    lines = small["campaign_lines"]
    on = running[lines.column("campaign_id").to_numpy()]
    line_bps = np.zeros(len(active) * parameters.listings_per_product, np.uint16)
    np.maximum.at(line_bps, lines.column("listing_id").to_numpy()[on], lines.column("discount_bps").to_numpy()[on])
    return opening_discounts(parameters, active, line_bps)


def _piece(
    parameters: Parameters, products: pl.DataFrame, first: int, small: Mapping[str, pa.Table], own: U16
) -> list[Part]:
    """Make the listings of a run of products, their snapshot at tick 0, and the own discounts that start at it."""
    listings = _as_arrow("listings", listing_table(parameters, products))
    needed = _as_arrow("products", products, OPENING_COLUMNS)
    columns = replace(
        catalog_columns({**small, "products": needed, "listings": listings}, parameters), first_product=first
    )
    running, shift = _running(parameters, campaign_times(small["campaigns"]))
    live, stock = rulebook.live_rules(parameters), listings.column("stock").to_numpy()
    parts_from = first * parameters.listings_per_product
    if live:
        # A platform's price is the same at all of its dark stores, so a sale is as well.
        own = np.repeat(own[:: parameters.stores], parameters.stores)
    parts: list[Part] = []
    for block in blocks.make_blocks(columns):
        place = slice(block.first_listing - parts_from, block.first_listing - parts_from + len(block.resting))
        of_block = own[block.first_listing : block.first_listing + len(block.resting)]
        state = blocks.opening_state(block, of_block, stock[place], running, shift, parameters.stores, live)
        parts.append((SNAPSHOTS.name, block.number, blocks.snapshot_table(block, state, 0)))
        parts.append((DISCOUNTS.name, block.number, _opening_rows(block, of_block)))
    return [("listings", parts[0][1], listings), *parts]


def _opening_rows(block: Block, own: U16) -> pa.Table:
    on = np.flatnonzero(own)
    rows = (np.zeros(len(on), np.uint32), (block.first_listing + on).astype(np.uint32), own[on])
    return pa.Table.from_arrays([pa.array(column) for column in rows], schema=DISCOUNTS.arrow())
