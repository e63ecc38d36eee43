"""Fitting to prices: what comes back of a market whose parameters are known, what is found in series, files that are refused."""

from __future__ import annotations

import math
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import qsim
from qsim import params
from qsim.errors import InputError, UsageError
from qsim.fitting import fitted, points, rates, split
from qsim.fitting.figures import ALL, measure
from qsim.fitting.preset import base_values
from qsim.fitting.reading import panel_of, read_source
from qsim.fitting.spells import observe
from qsim.realism.panel import from_market
from tests.panels import panel_of as panel

DAY_ONE = date(2026, 1, 1)
LAW = {
    "preset": "realistic",
    "platforms": {"one": {"name": "One", "low_percent": 100, "high_percent": 100, "average_discount_percent": 10}},
    "repricing": {"spread": 0.0, "nine_stick": 1.0, "on_sale": 1.0},
    "sales": {"shared_share": 0.0, "clearance": 0.0, "campaign_share": 0.0, "share": 0.06},
    "shocks": {"a_year": dict.fromkeys(("fruits", "vegetables", "dairy", "snacks", "staples", "other"), 0.0)},
}


@pytest.fixture(scope="module")
def known_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty days of one shop whose sales last three or seven days and are 20 or 30 percent deep."""
    market = tmp_path_factory.mktemp("known") / "market"
    whole = base_values("realistic")
    whole = params.merge(
        {**whole, "platforms": LAW["platforms"]}, {key: LAW[key] for key in ("repricing", "sales", "shocks")}
    )
    whole["sales"] |= {"days": {"3": 0.5, "7": 0.5}, "depths": {"20": 0.5, "30": 0.5}}
    whole["repricing"] |= {"fresh": 0.0, "a_day": dict.fromkeys(whole["repricing"]["a_day"], 0.02),
                           "gap_a_day": dict.fromkeys(whole["repricing"]["a_day"], 0.0),
                           "noise": dict.fromkeys(whole["repricing"]["a_day"], 0.08)}  # fmt: skip
    whole["cost"]["volatility"] = dict.fromkeys(whole["cost"]["volatility"], 0.0)
    qsim.generate(market, config=whole, products=600, update_interval_seconds=10_800, seed=5)
    qsim.run(market, duration=70 * 24 * 60)
    return market


@pytest.fixture(scope="module")
def known_rows(known_market: Path) -> pl.DataFrame:
    """The market's prices at noon in long format, without its first ten days and without flags."""
    with qsim.connect(known_market) as connection:
        found = from_market(connection)
    days = [DAY_ONE + timedelta(days=day) for day in range(10, found.price_paise.shape[1])]
    wide = pl.DataFrame(found.price_paise[:, 10:] / 100, schema=[str(day) for day in days])
    long = wide.with_columns(pl.Series("item", found.item.tolist())).unpivot(
        index="item", variable_name="date", value_name="price"
    )
    return long.with_columns(pl.col("date").str.to_date())


def written(rows: pl.DataFrame, folder: Path, name: str = "prices.parquet") -> Path:
    path = folder / name
    rows.write_csv(path) if name.endswith(".csv") else rows.write_parquet(path)
    return path


def figures_of(path: Path, **given: Any) -> Any:
    source = read_source(path, given.pop("mapping", {}), **given)
    found, groups = panel_of(source)
    return measure(found, groups)


def test_rates_sales_and_depths_of_a_known_market_come_back(known_rows: pl.DataFrame, tmp_path: Path) -> None:
    found = figures_of(written(known_rows, tmp_path))
    print(found)
    assert found.pools[ALL].rate == pytest.approx(0.02 * 0.96, rel=0.12)  # whole rupees hide the smallest changes
    assert found.sale_share == pytest.approx(0.06, rel=0.2)
    assert sum(share for days, share in found.days.items() if days in (3, 7)) > 0.85
    assert found.returned > 0.9
    mean = sum(depth * share for depth, share in found.depths.items())
    assert mean == pytest.approx(25, abs=1.5)


def test_gaps_and_weekly_data_give_the_same_rate(known_rows: pl.DataFrame, tmp_path: Path) -> None:
    days = (pl.col("date") - DAY_ONE).dt.total_days()
    gappy = known_rows.filter(~days.is_in([15, 16, 17, 30, 31, 44, 45, 46, 47, 60]))
    weekly = known_rows.filter(days % 7 == 3)
    daily, holes, weeks = (figures_of(written(rows, tmp_path)) for rows in (known_rows, gappy, weekly))
    assert holes.pools[ALL].rate == pytest.approx(daily.pools[ALL].rate, rel=0.1)
    assert weeks.pools[ALL].rate == pytest.approx(daily.pools[ALL].rate, rel=0.35)
    assert holes.sale_share == pytest.approx(daily.sale_share, rel=0.15)


def test_a_log_of_changes_is_found_out_and_gives_what_the_panel_gives(known_rows: pl.DataFrame, tmp_path: Path) -> None:
    ordered = known_rows.sort("item", "date")
    log = ordered.filter((pl.col("price") != pl.col("price").shift(1).over("item")).fill_null(True))
    source = read_source(written(log, tmp_path), {})
    assert source.carry and not read_source(written(known_rows, tmp_path, "all.csv"), {}).carry
    found, groups = panel_of(source)
    daily = figures_of(written(known_rows, tmp_path))
    assert measure(found, groups).pools[ALL].rate == pytest.approx(daily.pools[ALL].rate, rel=0.1)


def test_the_hazard_is_that_of_greatest_likelihood_over_any_distances() -> None:
    changed, days = np.array([True] * 30 + [False] * 70), np.full(100, 2.0)
    assert rates.rate_a_day(changed, days) == pytest.approx(-math.log(0.7) / 2)
    mixed = np.concatenate([days, np.full(100, 5.0)])
    hits = np.concatenate([changed, np.arange(100) < round(100 * (1 - 0.7**2.5))])
    assert rates.rate_a_day(hits, mixed) == pytest.approx(-math.log(0.7) / 2, rel=0.01)
    assert rates.rate_a_day(np.zeros(3, np.bool_), np.ones(3)) == 0


def test_uneven_series_are_told_from_even_ones() -> None:
    even = np.full(1000, 2.0)
    assert rates.uneven(np.repeat([1.0, 2.0, 3.0], 333), even[:999]) < 0.1
    assert rates.uneven(np.concatenate([np.zeros(900), np.full(100, 20.0)]), even) > 1


def test_weekday_weights_are_found_over_gaps_and_only_where_a_pattern_repeats() -> None:
    day = np.repeat(np.arange(1, 71), 40)
    changed = (day % 7 == 4) & (np.tile(np.arange(40), 70) < 20)
    found = rates.weekday_weights(changed, day, np.ones(len(day)), 3)
    assert found[(3 + 4) % 7] == pytest.approx(7, abs=0.01)
    once = (day == 11) & (np.tile(np.arange(40), 70) < 35)
    assert rates.weekday_weights(once, day, np.ones(len(day)), 3) == [1.0] * 7


def test_a_fall_that_comes_back_is_a_sale_and_a_rise_that_comes_back_is_none() -> None:
    v = [[10_000] * 10 + [8_000] * 3 + [10_000] * 10 for _ in range(5)]
    mirror = [[10_000] * 10 + [12_500] * 3 + [10_000] * 10 for _ in range(5)]
    found, sales = observe(panel(v))
    assert found.on_sale.sum() == 15 and set(sales.days) == {3.0} and set(found.regular) == {10_000}
    assert not observe(panel(mirror))[0].on_sale.any()
    assert not observe(panel(v + mirror))[0].on_sale.any()


def test_sales_of_what_hardly_changes_are_seen_beside_what_changes_daily() -> None:
    random = np.random.default_rng(1)
    still = [[10_000] * (9 + row % 20) + [9_000] * 3 + [10_000] * (38 - row % 20) for row in range(40)]
    daily = random.choice([9_000, 10_000, 10_000, 11_100], (60, 50)).tolist()
    of, sales = observe(panel([*still, *daily]))
    assert np.isin(np.arange(40), sales.series).all()
    assert of.on_sale[of.series < 40].sum() == 120


def test_a_low_price_at_the_start_is_a_sale_only_if_sales_last_so_long() -> None:
    sales = [[10_000] * (9 + row % 20) + [8_000] * 3 + [10_000] * (38 - row % 20) for row in range(40)]
    short, long = [8_000] * 2 + [10_000] * 48, [8_000] * 30 + [10_000] * 20
    of, _ = observe(panel([*sales, short, long, short[::-1], long[::-1]]))
    assert [int(of.on_sale[of.series == row].sum()) for row in range(40, 44)] == [2, 0, 2, 0]


def test_long_falls_that_come_back_as_often_as_long_rises_are_no_sales() -> None:
    def spell(price: int, days: int) -> list[int]:
        return [10_000] * 30 + [price] * days + [10_000] * (70 - days)

    of, sales = observe(panel([spell(8_000, 3)] * 40 + [spell(8_000, 20)] * 10 + [spell(12_500, 20)] * 10))
    assert len(sales.days) == 40 and of.on_sale.sum() == 120


def test_flags_in_the_file_beat_the_shape_of_prices() -> None:
    prices = [[100, 100, 80, 80, 110, 110]]
    found, sales = observe(panel(prices, on_sale=[[0, 0, 1, 1, 0, 0]]))
    assert found.on_sale.tolist() == [False, False, True, True, False, False]
    assert found.regular.tolist() == [100, 100, 100, 100, 110, 110]
    assert sales.days.tolist() == [2.0] and sales.depth.tolist() == pytest.approx([0.2]) and not sales.returned[0]


def test_a_series_that_begins_on_sale_is_off_the_price_that_follows() -> None:
    flags = [[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1]]
    found, _ = observe(panel([[80, 80, 100, 100], [70, 70, 70, 70], [90, 60, 60, 60]], on_sale=flags))
    assert found.regular.tolist() == [100] * 4 + [70] * 4 + [90] * 4


def test_styles_are_worked_out_of_endings() -> None:
    whole = {"whole": 0.7, "nine": 0.1, "five": 0.2, "paise": 0.0, "x99": 0.0, "x49": 0.0, "x9": 0.0}
    assert points.styles(whole)["whole"] == 1
    cents = {**dict.fromkeys(whole, 0.0), "x99": 0.5, "x49": 0.5}
    assert points.styles(cents)["x49"] == 1
    assert points.endings(np.array([199.0, 149.0, 129.0, 900.0, 1500.0, 1200.0, 123.0])) == dict.fromkeys(
        points.ENDINGS, pytest.approx(1 / 7)
    )


def test_what_is_held_out_is_of_other_goods_and_later_days_than_the_fitted_part() -> None:
    prices = np.full((60, 50), 10_000)
    whole = panel(prices.tolist())
    real, held, what = split.part(whole, 0.3, 1)
    assert held is not None and "items" in what
    assert not set(real.item) & set(held.item) and real.days[-1] < held.days[0]
    assert len(held.item) == 18 and len(held.days) == 15


def test_days_alone_are_held_out_where_the_goods_held_out_have_no_later_price() -> None:
    prices = np.full((60, 50), 10_000)
    held = split.part(panel(prices.tolist()), 0.3, 1)[1]
    assert held is not None
    prices[np.isin(panel(prices.tolist()).item, held.item), 20:] = 0
    real, late, what = split.part(panel(prices.tolist()), 0.3, 1)
    assert late is not None and what == f"the days from {late.days[0]} on"
    assert (len(real.item), len(late.item)) == (60, 42)


def test_the_days_that_are_simulated_are_days_with_prices() -> None:
    prices = np.full((2, 400), 10_000)
    prices[:, 150:] = 0
    assert split.latest(panel(prices.tolist())).price_paise.all()
    assert split.earliest(panel(prices[:, ::-1].tolist())).price_paise.all()


def test_figures_of_the_fitted_part_do_not_move_with_what_is_held_out() -> None:
    random = np.random.Generator(np.random.Philox(3))
    prices = (
        10_000 * np.exp(np.cumsum(random.normal(0, 0.1, (60, 50)) * (random.random((60, 50)) < 0.1), axis=1))
    ).astype(int)
    other = prices.copy()
    held = split.part(panel(prices.tolist()), 0.3, 1)[1]
    assert held is not None
    rows = np.isin(panel(prices.tolist()).item, held.item)
    other[rows] = 777
    other[:, 35:] = 5_000
    first, second = (split.part(panel(each.tolist()), 0.3, 1)[0] for each in (prices, other))
    assert measure(first, {}) == measure(second, {})


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"thing": ["a"], "date": ["2026-01-01"], "cost": [3.0]}, "no column for item, price"),
        ({"item": ["a"], "date": ["soon"], "price": [3.0]}, "no row with an item, a day and a positive price"),
        ({"item": ["a"], "date": ["2026-01-01"], "price": [0.0]}, "no row with an item"),
        ({"item": ["a"], "date": [3.5], "price": [1.0]}, "the time as Float64"),
        ({"product": ["a"], "price": [0.0]}, "no row with a positive price"),
    ],
)
def test_a_faulty_file_is_refused_in_one_line(columns: dict[str, list[Any]], fault: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=fault) as refused:
        qsim.fit(written(pl.DataFrame(columns), tmp_path))
    assert "\n" not in str(refused.value)


def test_too_few_changes_a_wrong_share_and_a_wrong_map_are_refused(tmp_path: Path) -> None:
    days = [DAY_ONE + timedelta(days=day) for day in range(40)]
    still = written(pl.DataFrame({"item": ["a"] * 40, "day": days, "price": [5.0] * 40}), tmp_path)
    with pytest.raises(InputError, match="0 price changes; needed are 5"):
        qsim.fit(still)
    once = pl.DataFrame({"item": ["a"] * 40, "day": days, "price": [5.0] * 20 + [6.0] * 20})
    once.write_csv(tmp_path / "once.csv")
    with pytest.raises(InputError, match="found 1 price change; needed are 5"):
        qsim.fit(tmp_path / "once.csv", hold_out=0)
    with pytest.raises(UsageError, match=r"hold_out: found 0\.9"):
        qsim.fit(still, hold_out=0.9)
    with pytest.raises(UsageError, match="there is no field 'cost'"):
        qsim.fit(still, columns={"price": "cost"})
    with pytest.raises(InputError, match="no usable file"):
        qsim.fit(tmp_path / "none.csv")


def test_a_fit_of_a_known_market_gives_its_rates_back_and_a_preset_that_runs_as_it_is(
    known_rows: pl.DataFrame, tmp_path: Path
) -> None:
    out, goods = tmp_path / "mine.toml", tmp_path / "goods.csv"
    rows = known_rows.rename({"item": "sku", "date": "when"}).with_columns(pl.lit("Corner Shop").alias("shop"))
    result = qsim.fit(
        written(rows, tmp_path, "prices.csv"), out=out, goods=goods, columns={"when": "time"}, hold_out=0.2
    )
    print(result["estimated"], result["rounds"], result["moments"])
    repricing, sales = result["preset"]["repricing"], result["preset"]["sales"]
    market = {row["moment"]: row["market"] for row in result["moments"]}
    assert market["price change a day, off sale"] == pytest.approx(0.02 * 0.96, rel=0.25)
    assert repricing["noise"]["other"] == pytest.approx(0.08, rel=0.35)
    assert sales["share"] == pytest.approx(0.06, rel=0.35)
    assert set(tomllib.loads(out.read_text("utf-8"))["platforms"]) == {"corner_shop"}
    status = qsim.generate(tmp_path / "m", config=tomllib.loads(out.read_text("utf-8")), catalog=goods)
    assert status["listings"] == status["products"] > 300
    assert "120 of 600 items" in result["held_out"]


def test_a_list_of_goods_is_refused_where_the_prices_are_a_list_themselves(tmp_path: Path) -> None:
    catalog = written(pl.DataFrame({"product": ["a"], "price": [5.0]}), tmp_path)
    with pytest.raises(UsageError, match=r"goods: found '.*goods.csv' with a catalog"):
        qsim.fit(catalog, goods=tmp_path / "goods.csv")


def test_a_list_of_goods_without_those_held_out_is_told_to_lack_them(tmp_path: Path) -> None:
    listed = pl.DataFrame({"product": ["a", "b"]})
    [note] = fitted._write_goods(tmp_path / "goods.csv", listed, 3)
    assert "goods.csv lists 2 of 3 items: the others were held out" in note
    assert fitted._write_goods(tmp_path / "goods.csv", listed, 2) == []
