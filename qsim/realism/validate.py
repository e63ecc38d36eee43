"""`qsim validate --realism`: a market's panel through moments, classifier and score, against a reference file if given."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from qsim import forks
from qsim.errors import InputError, UsageError
from qsim.queries import connect
from qsim.realism import cells, charts, classifier, moments
from qsim.realism.panel import Panel, from_long, from_market, long_columns
from qsim.realism.score import scored
from qsim.scalars import number
from qsim.standing import market_directory

_NAMES = "SELECT product_id, concat_ws(' ', product, nullif(pack, '')) FROM products"
LEAST_DAYS, LEAST_ITEMS = 150, 300


def read_reference(
    path: str | os.PathLike[str],
    *,
    carry: bool = False,
    since: date | None = None,
    columns: Mapping[str, str] | None = None,
) -> Panel:
    """Read real prices from a CSV or Parquet file in long format: item, ts, price[, seller, mrp, on_sale, in_stock ...].

    `carry` and `since` are those of `from_long`, `columns` (column -> field) those of `long_columns`.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"reference: found no file {file}; allowed is a CSV or Parquet file; mend the path")
    try:
        table = cells.read(file)
        chosen = long_columns(table, columns)
        cells.check_rows(file, chosen, table.width)
        return from_long(chosen, carry=carry, since=since)
    except (pl.exceptions.PolarsError, OSError) as fault:
        reason = cells.first_line(fault)
        raise InputError(f"reference: {file} cannot be read as a table of prices: {reason}; mend the file") from None


def compared(panel: Panel, reference: Panel, *, seed: int = classifier.SEED) -> dict[str, Any]:
    """Tell a panel from a reference, beside what real data give: the reference from itself, and from another retailer.

    The retailer is the reference's seller with the most series; where there are two sellers or more, the second is the
    other retailer, else `other_retailer` is None. What the reference has too few prices for is None too, and told in
    `notes`.
    """
    sellers = reference.sellers()
    real = reference.rows(reference.seller == sellers[0])
    other = reference.rows(reference.seller == sellers[1]) if len(sellers) > 1 else None
    notes: list[str] = []

    def tried(what: str, test: Callable[[], dict[str, float]]) -> dict[str, float] | None:
        try:
            return test()
        except InputError as fault:
            notes.append(f"no figure for {what}: {fault}")
            return None

    auc = classifier.auc(real, panel, seed=seed)
    floor = tried("the reference and itself", lambda: classifier.floor(real, seed=seed))
    apart = None
    if other is not None:
        apart = tried("another retailer", lambda: classifier.auc(real, other, seed=seed))
    name = None if other is None else sellers[1]
    return {
        "retailer": sellers[0], "auc": auc, "floor": floor, "other_retailer": apart, "other_name": name, "notes": notes
    }  # fmt: skip


def _notes(panel: Panel) -> list[str]:
    """Say where a panel is smaller than the targets suppose."""
    days, items = len(panel.days) * panel.step_days, len(set(panel.item.tolist()))
    notes = []
    if days < LEAST_DAYS:
        notes.append(f"the panel has {days} days; the intervals suppose at least {LEAST_DAYS}")
    if items < LEAST_ITEMS:
        notes.append(f"the panel has {items} products; the intervals suppose at least {LEAST_ITEMS}")
    return notes


def judged(
    panel: Panel, reference: Panel | None = None, *, min_score: float | None = None, seed: int = moments.SEED
) -> dict[str, Any]:
    """Score a panel, against a reference panel if one is given; the dictionary that `realism` returns, without a directory.

    With a reference each moment also has `reference`, the reference retailer's own value, for reading only: it moves no
    score.
    """
    found = moments.measure(panel, seed=seed)
    against = None if reference is None else compared(panel, reference, seed=seed)
    result = scored(found, None if against is None else against["auc"], min_score=min_score)
    floor = other = None
    if reference is not None and against is not None:
        floor, other = against["floor"], against["other_retailer"]
        real = moments.measure(reference.rows(reference.seller == against["retailer"]), draws=0)
        for row in result["moments"]:
            row["reference"] = real[row["key"]].value
    shape = {"series": len(panel.item), "products": len(set(panel.item.tolist())), "days": len(panel.days)}
    named = {"retailer": against and against["retailer"], "other_name": against and against["other_name"]}
    notes = _notes(panel) + (against["notes"] if against else [])
    return {**result, "floor": floor, "other_retailer": other, **named, "panel": shape, "notes": notes}


def realism(
    directory: str | os.PathLike[str] | None = None,
    reference: str | os.PathLike[str] | None = None,
    *,
    min_score: float | None = None,
    carry: bool = False,
    since: date | None = None,
    columns: Mapping[str, str] | None = None,
    charts_to: str | os.PathLike[str] | None = None,
    seed: int = moments.SEED,
) -> dict[str, Any]:
    """Judge how realistic a market is; `passed` is false below `min_score` or when a price lies above an MRP.

    Args:
        directory: the market.
        reference: a CSV or Parquet file of real prices in long format; see `read_reference` for it, `carry`, `since`
            and `columns`.
        min_score: least score (0-100) to pass; None for no such condition.
        charts_to: a folder to write charts to; their paths are then in `charts`.
        seed: of the bootstrap and the classifier.
    """
    forks.check("validate --realism")
    market = market_directory(directory)
    if min_score is not None and not 0 <= number("min_score", min_score) <= 100:
        raise UsageError(f"min_score: found {min_score:g}; allowed is a score from 0 to 100; mend the number")
    real = None if reference is None else read_reference(reference, carry=carry, since=since, columns=columns)
    with connect(market) as connection:
        panel = from_market(connection)
        names = {str(number): name for number, name in connection.execute(_NAMES).fetchall()}
    result = {"directory": str(market), **judged(panel, real, min_score=min_score, seed=seed)}
    if charts_to is not None:
        result["charts"] = [str(path) for path in charts.save_all(result, panel, real, Path(charts_to), names)]
    return result
