"""Laws of the realistic catalog: brands, families of packs, MRPs and their endings, sale depths, and laws that are none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import qsim
from qsim import params, taxonomy
from qsim.assortment import Mrp
from qsim.catalog.brands import shares
from qsim.catalog.mrp import ended, level
from qsim.catalog.promotions import opening_discounts
from qsim.errors import UsageError
from qsim.market.repricing import PERCENT, snap
from qsim.market.state import NO_CEILING
from tests.catalogs import catalog_tables, tables


def test_own_discounts_of_the_realistic_preset_open_by_the_law_of_sale_depths() -> None:
    parameters = params.resolve("realistic", {"products": 4_000})
    depths = opening_discounts(parameters, np.ones(4_000, bool), np.zeros(20_000, np.uint16)).reshape(-1, 5)[:, 1]
    law = parameters.sales.depths
    assert (depths > 0).sum() == 400
    for depth, weight in law.items():
        assert (depths == int(depth) * 100).mean() / 0.1 == pytest.approx(weight / sum(law.values()), abs=0.006), depth


def test_own_discounts_open_as_deep_as_a_law_of_parts_of_a_percent_has_them() -> None:
    parameters = params.resolve("realistic", {"products": 400, "sales": {"depths": {"12.4": 1.0, "0.5": 1.0}}})
    depths = opening_discounts(parameters, np.ones(400, bool), np.zeros(2_000, np.uint16)).reshape(-1, 5)[:, 1]
    assert dict(zip(*(found.tolist() for found in np.unique(depths, return_counts=True)), strict=True)) == {
        0: 360, 50: 20, 1_240: 20,
    }  # fmt: skip


def test_without_its_laws_an_assortment_changes_nothing() -> None:
    classic = catalog_tables(params.resolve("classic", {"products": 300}))
    assert (classic["products"]["mrp_discount_bps"] == 0).all()
    assert params.digest(params.resolve("classic")) == params.digest(
        params.resolve("classic", {"assortment": {"ranges": {}, "brands": {}, "mrp": {"reference": ""}}})
    )
    laid = catalog_tables(
        params.resolve("classic", {"products": 300, "assortment": {"mrp": {"discounts": {"dairy": {"0": 1}}}}})
    )
    assert not laid["products"].equals(classic["products"])


def test_a_law_of_brands_for_goods_that_have_none_changes_nothing() -> None:
    law = {"first": 0.3, "exponent": 1.0, "offset": 1.0, "places": 20}
    laid = params.resolve("classic", {"products": 300, "assortment": {"brands": {"fruits": law}}})
    assert catalog_tables(laid)["products"].equals(
        catalog_tables(params.resolve("classic", {"products": 300}))["products"]
    )


def test_a_users_catalog_keeps_its_own_mrps_brands_and_prices_under_the_realistic_preset(tmp_path: Path) -> None:
    lines = [f"Good {n},Maker,Dairy,1 kg,{200 + n},{150 + n}" for n in range(40)]
    (tmp_path / "mine.csv").write_text("\n".join(["product,brand,category,pack,mrp,price", *lines]))
    qsim.generate(tmp_path / "m", preset="realistic", catalog=tmp_path / "mine.csv")
    with qsim.connect(tmp_path / "m") as connection:
        rows = connection.sql("SELECT * FROM raw.products").pl()
        dear = connection.sql("SELECT count(*) FROM listings WHERE anchor_price > mrp").fetchall()[0][0]
    assert rows["mrp_paise"].to_list() == [(200 + n) * 100 for n in range(40)]
    assert rows["base_price_paise"].to_list() == [(150 + n) * 100 for n in range(40)]
    assert set(rows["brand"]) == {"Maker"} and set(rows["mrp_discount_bps"]) == {0} and dear == 0


def test_a_catalog_of_platforms_without_the_reference_has_discounts_of_the_base() -> None:
    parameters = params.resolve("realistic", {"products": 500, "assortment": {"mrp": {"reference": "nobody"}}})
    goods = catalog_tables(parameters)["products"].filter(~pl.col("is_loose"))
    exact = pl.col("mrp_paise") * (10_000 - pl.col("mrp_discount_bps").cast(pl.Int64)) / 10_000
    assert goods.select((exact - pl.col("base_price_paise")).abs() <= 0.51).to_series().all()


def test_levels_are_straight_lines_between_logarithms_and_keep_the_end_ratios_beyond() -> None:
    law = {"10": 20.0, "100": 100.0}
    assert level(np.array([5.0, 10, 31.622776601683793, 100, 200]), law) == pytest.approx(
        [10, 20, 44.7213595, 100, 200]
    )


@pytest.mark.parametrize(
    "law", [{"10": 12.0}, {"10": 12.0, "10.0": 13.0}, {"10": 0.0, "20": 13.0}, {"10": 13.0, "20": 12.0}]
)
def test_levels_without_two_prices_of_their_own_are_refused(law: dict[str, float]) -> None:
    with pytest.raises(
        UsageError, match=r"^assortment\.mrp\.levels: found .* dairy needs two prices or more, each once"
    ):
        params.resolve("realistic", {"assortment": {"mrp": {"levels": {"dairy": law}}}})


@pytest.mark.parametrize(
    ("rupees", "digit", "end"), [(52.4, 9, 49), (55.1, 9, 59), (10.9, 0, 10), (109.0, 0, 110), (111, 5, 115)]
)
def test_an_mrp_moves_to_the_nearest_rupees_with_its_last_digit(rupees: float, digit: int, end: int) -> None:
    assert ended(np.array([rupees]), np.array([digit])).tolist() == [end]


@pytest.mark.parametrize(
    ("rupees", "digit", "end"),
    [
        *[(23.4, 8, 25), (28.4, 4, 30), (27.4, 2, 25), (32.4, 9, 30), (18.3, 9, 19), (12.3, 2, 12)],
        *[(12.4, 9, 15), (13.9, 9, 15), (16.8, 0, 20), (17.2, 0, 20), (17.2, 5, 20), (22.4, 8, 20)],
        *[(0.3, 0, 5), (5.9, 9, 5), (7.4, 5, 10), (11.3, 9, 10), (11.9, 1, 10)],
    ],
)
def test_an_mrp_is_a_five_near_by_where_the_ending_is_more_than_a_tenth_away_and_small_ones_are_coins(
    rupees: float, digit: int, end: int
) -> None:
    assert ended(np.array([rupees]), np.array([digit])).tolist() == [end]


def of_families(goods: pl.DataFrame) -> pl.DataFrame:
    """Pair every two packs of a packaged good of one brand, the smaller first; `sells` is the price on the reference platform."""
    off = 1 - pl.col("mrp_discount_bps") / 10_000
    goods = goods.filter(~pl.col("is_loose")).with_columns(sells=pl.col("mrp_paise") * off)
    return goods.join(goods, ["brand", "product"]).filter(pl.col("pack_units") < pl.col("pack_units_right"))


def test_the_packs_of_a_good_stand_at_one_discount_to_their_mrps_and_a_larger_one_sells_for_more() -> None:
    pairs = of_families(tables(seed=3)["products"])
    assert pairs.height > 800
    assert (pairs["mrp_discount_bps"] == pairs["mrp_discount_bps_right"]).all()
    assert (pairs["sells"] < pairs["sells_right"]).mean() > 0.995
    # Packs of nearly one size may have one MRP, as crisps of 75 and of 90 g.
    larger = pairs.filter(pl.col("pack_units_right") > 1.25 * pl.col("pack_units"))
    assert (larger["sells"] < larger["sells_right"]).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_larger_packs_of_a_good_cost_less_a_unit_and_few_are_a_tenth_dearer(seed: int) -> None:
    pairs = of_families(tables(seed=seed)["products"])
    larger, dearer = (np.log((pairs[f"{name}_right"] / pairs[name]).to_numpy()) for name in ("pack_units", "mrp_paise"))
    assert 0.85 < (larger * dearer).sum() / (larger**2).sum() < 1
    assert (dearer - larger > np.log(1.1)).mean() < 0.04


def test_the_packs_of_a_good_of_one_brand_are_of_one_tier() -> None:
    for seed in (1, 3):
        pairs = of_families(tables(seed=seed)["products"])
        a_unit = pl.col("mrp_paise_right") / pl.col("pack_units_right") / (pl.col("mrp_paise") / pl.col("pack_units"))
        assert pairs.filter(~a_unit.is_between(0.6, 1.3)).select("product", "pack", "pack_right").rows() == []


MARKS = "Taaza|Gold UHT|Kool|GoodLife|Milkmaid|2-Minute|Masala-ae-Magic|Shin|Chocos|Cuppa|Jim Jam|Marie Gold|Tikhalal"


@pytest.mark.parametrize("products", [5_000, 50_000])
def test_made_up_brands_take_no_good_that_is_a_firms_own(products: int) -> None:
    goods = taxonomy.goods()
    titles = [
        {f"{v} {g.kind}".strip() for g in goods if g.is_own == own for v, _ in g.variants} for own in (True, False)
    ]
    made_up = tables(products, 3)["products"].filter(pl.col("brand").is_in(taxonomy.words("brands")))
    taken = set(made_up.select(pl.col("product").str.slice(pl.col("brand").str.len_chars() + 1)).to_series())
    assert len(taken) > 400
    assert taken & (titles[0] - titles[1]) == set()
    assert [title for title in taken if re.search(rf"\b({MARKS})\b", title)] == []


def test_few_goods_of_a_realistic_catalog_stand_at_less_than_half_their_mrp() -> None:
    off = tables(seed=3)["products"]["mrp_discount_bps"]
    assert 0 < (off > 5_000).sum() < 5_000 * 0.005


def test_the_law_of_brands_gives_the_first_its_share_and_the_others_falling_ones() -> None:
    law = shares(0.2, 1.5, 3.0, 50)
    assert law[0] == 0.2 and law.sum() == pytest.approx(1)
    assert (np.diff(law[1:]) < 0).all()
    assert law[1] / law[2] == pytest.approx((5 / 4) ** 1.5)


def test_percent_prices_are_whole_percents_off_the_mrp_and_the_mrp_is_no_price_point_lower() -> None:
    prices, mrp = np.array([101.0, 8_930.0, 12_000.0, 13_000.0]), np.array([9_900, 9_900, 12_000, 12_000], np.int32)
    assert snap(prices, np.full(4, PERCENT, np.uint8), 0.035, mrp).tolist() == [99.0, 8_910.0, 12_000.0, 12_000.0]
    assert snap(prices[2:], np.full(2, 1, np.uint8), 0.035, mrp[2:]).tolist() == [12_000.0, 12_000.0]
    free = np.full(2, NO_CEILING, np.int32)
    assert snap(np.array([4_949.0, 12_030.0]), np.full(2, PERCENT, np.uint8), 0.035, free).tolist() == [
        4_900.0,
        12_000.0,
    ]


@pytest.mark.parametrize(
    ("assortment", "told"),
    [
        ({"ranges": {"Milkk": 0.5}}, "unknown key 'Milkk'"),
        ({"brands": {"gold": {"first": 0.1, "exponent": 1, "offset": 1, "places": 9}}}, "unknown key 'gold'"),
        ({"mrp": {"levels": {"dairy": {"10": 20}}}}, "two prices or more"),
        ({"mrp": {"levels": {"dairy": {"10": 20, "20": 15}}}}, "rise"),
        ({"mrp": {"endings": {"dairy": {"11": 1}}}}, "'11' is not a digit"),
        ({"mrp": {"discounts": {"dairy": {"95": 1}}}}, "'95' is not a percentage"),
        ({"mrp": {"discounts": {"dairy": {"10": 0}}}}, "all 0"),
    ],
)
def test_a_faulty_assortment_is_refused_with_what_is_allowed(assortment: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        params.resolve("classic", {"assortment": assortment})


def test_laws_are_kept_in_the_order_of_their_keys() -> None:
    law = Mrp(discounts={"dairy": {"20": 1.0, "5": 1.0, "7.5": 2.0}}).discounts["dairy"]
    assert list(law) == ["5", "7.5", "20"]
