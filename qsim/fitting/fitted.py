"""`qsim fit`: a file of prices to a preset, with a report of how near a market under it comes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from qsim import forks, given, params
from qsim.errors import InputError, UsageError, counted
from qsim.fitting import catalogs, preset, report, split
from qsim.fitting.figures import ALL, Figures, measure, measure_costs
from qsim.fitting.goods import goods_of
from qsim.fitting.points import styles
from qsim.fitting.reading import Source, panel_of, read_source
from qsim.fitting.refine import refine
from qsim.fitting.simulate import checked, simulated
from qsim.fitting.spells import observe
from qsim.scalars import number, whole_number
from qsim.standing import check_outside
from qsim.storage import files

_FEWEST_CHANGES = 5
_COLUMNS = "a table of columns and their fields, as {'shop': 'seller'}"


def _check_call(hold_out: float, base: str, **paths: str | os.PathLike[str] | None) -> None:
    forks.check("fit")
    hold_out = number("hold_out", hold_out)
    if not 0 <= hold_out <= 0.8:
        raise UsageError(f"hold_out: found {hold_out:g}; allowed is a share from 0 to 0.8; mend the number")
    params.preset_values(given.text("base", base))
    places = {name: given.file(name, path) for name, path in paths.items() if path is not None or name == "file"}
    for name in ("out", "goods"):
        if name in places:
            _check_place(name, places)


def _check_place(name: str, places: Mapping[str, str]) -> None:
    """Make sure that a file can be written where it is named, and not over another of the call's files."""
    place = Path(places[name])
    check_outside(name, place)
    if not place.absolute().parent.is_dir():
        raise UsageError(f"{place}: its folder is not there; allowed is a file in one that is; make the folder first")
    if place.is_dir():
        raise UsageError(f"{name}: found {places[name]!r}, a folder; allowed is a file; name one in it")
    for other, path in places.items():
        if other != name and os.path.realpath(place) == os.path.realpath(path):
            raise UsageError(
                f"{name}: found {places[name]!r}, which is {other} too; allowed is a file of its own; name another"
            )


def fit(
    file: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    base: str = "realistic",
    catalog: str | os.PathLike[str] | None = None,
    goods: str | os.PathLike[str] | None = None,
    hold_out: float = 0.3,
    carry: bool | None = None,
    seed: int = 1,
) -> dict[str, Any]:
    """Estimate parameters from real prices and write them as a preset, which `config` of `generate` takes as it is.

    Args:
        file: CSV or Parquet: a panel (item, time, price; seller, mrp, on_sale, in_stock ...), or a catalog (product, price, mrp ...).
        out: where to write the preset; `goods`: where to write the goods fitted to as a product list; None for nowhere.
        columns: column -> field, over the names of columns.
        base: preset for what the file does not tell; `catalog`: one beside a panel, whose discounts are told too.
        hold_out: share of items and of days that the fit does not see, and is judged by; 0 for none.
        carry: whether rows are a log of changes; None to find out.
        seed: of the items held out, the simulated markets and the classifier.

    Returns preset (plain values), estimated, left and off (which parameters are from where), moments, auc, notes. Raises
    UsageError (an argument), InputError (a file that cannot be read, or holds too few prices or changes) and DiskError.
    """
    _check_call(hold_out, base, file=file, out=out, goods=goods, catalog=catalog)
    columns = given.table("columns", {} if columns is None else columns, _COLUMNS)
    seed, carry = whole_number("seed", seed), None if carry is None else given.flag("carry", carry)
    source = read_source(Path(file), columns, carry=carry)
    result = (
        _of_panel(source, base, goods, hold_out, seed) if source.kind == "panel" else _of_catalog(source, base, goods)
    )
    if catalog is not None:
        result["catalog"] = catalogs.by_category(read_source(Path(catalog), {}).frame)
    result = {"file": str(file), "kind": source.kind, "columns": source.columns, **result}
    return result if out is None else {**result, **_write_preset(out, Path(file), result["preset"])}


def _of_catalog(source: Source, base: str, goods: str | os.PathLike[str] | None) -> dict[str, Any]:
    """Fit the price points of a catalog; what moves is the base's."""
    if goods is not None:
        raise UsageError(
            f"goods: found {os.fspath(goods)!r} with a catalog, which is a list of goods itself; allowed is one with a panel;"
            " leave it out"
        )
    found, exact = catalogs.price_figures(source.frame)
    values = params.resolve(base).model_dump()
    points = {**values["price_points"], "packaged": styles(found)}
    estimated = [{"parameter": "price_points.packaged", "value": "", "from": f"{len(source.frame):,} prices"}]
    if exact is not None:
        points["exact_sales"] = round(exact, 4)
        estimated.append(
            {"parameter": "price_points.exact_sales", "value": points["exact_sales"], "from": "prices below MRP"}
        )
    return {
        "preset": checked({**values, "price_points": points}),
        "estimated": estimated,
        "left": ["all that moves: a catalog is one moment in time"],
        "off": [],
        "moments": [],
        "endings": {name: round(share, 4) for name, share in found.items()},
        "catalog": catalogs.by_category(source.frame),
        "auc": None,
        "auc_missing": "a catalog does not move",
        "held_out": "nothing",
        "rounds": [],
        "notes": source.notes,
    }


def _guessed(figures: Figures, real: Any, groups: Mapping[str, str], base: str) -> dict[str, Any]:
    values = preset.base_values(base)
    values["platforms"] = preset.platforms(real, figures, values) or values["platforms"]
    levels = measure_costs(real, groups, preset.noise_square(figures.pools[ALL]))
    return checked(preset.first_guess(figures, levels, values))


def _of_panel(
    source: Source, base: str, goods: str | os.PathLike[str] | None, hold_out: float, seed: int
) -> dict[str, Any]:
    panel, groups = panel_of(source)
    real, held, what = split.part(panel, hold_out, seed)
    figures = measure(real, groups)
    if figures.pools[ALL].changes + figures.sales < _FEWEST_CHANGES:
        raise InputError(
            f"fit: found {counted(figures.pools[ALL].changes, 'price change')}; needed are {_FEWEST_CHANGES}; give longer data"
        )
    listed = goods_of(real, observe(real)[0], groups)
    notes = source.notes + ([] if goods is None else _write_goods(goods, listed, len(set(panel.item.tolist()))))
    refined = refine(_guessed(figures, real, groups, base), figures, split.latest(real), groups, listed, seed=seed)
    held = None if held is None else split.earliest(held)
    made, made_groups = simulated(refined.values, held or split.latest(real), listed, seed=seed + 1)
    told, missing = report.told_apart(real, held, made, seed)
    return {
        "preset": refined.values,
        "estimated": preset.described(refined.values, figures),
        "left": preset.left(figures, base, len(real.days) * real.step_days),
        "off": preset.switched_off(),
        "moments": report.compared(real, held, made, groups, made_groups),
        "catalog": _mrp_rows(source.frame),
        "auc": told,
        "auc_missing": missing,
        "held_out": what,
        "rounds": refined.distances,
        "notes": notes,
    }


def _write_preset(out: str | os.PathLike[str], file: Path, values: Mapping[str, Any]) -> dict[str, str]:
    files.put(Path(out), f"# Fitted to {file.name} by qsim fit.\n{params.to_toml(values)}".encode())
    return {"out": str(out)}


def _write_goods(goods: str | os.PathLike[str], listed: pl.DataFrame, every: int) -> list[str]:
    """Write the product list; give a note where `every` item of the panel is more than it has, since some were held out."""
    files.put(Path(goods), listed.write_csv().encode())
    if len(listed) == every:
        return []
    return [f"{goods} lists {len(listed):,} of {every:,} items: the others were held out; hold out 0 to list all"]


def _mrp_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    if "mrp" not in frame.columns or frame["mrp"].null_count() == len(frame):
        return []
    return catalogs.by_category(frame.unique(["item", "seller"], keep="last", maintain_order=True))
