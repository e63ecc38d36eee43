"""Moments of a catalog: MRPs, discounts to them, price endings and brands, group by group; and BigBasket's, with errors.

`python -m tests.catalog_moments` measures the real catalog in QSIM_SHARED_DATA and writes `catalog_targets.toml`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from qsim.params import read_toml, to_toml

TARGETS = Path(__file__).parent / "catalog_targets.toml"
GROUPS = ("fruits", "vegetables", "dairy", "snacks", "staples")
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
FRUIT = "Exotic Fruits|Organic Fruits|Apples & Pomegranate|Banana, Sapota & Papaya|Kiwi, Melon, Citrus Fruit|Mangoes|Seasonal Fruits|Cut Fruit, Tender Coconut"  # fmt: skip


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


def _share(mask: np.ndarray) -> float:
    return float(mask.mean())


def of_prices(group: str, mrp: np.ndarray, price: np.ndarray) -> dict[str, float]:
    """Moments of one group's MRPs and prices; amounts in paise, int64[n]."""
    fresh, logs = group in GROUPS[:2], np.log(mrp / 100)
    off = 1 - price / mrp
    depth, rounded = 100 * off[off > 0], np.round(100 * off[off > 0])
    exact = np.abs(mrp[off > 0] * (100 - rounded) / 100 - price[off > 0]) <= 1
    whole = price % 100 == 0
    found = {"mean log MRP": float(logs.mean()), "sd log MRP": float(logs.std())}
    found |= {f"log MRP q{q}": float(x) for q, x in zip(QUANTILES, middle_quantiles(logs, QUANTILES), strict=True)}
    found |= {"below MRP": _share(off > 0), "mean discount": float(off.mean() * 100), "depth mean": float(depth.mean())}
    if not fresh:
        found |= {f"depth q{q}": float(x) for q, x in zip(QUANTILES, middle_quantiles(depth, QUANTILES), strict=True)}
    found |= {f"depth {k} %": _share(rounded == k) for k in ((20,) if fresh else (5, 10, 15, 20, 25, 30))}
    found |= {"depth in whole %": _share(exact), "whole-rupee MRPs": _share(mrp % 100 == 0), "whole-rupee prices": _share(whole)}
    found |= {f"prices end in {k}": _share(price[whole] // 100 % 10 == k) for k in (0, 5, 9)}
    if not fresh:
        found |= {f"MRPs end in {k}": _share(mrp // 100 % 10 == k) for k in (0, 5, 9)}
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


def measured(rows: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Measure all moments of a catalog by group."""
    found = {}
    for group in GROUPS:
        mrp, price, brand = columns(group, rows)
        found[group] = of_prices(group, mrp, price) | (of_brands(brand, AMONG[group]) if group in AMONG else {})
    return found


def spread_of(values: np.ndarray, moments: Callable[[np.ndarray], dict[str, float]], draws: int, halves: bool) -> dict[str, float]:
    """Standard errors by the bootstrap, or by disjoint halves where drawing a product twice would count as a repeat."""
    rng, rows = np.random.default_rng(7), []
    for _ in range(draws):
        order = rng.permutation(len(values))
        first, second = np.array_split(order, 2) if halves else (rng.integers(0, len(values), len(values)), None)
        found = np.array(list(moments(values[first]).values()))
        rows.append(found if second is None else (found - np.array(list(moments(values[second]).values()))) / 2)
    errors = np.std(rows, axis=0) if not halves else np.sqrt(np.mean(np.square(rows), axis=0))
    return dict(zip(moments(values), (float(x) for x in errors), strict=True))


def targets_from(rows: pl.DataFrame) -> dict[str, dict[str, object]]:
    """Measure the real catalog with standard errors: group -> n, `mrp_grid`, and moment -> {value, se}."""
    answer: dict[str, dict[str, object]] = {}
    values = measured(rows)
    for group in GROUPS:
        mrp, price, brand = columns(group, rows)
        errors = spread_of(np.arange(len(mrp)), lambda at, g=group, m=mrp, p=price: of_prices(g, m[at], p[at]), 400, False)
        if group in AMONG:
            errors |= spread_of(brand, lambda b, n=AMONG[group]: of_brands(b, n, 12), 60, True)
        grid = middle_quantiles(mrp / 100, tuple(range(2, 100, 4)))
        answer[group] = {"n": len(mrp), "mrp_grid": [round(float(x), 3) for x in grid],
                         "mrp_at_most": [round(_share(mrp / 100 <= round(float(x), 3)), 4) for x in grid]}  # fmt: skip
        answer[group] |= {
            name: {"value": round(value, 4), "se": round(errors[name], 4)} for name, value in values[group].items()
        }
    return answer


def committed() -> dict[str, dict[str, object]]:
    """Read the committed targets."""
    return read_toml(TARGETS)


if __name__ == "__main__":
    text = "# Moments of BigBasket's groceries (tests/catalog_moments.py measures them), each with its standard error.\n"
    TARGETS.write_text(text + to_toml(targets_from(real_catalog(Path(os.environ["QSIM_SHARED_DATA"])))))
