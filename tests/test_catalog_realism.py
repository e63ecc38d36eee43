"""The catalog of the realistic preset against BigBasket's groceries: MRPs, discounts, price endings, brands."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

import qsim
from qsim import params
from qsim.schema import LISTINGS, PRICE_RULES, PRODUCTS
from qsim.validation import validate
from qsim.validation.checks import broken_rules
from tests import catalog_moments as moments
from tests.catalogs import tables

SEEDS = (1, 2, 3)
# What bigbasket shows at tick 0. A category campaign is one event of a market and no sampling of products: its lines are
# left out. Loose goods other than produce show no MRP.
_SHOWN = """
    SELECT g.volatility_group AS "group", p.brand, coalesce(p.mrp, p.regular_price)::DOUBLE AS mrp, p.price::DOUBLE AS price
    FROM prices AS p JOIN products AS g USING (product_id)
    WHERE p.platform = 'bigbasket' AND p.is_active AND (NOT p.is_loose OR g.volatility_group IN ('fruits', 'vegetables'))
        AND p.listing_id NOT IN (SELECT listing_id FROM active_at(tick_time(0)) WHERE campaign_id IS NOT NULL)"""


@pytest.fixture(scope="module", params=SEEDS)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("catalog") / "m"
    # Catalogs are read by day: without the night's lower prices, which a market opens with at midnight.
    qsim.generate(folder, preset="realistic", products=5_000, seed=request.param, time_of_day_share=0.0)
    with qsim.connect(folder) as connection:
        return connection.sql(_SHOWN).pl()


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "m"
    qsim.generate(folder, preset="realistic", products=280, seed=11, update_interval_seconds=3_600)
    qsim.run(folder, ticks=48)
    return folder


@pytest.fixture(scope="module")
def small(market: Path) -> duckdb.DuckDBPyConnection:
    return qsim.connect(market)


def compared(found: dict[str, dict[str, float]], counts: dict[str, int]) -> pl.DataFrame:
    """Lay the moments of a generated catalog beside the committed ones; `z` is the difference in standard errors of both."""
    rows = []
    for where, target in moments.committed().items():
        for name, (value, error) in ((k, v) for k, v in target.items() if k in found[where]):
            both = error * np.sqrt(1 + target["n"] / counts[where])
            rows.append((where, name, value, both, found[where][name], (found[where][name] - value) / both))
    return pl.DataFrame(rows, schema=["where", "moment", "target", "error", "found", "z"], orient="row")


def test_the_moments_of_a_generated_catalog_are_bigbaskets_within_three_standard_errors(shown: pl.DataFrame) -> None:
    counts = dict(shown.group_by("group").len().iter_rows())
    counts |= {kind: sum(counts[group] for group in groups) for kind, groups in moments.POOLS.items()}
    table = compared(moments.measured(shown), counts)
    with pl.Config(tbl_rows=-1, tbl_hide_dataframe_shape=True, float_precision=3):
        print(table)
    assert table.height == sum(
        len(moments_) - (3 if "mrp_grid" in moments_ else 1) for moments_ in moments.committed().values()
    )
    assert table.filter(pl.col("z").abs() > 3).rows() == []
    assert table["z"].pow(2).mean() < 1.3


@pytest.mark.parametrize("group", moments.GROUPS)
def test_no_group_has_mrps_of_another_distribution_by_kolmogorov_and_smirnov(shown: pl.DataFrame, group: str) -> None:
    target = moments.committed()[group]
    mrp = shown.filter(pl.col("group") == group)["mrp"].to_numpy()
    at_most = np.array([(mrp <= x + 0.005).mean() for x in target["mrp_grid"]])
    gap = np.abs(at_most - target["mrp_at_most"]).max()
    assert gap <= 1.63 * np.sqrt(1 / len(mrp) + 1 / target["n"]), f"{gap:.3f} among {len(mrp)}"


def explained_by_brand(rows: pl.DataFrame) -> float:
    """Give the share of the variance of discounts that brands of five products or more explain (one-way, unbiased)."""
    brands = rows.group_by("brand").agg(
        pl.len().alias("n"), pl.col("off").mean().alias("m"), pl.col("off").var().alias("v")
    )
    brands = brands.filter(pl.col("n") >= 5)
    n, m, v = (brands[name].to_numpy().astype(float) for name in ("n", "m", "v"))
    between = (n * (m - np.average(m, weights=n)) ** 2).sum() / (len(n) - 1)
    within = ((n - 1) * v).sum() / (n.sum() - len(n))
    size = (n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)
    return float((between - within) / (between + (size - 1) * within))


# Of BigBasket's groceries: the share of the variance that brands explain, and the correlation of ranks with the MRP.
BY_BRAND = {"dairy": (0.24, 0.22), "snacks": (0.46, 0.21), "staples": (0.59, 0.17)}


@pytest.mark.parametrize("group", BY_BRAND)
def test_discounts_to_the_mrp_go_by_brand_and_grow_with_the_mrp_as_bigbaskets(shown: pl.DataFrame, group: str) -> None:
    rows = shown.filter((pl.col("group") == group) & (pl.col("brand") != ""))
    rows = rows.with_columns(off=100 * (1 - pl.col("price") / pl.col("mrp")))
    explained, ranks = BY_BRAND[group]
    assert explained_by_brand(rows) == pytest.approx(explained, abs=0.2)
    assert rows.select(pl.corr("off", "mrp", method="spearman")).item() == pytest.approx(ranks, abs=0.15)


@pytest.mark.skipif(
    not os.environ.get("QSIM_SHARED_DATA"), reason="QSIM_SHARED_DATA is not set: no real catalog to measure"
)
@pytest.mark.parametrize("group", BY_BRAND)
def test_discounts_of_the_real_catalog_go_by_brand_and_mrp_as_told(group: str) -> None:
    real = moments.real_catalog(Path(os.environ["QSIM_SHARED_DATA"]))
    rows = real.filter((pl.col("group") == group) & (pl.col("brand") != ""))
    rows = rows.with_columns(off=100 * (1 - pl.col("price") / pl.col("mrp")))
    ranks = rows.select(pl.corr("off", "mrp", method="spearman")).item()
    assert (explained_by_brand(rows), ranks) == pytest.approx(BY_BRAND[group], abs=0.005)


@pytest.mark.skipif(
    not os.environ.get("QSIM_SHARED_DATA"), reason="QSIM_SHARED_DATA is not set: no real catalog to measure"
)
def test_the_committed_moments_are_those_of_the_real_catalog() -> None:
    real = moments.real_catalog(Path(os.environ["QSIM_SHARED_DATA"]))
    for where, values in moments.measured(real).items():
        target = moments.committed()[where]
        assert values == pytest.approx({name: target[name][0] for name in values}, abs=6e-5), where
        if where in moments.GROUPS:
            mrp, _, _ = moments.columns(where, real)
            assert target["n"] == len(mrp)
            assert target["mrp_at_most"] == pytest.approx(
                [(mrp <= 100 * x).mean() for x in target["mrp_grid"]], abs=6e-5
            )


def test_the_measure_tells_the_classic_catalog_from_bigbaskets(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=1_000, seed=1)
    with qsim.connect(tmp_path / "m") as connection:
        found = moments.measured(connection.sql(_SHOWN).pl().filter(pl.col("mrp") > 0))
    below, error = moments.committed()["snacks"]["below MRP"]
    assert found["snacks"]["below MRP"] > below + 10 * error


@pytest.mark.parametrize("products", [60, 280, 5_000])
def test_a_realistic_catalog_keeps_names_distinct_and_base_prices_within_the_mrp(products: int) -> None:
    goods = tables(products)["products"]
    assert goods.height == products
    assert goods.select("product", "pack").n_unique() == products
    assert goods.select((pl.col("brand") == "") | pl.col("product").str.starts_with(pl.col("brand"))).to_series().all()
    packaged = goods.filter(~pl.col("is_loose"))
    assert (packaged["mrp_paise"] % 100 == 0).all()
    assert packaged.select(pl.col("base_price_paise").is_between(1, "mrp_paise")).to_series().all()
    assert (goods.filter("is_loose")["mrp_paise"] == 0).all()


def test_small_packs_have_an_mrp_of_five_or_ten_rupees(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=5_000)
    with qsim.connect(tmp_path / "m") as connection:
        found = connection.sql(
            "SELECT DISTINCT mrp::INTEGER FROM products WHERE NOT is_loose AND mrp < 12 ORDER BY 1"
        ).fetchall()
    assert found == [(5,), (10,)]


def test_mrps_up_to_22_rupees_are_coins_as_often_as_bigbaskets() -> None:
    goods = tables()["products"].filter(~pl.col("is_loose") & (pl.col("mrp_paise") <= 2_200))
    assert goods.height > 150
    assert goods["mrp_paise"].is_in([500, 1_000, 1_500, 2_000]).mean() == pytest.approx(0.91, abs=0.06)
    assert (goods["mrp_paise"] == 1_700).mean() < 0.02


def test_packs_of_a_few_rupees_seldom_sell_below_their_mrp() -> None:
    # Of 165 of BigBasket's with an MRP of at most 15 rupees 10 % do, of all its packaged groceries 46 %.
    goods = tables()["products"].filter(~pl.col("is_loose")).select("mrp_paise", below=pl.col("mrp_discount_bps") > 0)
    assert goods.filter(pl.col("mrp_paise") <= 1_500)["below"].mean() < 0.2
    assert goods["below"].mean() > 0.4


def test_packs_of_ten_rupees_are_more_than_those_of_five() -> None:
    # BigBasket has 99 and 18.
    fives, tens = ((tables()["products"]["mrp_paise"] == 100 * mrp).sum() for mrp in (5, 10))
    assert tens > 3 * fives > 0


def test_the_reference_platform_sells_at_exactly_the_discount_to_the_mrp() -> None:
    found = tables()
    goods = found["products"].filter(~pl.col("is_loose"))
    anchors = found["listings"].filter(platform_id=3).join(goods, "product_id")
    exact = (
        anchors["mrp_paise"].cast(pl.Int64) * (10_000 - anchors["mrp_discount_bps"].cast(pl.Int64)) + 5_000
    ) // 10_000
    off = (anchors["anchor_price_paise"] - exact).abs()
    assert off.max() <= 1
    assert (off == 0).mean() > 0.99
    assert (anchors["anchor_price_paise"] <= anchors["mrp_paise"]).all()


def test_platforms_of_a_realistic_catalog_keep_their_bands_and_differ_by_5_to_25_percent() -> None:
    found = tables()
    rows = found["listings"].join(found["products"], "product_id").join(found["platforms"], "platform_id")
    percent, base = pl.col("anchor_price_paise") * 100, pl.col("base_price_paise")
    ceiling = pl.when("is_loose").then(2**31).otherwise("mrp_paise")
    low = pl.min_horizontal(base * pl.col("low_percent"), ceiling * 100)
    assert rows.select(percent.is_between(low - 51, base * pl.col("high_percent") + 51)).to_series().all()
    spread = rows.group_by("product_id").agg(pl.col("anchor_price_paise").max() / pl.col("anchor_price_paise").min())
    assert spread.select(pl.col("anchor_price_paise").is_between(1.0499, 1.2501)).to_series().mean() > 0.95


def test_a_run_of_products_has_the_listings_it_has_among_all() -> None:
    found = tables(280)
    parameters = params.resolve("realistic", {"seed": 1})
    part = qsim.catalog.listing_table(parameters, found["products"][100:150])
    assert part.equals(found["listings"][500:750])


def test_loose_produce_shows_an_mrp_that_moves_with_its_regular_price(small: duckdb.DuckDBPyConnection) -> None:
    rows = small.sql(
        """SELECT p.mrp::DOUBLE AS mrp, p.regular_price::DOUBLE AS regular, r.mrp_discount_bps AS bps, p.off_mrp_pct::DOUBLE AS off,
            p.price::DOUBLE AS price
        FROM prices AS p JOIN raw.products AS r USING (product_id) WHERE p.is_loose AND r.mrp_discount_bps > 0"""
    ).pl()
    assert rows.height > 100
    assert rows.select((pl.col("mrp") - pl.col("regular") / (1 - pl.col("bps") / 1e4)).abs() < 0.0051).to_series().all()
    assert rows.select((pl.col("off") - (100 - 100 * pl.col("price") / pl.col("mrp"))).abs() < 0.02).to_series().all()
    moved = small.sql(
        """SELECT count(*) FROM prices_at(tick_time(0)) AS a JOIN prices AS b USING (listing_id)
        WHERE a.is_loose AND a.mrp <> b.mrp"""
    ).fetchall()[0][0]
    assert moved > 100


RULES = [("prices", PRICE_RULES), ("products", PRODUCTS.rules), ("listings", LISTINGS.rules)]


@pytest.mark.parametrize(
    ("source", "name", "rule"), [(source, *pair) for source, rules in RULES for pair in rules.items()]
)
def test_the_rules_of_prices_products_and_listings_hold_in_a_realistic_market(
    small: duckdb.DuckDBPyConnection, source: str, name: str, rule: str
) -> None:
    assert small.sql(broken_rules({name: rule}, source, ("1 AS one",))).fetchall() == []


def test_the_checks_of_mrps_and_bands_pass_on_a_realistic_market(market: Path) -> None:
    found = {check["number"]: check for check in validate(market)["checks"]}
    wanted = ["1.15", "1.20", "1.22", "2.1", "2.3", "2.4", "2.5", "2.6", "2.7"]
    checks = [found[number] for number in wanted]
    assert [check for check in checks if not (check["passed"] and check["applies"])] == []


def test_what_sells_at_its_mrp_opens_at_it_on_the_reference_platform(small: duckdb.DuckDBPyConnection) -> None:
    low = small.sql(
        """SELECT count(*), count(*) FILTER (a.regular_price < a.mrp) FROM prices_at(tick_time(0)) AS a
        JOIN raw.products AS r USING (product_id)
        WHERE NOT a.is_loose AND a.is_active AND r.mrp_discount_bps = 0 AND a.platform = 'bigbasket'"""
    ).fetchall()[0]
    assert low[0] > 50 and low[1] == 0
