"""What scenarios and the calendar do to a market: each beside its twin of the same seed that runs without."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.behaviour import GROUPS
from qsim.runs.regeneration import regenerate

Twin = Callable[..., Path]
DAY = {"ticks": 48, "update_interval_seconds": 1800}
# Without a calendar, so that twins differ in nothing but what is tested; with sales enough to be counted.
MARKET = {
    "preset": "realistic",
    "products": 240,
    "start": "2026-03-10",
    "calendar": "none",
    "seed": 5,
    "sales": {"share": 0.3},
}
ORDERS = "FROM raw.orders JOIN raw.named USING (listing_id)"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    """Gives a market that ran a day under a scenario, or none, from the same opening as the others."""
    folder = tmp_path_factory.mktemp("twins")
    qsim.generate(folder / "opening", **MARKET)

    def ran(scenario: str = "none") -> Path:
        market = folder / scenario
        if not market.exists():
            shutil.copytree(folder / "opening", market)
            qsim.run(market, scenario=scenario, **DAY)
        return market

    return ran


def one(market: Path, query: str) -> Any:
    return qsim.connect(market).sql(query).fetchall()[0][0]


def ratio(market: Path, plain: Path, query: str) -> float:
    return float(one(market, query)) / float(one(plain, query))


def sales_started(market: Path) -> list[int]:
    rows = (
        qsim.connect(market)
        .sql("SELECT discount_bps FROM raw.discounts WHERE discount_bps > 0 AND tick > 0")
        .fetchall()
    )
    return [row[0] for row in rows]


def test_diwali_brings_more_customers_and_more_and_deeper_sales(twin: Twin) -> None:
    assert 1.4 < ratio(twin("diwali"), twin(), "SELECT sum(wanted_units) FROM raw.orders") < 1.8
    before, now = sales_started(twin()), sales_started(twin("diwali"))
    assert len(now) > 1.4 * len(before) > 0
    assert min(now) >= 1000 and sum(now) / len(now) > sum(before) / len(before)


def test_monsoon_brings_rain_and_with_it_customers_and_fees(twin: Twin) -> None:
    raining = "SELECT count(*) FILTER (is_raining) FROM raw.fees"
    assert one(twin("monsoon"), raining) > one(twin(), raining)
    assert ratio(twin("monsoon"), twin(), "SELECT sum(wanted_units) FROM raw.orders") > 1.01
    assert ratio(twin("monsoon"), twin(), "SELECT sum(fee_paise) FROM raw.fees") > 1


def test_monsoon_moves_the_costs_of_produce_and_no_others(tmp_path: Path) -> None:
    swings = []
    for scenario in ("none", "monsoon"):
        market = tmp_path / scenario
        qsim.generate(market, **{**MARKET, "products": 40}, demand={"a_day": dict.fromkeys(GROUPS, 0.0)})
        qsim.run(market, scenario=scenario, ticks=120, update_interval_seconds=21_600)
        rows = qsim.connect(market).sql(
            """SELECT volatility_group IN ('fruits', 'vegetables'), stddev(ln(1 + cost_paise / anchor_paise))
            FROM raw.truth JOIN raw.named USING (listing_id) WHERE volatility_group IN ('fruits', 'vegetables', 'dairy')
            GROUP BY ALL"""
        )
        swings.append(dict(rows.fetchall()))
    assert swings[1][True] > 1.2 * swings[0][True]
    assert swings[1][False] == swings[0][False]


def test_a_price_war_brings_matches_and_lower_prices(twin: Twin) -> None:
    matches = "SELECT count(*) FROM price_history WHERE cause = 'rival_match'"
    assert ratio(twin("price-war"), twin(), matches) > 3
    level = "SELECT avg(ln(price / anchor_price)) FROM prices JOIN listings USING (listing_id)"
    assert one(twin("price-war"), level) < one(twin(), level) - 0.03


def test_a_price_war_ends_for_all_who_answered_it_however_the_run_is_cut(twin: Twin, tmp_path: Path) -> None:
    matches = "SELECT count(*) FROM price_history WHERE cause = 'rival_release' AND tick = 49"
    held = (
        "SELECT count(*) FILTER (match_paise > 0) FROM raw.snapshots WHERE tick = (SELECT max(tick) FROM raw.snapshots)"
    )
    digests = set()
    for name, cuts, workers in (("a", (40,), 1), ("b", (1, 39), 2)):
        shutil.copytree(twin("price-war"), tmp_path / name)
        for ticks in cuts:
            digests.add(qsim.run(tmp_path / name, ticks=ticks, max_workers=workers, scenario="none")["digest"])
    assert one(tmp_path / "a", matches) > 30
    assert one(tmp_path / "a", held) < 1.3 * one(twin(), held) < 0.5 * one(twin("price-war"), held)
    assert len(digests) == 2
    again = regenerate(tmp_path / "b", "all")
    assert again.ticks == 88 and not again.faults
    assert [check for check in qsim.validate(tmp_path / "b")["checks"] if not check["passed"]] == []


def test_an_outage_closes_one_platform_and_the_others_get_most_of_its_customers_and_higher_fees(twin: Twin) -> None:
    of_zepto = f"SELECT coalesce(sum(units), 0) {ORDERS} WHERE platform = 'zepto'"
    assert one(twin(), of_zepto) > 0 == one(twin("outage"), of_zepto)
    others = f"SELECT sum(wanted_units) {ORDERS} WHERE platform <> 'zepto'"
    gained = one(twin("outage"), others) - one(twin(), others)
    # Some buy nothing, as some do anywhere: a logit with an outside good.
    assert 0.5 < gained / one(twin(), f"SELECT sum(wanted_units) {ORDERS} WHERE platform = 'zepto'") < 0.95
    assert ratio(twin("outage"), twin(), "SELECT sum(fee_paise) FROM raw.fees") > 1.1


def test_a_cricket_night_brings_customers_in_the_evening_most_of_all_for_snacks(twin: Twin) -> None:
    def units(snacks: bool, evening: bool) -> float:
        within = f"hour(tick_time(tick) - INTERVAL 1 SECOND) BETWEEN 19 AND 22 = {evening}"
        query = f"SELECT sum(wanted_units) {ORDERS} WHERE (volatility_group = 'snacks') = {snacks} AND ({within})"
        return ratio(twin("cricket-night"), twin(), query)

    assert 0.95 < units(snacks=False, evening=False) < 1.05
    assert 1.15 < units(snacks=False, evening=True) < 1.45
    assert 1.15 < units(snacks=True, evening=False) < 1.45
    assert units(snacks=True, evening=True) > 1.4


def test_an_entry_of_the_calendar_brings_customers_and_more_and_deeper_sales(twin: Twin, tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("name,date,days,demand,sales,deeper_percent\nSale,*-*-01,31,2,3,10\n", "utf-8")
    qsim.generate(tmp_path / "m", **{**MARKET, "calendar": path})
    qsim.run(tmp_path / "m", **DAY)
    before, now = sales_started(twin()), sales_started(tmp_path / "m")
    assert 1.8 < ratio(tmp_path / "m", twin(), "SELECT sum(wanted_units) FROM raw.orders") < 2.2
    assert len(now) > 1.8 * len(before)
    assert min(now) >= 1500


def test_sales_that_the_calendar_would_deepen_past_the_deepest_are_judged_by_the_others(tmp_path: Path) -> None:
    path, depths = tmp_path / "half.csv", {"depths": {"10": 0.1, "85": 0.9}}
    path.write_text("name,date,days,from_hour,to_hour,deeper_percent\nSale,*-*-01,31,0,12,30\n", "utf-8")
    qsim.generate(tmp_path / "m", **{**MARKET, "calendar": path, "sales": {"share": 0.3, **depths}})
    qsim.run(tmp_path / "m", ticks=96, update_interval_seconds=3600)
    assert max(sales_started(tmp_path / "m")) == 9000
    (found,) = qsim.validate(tmp_path / "m", only="3.23")["checks"]
    assert found["passed"] and "mean of " in found["detail"]
