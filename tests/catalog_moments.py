"""Moments of a catalog: MRPs, discounts to them, price endings and brands, group by group; and BigBasket's, with errors.

`python -m tests.catalog_moments` measures the real catalog in QSIM_SHARED_DATA and writes `catalog_targets.toml`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from qsim.params import read_toml, to_toml

TARGETS = Path(__file__).parent / "catalog_targets.toml"
Targets = dict[str, dict[str, Any]]
Amounts = npt.NDArray[np.int64]
GROUPS = ("fruits", "vegetables", "dairy", "snacks", "staples")
PRODUCE = GROUPS[:2]
# Parts that the groups have of a generated catalog of 5,000; endings are compared at these.
POOLS = {"produce": {"fruits": 0.39, "vegetables": 0.61}, "packaged": {"dairy": 0.11, "snacks": 0.40, "staples": 0.49}}
QUANTILES = (10, 25, 50, 75, 90)
# Products that brands are counted among, at most half of the real group.
AMONG = {"dairy": 250, "snacks": 1_000, "staples": 1_000}
# BigBasket's subcategories as qsim's groups. Left out: what qsim's goods list does not have (gourmet and world food, meat
# and fish, frozen food, baby care, beauty, cleaning, kitchen, flowers).
SUBCATEGORIES = {
    "dairy": "Dairy|Non Dairy|Breads & Buns|Gourmet Breads|Eggs",
    "snacks": "Bakery Snacks|Cakes & Pastries|Cookies, Rusk & Khari|Ice Creams & Desserts|Coffee|Energy & Soft Drinks|"
    "Fruit Juices & Drinks|Health Drink, Supplement|Tea|Water|Biscuits & Cookies|Chocolates & Candies|Indian Mithai|"
    "Noodle, Pasta, Vermicelli|Snacks & Namkeen|Ready To Cook & Eat",
    "staples": "Breakfast Cereals|Pickles & Chutney|Spreads, Sauces, Ketchup|Atta, Flours & Sooji|Dals & Pulses|Dry Fruits|"
    "Edible Oils & Ghee|Masalas & Spices|Organic Staples|Rice & Rice Products|Salt, Sugar & Jaggery",
}
# Types that qsim files elsewhere than their subcategory.
TYPES = {
    "Ghee & Vanaspati": "dairy",
    "Breakfast & Snack Mixes": "staples",
    "Home Baking": "staples",
    "Papads, Ready To Fry": "staples",
    "Dessert Mixes": "staples",
}
FRUIT = (
    "Exotic Fruits|Organic Fruits|Apples & Pomegranate|Banana, Sapota & Papaya|Kiwi, Melon, Citrus Fruit|Mangoes|"
    "Seasonal Fruits|Cut Fruit, Tender Coconut"
)


def real_catalog(shared: Path) -> pl.DataFrame:
    """Read BigBasket's groceries, plain repeats once: columns group, brand, mrp, price (rupees)."""
    rows = pl.read_parquet(shared / "bigbasket_catalog.parquet")
    grocery = "Fruits & Vegetables|Bakery, Cakes & Dairy|Beverages|Foodgrains, Oil & Masala|Snacks & Branded Foods"
    rows = rows.filter(pl.col("category").is_in(grocery.split("|")) | (pl.col("sub_category") == "Eggs"))
    rows = rows.unique(["product", "brand", "market_price", "sale_price"], keep="first", maintain_order=True)
    groups = {name: group for group, names in SUBCATEGORIES.items() for name in names.split("|")}
    fresh = pl.when(pl.col("type").is_in(FRUIT.split("|"))).then(pl.lit("fruits")).otherwise(pl.lit("vegetables"))
    packaged = pl.col("type").replace_strict(TYPES, default=pl.col("sub_category").replace_strict(groups, default=None))
    produce = pl.col("category") == "Fruits & Vegetables"
    flowers = pl.col("sub_category") == "Flower Bouquets, Bunches"
    return (
        rows.with_columns(group=pl.when(produce).then(fresh).otherwise(packaged))
        .filter(pl.col("group").is_not_null() & ~flowers)
        .select("group", "brand", mrp="market_price", price="sale_price")
        .with_columns(pl.col("brand").fill_null(""))
    )


def middle_quantiles(values: np.ndarray, percents: tuple[int, ...]) -> np.ndarray:
    """Quantiles through the middles of the steps of the distribution function, so that ties do not hide its error."""
    points, counts = np.unique(np.round(values, 6), return_counts=True)
    return np.interp(np.array(percents) / 100, (np.cumsum(counts) - counts / 2) / counts.sum(), points)


def of_prices(group: str, mrp: Amounts, price: Amounts) -> dict[str, float]:
    """Moments of one group's MRPs and discounts to them; amounts in paise, int64[n]."""
    logs, off = np.log(mrp / 100), 1 - price / mrp
    depth = 100 * off[off > 0]
    found = {"mean log MRP": float(logs.mean()), "sd log MRP": float(logs.std())}
    found |= {f"log MRP q{q}": float(x) for q, x in zip(QUANTILES, middle_quantiles(logs, QUANTILES), strict=True)}
    found |= {
        "below MRP": float((off > 0).mean()),
        "mean discount": float(off.mean() * 100),
        "mean depth": float(depth.mean()),
    }
    for k in (20, 30) if group in PRODUCE else (5, 10, 15, 20, 30, 40):
        found[f"depth at most {k} %"] = float((depth < k + 0.5).mean())
    return found


def of_endings(kind: str, mrp: Amounts, price: Amounts, weight: np.ndarray) -> dict[str, float]:
    """Moments of the endings and modes of several groups together, each row at its weight."""
    rounded = np.round(100 * (1 - price / mrp))
    off, whole = price < mrp, price % 100 == 0

    def share(mask: np.ndarray, among: np.ndarray | None = None) -> float:
        among = np.ones(len(mask), bool) if among is None else among
        return float((weight * (mask & among)).sum() / (weight * among).sum())

    exact = np.abs(mrp * (100 - rounded) / 100 - price) <= 1
    found = {
        f"depth {k} %": share(rounded == k, off) for k in ((20,) if kind == "produce" else (5, 10, 15, 20, 25, 30))
    }
    found |= {
        "depth in whole %": share(exact, off),
        "whole-rupee MRPs": share(mrp % 100 == 0),
        "whole-rupee prices": share(whole),
    }
    found |= {f"prices end in {k}": share(price // 100 % 10 == k, whole) for k in (0, 5, 9)}
    if kind == "packaged":
        found |= {f"MRPs end in {k}": share(mrp // 100 % 10 == k) for k in (0, 5, 9)}
    return found


def of_brands(brands: np.ndarray, among: int, draws: int = 60) -> dict[str, float]:
    """Concentration of brands (codes) among so many products of a group drawn without putting back: means over draws."""
    rng, rows = np.random.default_rng(5), []
    for _ in range(draws):
        sizes = np.sort(np.bincount(rng.permutation(brands)[:among]))[::-1]
        share = sizes / among
        rows.append([share[0], share[:10].sum(), share[:50].sum(), (share**2).sum() * 1000, (sizes > 0).sum()])
    names = ("first brand", "first 10 brands", "first 50 brands", "1000 x HHI", f"brands in {among}")
    return dict(zip(names, (float(x) for x in np.mean(rows, axis=0)), strict=True))


def columns(group: str, rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give MRP and price in paise and brand codes of a group."""
    of = rows.filter(pl.col("group") == group)
    paise = ((of[name].to_numpy().astype(float) * 100).round().astype(np.int64) for name in ("mrp", "price"))
    return *paise, of["brand"].rank("dense").to_numpy().astype(np.int64) - 1


def weighted(rows: pl.DataFrame, kind: str) -> tuple[Amounts, Amounts, np.ndarray]:
    """Give MRP and price in paise of several groups, and weights that give each its part of a generated catalog."""
    parts = [columns(group, rows)[:2] for group in POOLS[kind]]
    weights = [
        np.full(len(mrp), POOLS[kind][group] / len(mrp)) for group, (mrp, _) in zip(POOLS[kind], parts, strict=True)
    ]
    return *(np.concatenate(side) for side in zip(*parts, strict=True)), np.concatenate(weights)


def measured(rows: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Measure all moments of a catalog, by group and, of endings, by kind."""
    found = {}
    for group in GROUPS:
        mrp, price, brand = columns(group, rows)
        found[group] = of_prices(group, mrp, price) | (of_brands(brand, AMONG[group]) if group in AMONG else {})
    return found | {kind: of_endings(kind, *weighted(rows, kind)) for kind in POOLS}


def errors_of(moments: Callable[[np.ndarray], dict[str, float]], count: int, draws: int = 300) -> dict[str, float]:
    """Standard errors by the bootstrap over rows; of a share that is 0 or 1 at least that of one row in all."""
    rng = np.random.default_rng(7)
    found = [list(moments(rng.integers(0, count, count)).values()) for _ in range(draws)]
    names = moments(np.arange(count))
    return {
        name: max(float(x), 1 / count if 0 <= names[name] <= 1 else 0)
        for name, x in zip(names, np.std(found, axis=0), strict=True)
    }


def brand_errors(brands: np.ndarray, among: int, draws: int = 60) -> dict[str, float]:
    """Standard errors by disjoint halves: a bootstrap's repeats would count as brands with several products."""
    rng, found = np.random.default_rng(7), []
    for _ in range(draws):
        halves = np.array_split(rng.permutation(brands), 2)
        first, second = (of_brands(half, among, 12) for half in halves)
        found.append([(first[name] - second[name]) / 2 for name in first])
    return dict(zip(first, (float(x) for x in np.sqrt(np.mean(np.square(found), axis=0))), strict=True))


def targets_from(rows: pl.DataFrame) -> Targets:
    """Measure the real catalog: group or kind -> n, moment -> [value, standard error], and where its MRPs lie."""
    answer: Targets = {}
    for name, values in measured(rows).items():
        if name in POOLS:
            sides = weighted(rows, name)
            errors = errors_of(lambda at, k=name, s=sides: of_endings(k, *(side[at] for side in s)), len(sides[0]))
            answer[name] = {"n": len(sides[0])}
        else:
            mrp, price, brand = columns(name, rows)
            errors = errors_of(lambda at, g=name, m=mrp, p=price: of_prices(g, m[at], p[at]), len(mrp))
            errors |= brand_errors(brand, AMONG[name]) if name in AMONG else {}
            grid = [round(float(x), 2) for x in np.quantile(mrp / 100, np.arange(0.02, 1, 0.04))]
            answer[name] = {
                "n": len(mrp),
                "mrp_grid": grid,
                "mrp_at_most": [round(float((mrp <= 100 * x).mean()), 4) for x in grid],
            }
        answer[name] |= {moment: [round(value, 4), round(errors[moment], 4)] for moment, value in values.items()}
    return answer


def committed() -> Targets:
    """Read the committed targets."""
    return read_toml(TARGETS)


if __name__ == "__main__":
    text = "# Moments of BigBasket's groceries, each with its standard error; `python -m tests.catalog_moments` measures them.\n"
    TARGETS.write_text(text + to_toml(targets_from(real_catalog(Path(os.environ["QSIM_SHARED_DATA"])))))
