"""A market at tick 0: its parameters, its catalog, and the prices and discounts that it opens with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from qsim import blocks, params, simulation
from qsim.arrays import I64
from qsim.blocks import Columns
from qsim.catalog import catalog_tables, opening_discounts
from qsim.catalog.user_file import read_user_catalog
from qsim.errors import UsageError
from qsim.market.state import Block, products_per_block
from qsim.params import GROUPS, Parameters
from qsim.schema import CATALOG, DISCOUNTS, SNAPSHOTS
from qsim.simulation import Campaigns


@dataclass(frozen=True)
class Opening:
    """All that a market is committed with at tick 0; the history tables are by block."""

    parameters: Parameters
    products_per_block: int
    catalog: dict[str, pa.Table]
    history: list[tuple[str, int, pa.Table]]

    def parts(self) -> Iterator[tuple[str, int, pa.Table]]:
        """Give every table as (name, block, rows), the largest first."""
        yield from sorted(
            [*self.history, *((name, 0, rows) for name, rows in self.catalog.items())], key=lambda part: -part[2].nbytes
        )


CATALOG_COLUMNS = {
    "products": ["volatility_group", "mrp_paise", "is_loose", "is_active"],
    "listings": ["platform_id", "anchor_price_paise"],
    "campaigns": ["starts_second", "duration_seconds", "repeat_seconds", "ends_second"],
    "campaign_lines": ["campaign_id", "listing_id", "discount_bps"],
}


def catalog_columns(catalog: Mapping[str, pa.Table]) -> tuple[Columns, Campaigns]:
    """Take from the catalog tables (of each at least CATALOG_COLUMNS) what blocks are made of, and the campaigns' times."""

    def column(table: str, name: str) -> np.ndarray:
        return np.asarray(catalog[table].column(name).to_numpy())

    campaigns, lines = catalog["campaigns"], catalog["campaign_lines"]
    group = catalog["products"].column("volatility_group").combine_chunks().dictionary_encode()
    codes = np.array([GROUPS.index(name) for name in group.dictionary.to_pylist()], np.uint8)
    per_product = len(column("listings", "platform_id")) // len(group)

    def times(name: str) -> I64:
        return np.concatenate([[0], campaigns.column(name).to_numpy()]).astype(np.int64)

    columns = Columns(
        is_active=column("products", "is_active"),
        is_loose=column("products", "is_loose"),
        mrp=column("products", "mrp_paise"),
        group=codes[group.indices.to_numpy()],
        anchor=column("listings", "anchor_price_paise"),
        platform_of_listing=column("listings", "platform_id")[:per_product],
        line_campaign=lines.column("campaign_id").to_numpy().astype(np.int64),
        line_listing=lines.column("listing_id").to_numpy().astype(np.int64),
        line_bps=lines.column("discount_bps").to_numpy(),
    )
    return columns, Campaigns(
        *(times(name) for name in ("starts_second", "duration_seconds", "repeat_seconds", "ends_second"))
    )


def _as_arrow(name: str, table: pl.DataFrame) -> pa.Table:
    schema = next(declared for declared in CATALOG if declared.name == name).arrow()
    return table.select(schema.names).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)


def _user_list(
    catalog: str | os.PathLike[str] | None,
    columns: Mapping[str, str],
    groups: str | os.PathLike[str] | None,
    strict: bool,
    warn: Callable[[str], None],
) -> pl.DataFrame | None:
    if catalog is None:
        if columns or groups:
            raise UsageError(
                "map and groups: found without a catalog; they are for --catalog FILE; name the file or leave them out"
            )
        return None
    user = read_user_catalog(Path(catalog), columns, strict=strict, groups=Path(groups) if groups else None)
    for row in user.rejected.iter_rows(named=True):
        warn(f"{catalog}: line {row['line']}: {row['field']}: found {row['found']!r}: {row['reason']}; skipped")
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
    user = _user_list(catalog, columns, groups, strict, warn)
    if user is not None:
        layers = [*layers, {"catalog": Path(str(catalog)).name, "products": len(user)}]
    parameters = params.resolve(preset, *layers)
    catalog_arrow = {name: _as_arrow(name, table) for name, table in catalog_tables(parameters, user).items()}
    return Opening(
        parameters,
        products_per_block(parameters.listings_per_product),
        catalog_arrow,
        _history(parameters, catalog_arrow),
    )


def _history(parameters: Parameters, catalog: Mapping[str, pa.Table]) -> list[tuple[str, int, pa.Table]]:
    """Give the snapshot at tick 0 and the own discounts that start at it, block by block."""
    columns, campaigns = catalog_columns(catalog)
    start = np.zeros(1, np.int64)
    running, shift = campaigns.running(start)[0], int(simulation.shift_bps(parameters, start)[0])
    lines = np.zeros(len(columns.anchor), np.int64)
    on = running[columns.line_campaign]
    np.maximum.at(lines, columns.line_listing[on], columns.line_bps[on])
    own = opening_discounts(parameters, np.repeat(columns.is_active, columns.listings_per_product), lines).astype(
        np.uint16
    )
    parts: list[tuple[str, int, pa.Table]] = []
    for block in blocks.make_blocks(columns):
        of_block = own[block.first_listing : block.first_listing + len(block.resting)]
        state = blocks.opening_state(block, of_block, running, shift)
        parts.append((SNAPSHOTS.name, block.number, blocks.snapshot_table(block, state, 0)))
        parts.append((DISCOUNTS.name, block.number, _opening_rows(block, of_block)))
    return parts


def _opening_rows(block: Block, own: np.ndarray) -> pa.Table:
    on = np.flatnonzero(own)
    rows = (np.zeros(len(on), np.uint32), (block.first_listing + on).astype(np.uint32), own[on])
    return pa.Table.from_arrays([pa.array(column) for column in rows], schema=DISCOUNTS.arrow())
