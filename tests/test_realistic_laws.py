"""The laws of a run for the realistic market: splits, workers, kills, changes midway, and what its tables add up to."""

from __future__ import annotations

import builtins
import math
import operator
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import fields
from functools import reduce
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import qsim
from qsim.market import truth
from qsim.market.state import State
from qsim.runs import writing
from qsim.storage import lock, log

HOURLY = {"update_interval_seconds": 3_600}
# Stores enough for three blocks of few products.
BLOCKS = {"products": 110, "stores": 1_000, "seed": 5}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    market = tmp_path_factory.mktemp("opened") / "m"
    qsim.generate(market, preset="realistic", products=50, stores=2, seed=9, config=HOURLY)
    return market


@pytest.fixture(scope="module")
def ran(opened: Path) -> Path:
    market = opened.with_name("ran")
    shutil.copytree(opened, market)
    qsim.run(market, ticks=240)
    return market


def _digest(opened: Path, folder: Path, parts: list[dict[str, object]]) -> str:
    shutil.copytree(opened, folder)
    for part in parts:
        status = qsim.run(folder, **part)
    return str(status["digest"])


def test_customers_find_nine_in_ten_of_the_units_they_want_and_shelves_are_empty_as_often_as_real_ones(
    ran: Path,
) -> None:
    with qsim.connect(ran) as connection:
        [(found,)] = connection.sql("SELECT 1 - sum(lost_units) / sum(wanted_units) FROM demand_truth").fetchall()
        [(empty,)] = connection.sql(
            "SELECT avg(out_of_stock_rate) FROM out_of_stock_rate WHERE platform = 'all' AND category = 'all'"
        ).fetchall()
    assert 0.9 < found < 0.98 and 0.03 < empty < 0.15


def test_what_ran_low_before_there_was_any_supply_is_ordered_at_its_first_tick_though_nothing_happens(
    tmp_path: Path,
) -> None:
    qsim.generate(tmp_path / "m", products=20, seed=3)
    qsim.run(tmp_path / "m", ticks=10, config={"batch_size": "none", "demand": {"a_day": {"staples": 1e-9}}})
    with qsim.connect(tmp_path / "m") as connection:
        query = """SELECT count(*), count(*) FILTER (restock_second > 0) FROM raw.snapshots
            JOIN raw.listings AS l USING (listing_id) JOIN raw.products USING (product_id)
            WHERE tick = 10 AND is_active AND snapshots.stock <= l.reorder_level"""
        [(low, ordered)] = connection.sql(query).fetchall()
    assert low == ordered > 0


def added_in_order(numbers: Iterable[Any], /, start: Any = 0) -> Any:
    """Add as Python's sum does before 3.12."""
    return reduce(operator.add, numbers, start)


def added_exactly(numbers: Iterable[Any], /, start: Any = 0) -> Any:
    """Add about as Python's sum does from 3.12 on: floats without an error that grows."""
    found = list(numbers)
    return start + math.fsum(found) if any(isinstance(one, float) for one in found) else added_in_order(found, start)


def test_a_market_is_the_same_however_python_adds_floats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 24 times 0.7 added one by one are less than 16.8, so that the load of an even day would be above the capacity.
    even = {"hours": [0.7] * 24, "weekdays": [1] * 7, "level": 1.0, "city_spread": 0.0}
    config = {
        **HOURLY,
        "demand": even,
        "surge_fees": {"capacity": 1.0, "riders_spread": 0.0},
        "weather": {"rainy_days": [0] * 12},
    }
    found = []
    for nth, added in enumerate((added_in_order, added_exactly)):
        monkeypatch.setattr(builtins, "sum", added)
        market = tmp_path / str(nth)
        qsim.generate(market, preset="realistic", products=12, seed=1, calendar="none", config=config)
        digest = qsim.run(market, ticks=3)["digest"]
        with qsim.connect(market) as connection:
            found.append((digest, connection.sql("SELECT DISTINCT fee_paise FROM raw.fees").fetchall()))
    assert found[0] == found[1] and found[0][1] == [(0,)]


def test_any_split_of_a_run_that_takes_up_a_scenario_gives_the_same_market(opened: Path, tmp_path: Path) -> None:
    whole = [{"ticks": 30}, {"ticks": 30, "scenario": "price-war"}, {"ticks": 20, "scenario": "none"}]
    cuts = [{"ticks": 1}, {"ticks": 29}, {"ticks": 7, "scenario": "price-war"}, {"ticks": 23}]
    cuts += [{"ticks": 11, "scenario": "none", "max_workers": 3}, {"ticks": 9, "max_workers": 1}]
    assert _digest(opened, tmp_path / "whole", whole) == _digest(opened, tmp_path / "cuts", cuts)


def test_workers_change_nothing_on_several_blocks(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", config=HOURLY, **BLOCKS)
    with lock.writer_lock(tmp_path / "m"):
        assert len(writing.open_writer(tmp_path / "m", 1).blocks) == 3
    parts = [[{"ticks": 9, "max_workers": workers}] for workers in (1, 2, 3)]
    assert len({_digest(tmp_path / "m", tmp_path / f"w{len(part)}{n}", part) for n, part in enumerate(parts)}) == 1


def test_a_killed_run_goes_on_to_the_market_of_one_that_was_not(tmp_path: Path) -> None:
    killed, other = tmp_path / "killed", tmp_path / "other"
    for market in (killed, other):
        qsim.generate(market, preset="realistic", products=8, seed=4, config=HOURLY)
    command = [sys.executable, "-m", "qsim", "run", str(killed), "--ticks", "500000"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while log.read(killed).tick == 0 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    tick = log.read(killed).tick
    assert tick > 0
    assert qsim.run(killed, ticks=5)["digest"] == qsim.run(other, until=tick + 5)["digest"]


def test_stock_is_the_opening_stock_less_what_was_sold_and_more_what_came(ran: Path) -> None:
    query = """SELECT count(*), count(*) FILTER (now.stock <> old.stock + coalesce(came.units, 0) - coalesce(sold.units, 0))
        FROM raw.snapshots AS now JOIN raw.snapshots AS old USING (listing_id)
        LEFT JOIN (SELECT listing_id, sum(units)::INTEGER AS units FROM raw.deliveries GROUP BY ALL) AS came USING (listing_id)
        LEFT JOIN (SELECT listing_id, sum(units)::INTEGER AS units FROM raw.orders GROUP BY ALL) AS sold USING (listing_id)
        WHERE old.tick = 0 AND now.tick = 240"""
    assert qsim.connect(ran).sql(query).fetchall() == [(500, 0)]


def _truths(market: Path) -> tuple[int, int, int]:
    """Count a market's events, those with a truth, and those whose parts do not add up to the price."""
    parts = "anchor_paise::BIGINT + cost_paise + noise_paise + discount_paise + campaign_paise + surge_paise + time_of_day_paise"
    query = f"""SELECT count(*), count(t.tick), count(*) FILTER (
            {parts} + zone_paise + rounding_paise + rival_paise <> price_after_paise)
        FROM raw.events AS e FULL JOIN raw.truth AS t USING (tick, listing_id)"""
    with qsim.connect(market) as connection:
        ((events, with_truth, other),) = connection.sql(query).fetchall()
    return events, with_truth, other


def test_every_event_has_its_truth_and_the_parts_add_up_to_the_price(ran: Path) -> None:
    events, with_truth, other = _truths(ran)
    assert events == with_truth > 1_000
    assert other == 0


def test_the_parts_add_up_where_the_price_aimed_at_is_more_than_any_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truth, "happenings", SimpleNamespace(log_aims=lambda *given: np.full(len(given[-1]), 30.0)))
    qsim.generate(tmp_path / "m", preset="realistic", products=10, config=HOURLY, truth=True)
    qsim.run(tmp_path / "m", ticks=48)
    events, with_truth, other = _truths(tmp_path / "m")
    assert events == with_truth > 50
    assert other == 0
    with qsim.connect(tmp_path / "m") as connection:
        told = "SELECT DISTINCT greatest(cost_paise, -noise_paise) FROM raw.truth"
        assert connection.sql(told).fetchall() == [(2**31 - 1,)]


def test_a_zone_that_takes_a_price_above_any_that_can_be_is_told_as_far_as_that(tmp_path: Path) -> None:
    goods = "product,brand,category,mrp,price\n" + "".join(f"P{n},,Fruits,,21474836\n" for n in range(9))
    (tmp_path / "dear.csv").write_text(goods)
    config = {"repricing": {"zone_sd": 0.5}, "sales": {"share": 0.5}}
    qsim.generate(tmp_path / "m", preset="realistic", catalog=tmp_path / "dear.csv", stores=20, config=config)
    qsim.run(tmp_path / "m", ticks=24, config=HOURLY)
    assert _truths(tmp_path / "m")[2] == 0
    for number in ("2.12", "6.16", "6.20"):
        assert qsim.validate(tmp_path / "m", only=number)["passed"], number


def test_more_customers_than_a_load_can_tell_of_are_told_as_the_most_there_is(tmp_path: Path) -> None:
    lines = "\n".join(f"{name},*-01-01,31,100" for name in "abcd")
    (tmp_path / "rush.csv").write_text(f"name,date,days,demand\n{lines}\n")
    qsim.generate(tmp_path / "m", preset="realistic", products=8, config=HOURLY, calendar=tmp_path / "rush.csv")
    qsim.run(tmp_path / "m", ticks=12)
    with qsim.connect(tmp_path / "m") as connection:
        assert connection.sql("SELECT max(load_bps) FROM raw.fees").fetchall() == [(2**32 - 1,)]


def test_events_replayed_from_the_opening_give_the_state_at_the_end(ran: Path) -> None:
    query = """SELECT count(*), count(*) FILTER (now.price_paise <> coalesce(last.price, old.price_paise)
            OR now.regular_price_paise <> coalesce(last.regular, old.regular_price_paise))
        FROM raw.snapshots AS now JOIN raw.snapshots AS old USING (listing_id)
        LEFT JOIN (SELECT listing_id, max_by(price_after_paise, tick) AS price, max_by(regular_price_paise, tick) AS regular
            FROM raw.events GROUP BY ALL) AS last USING (listing_id)
        WHERE old.tick = 0 AND now.tick = 240"""
    assert qsim.connect(ran).sql(query).fetchall() == [(500, 0)]


def test_every_kind_of_cause_happens_and_customers_pay_the_price_of_the_tick_before(ran: Path) -> None:
    connection = qsim.connect(ran)
    causes = {cause for (cause,) in connection.sql("SELECT DISTINCT cause FROM price_history").fetchall()}
    assert {"reprice", "discount_start", "discount_end", "clearance", "rival_match", "rival_release"} <= causes
    assert {"stock_out", "restock", "time_of_day", "campaign_start", "campaign_end"} <= causes
    query = """SELECT count(*), count(*) FILTER (o.price_paise <> coalesce(e.price_after_paise, s.price_paise))
        FROM raw.orders AS o JOIN raw.snapshots AS s ON s.listing_id = o.listing_id AND s.tick = 0
        ASOF LEFT JOIN raw.events AS e ON e.listing_id = o.listing_id AND e.tick < o.tick"""
    (orders, other), *_ = connection.sql(query).fetchall()
    assert orders > 1_000
    assert other == 0


def test_a_changed_demand_leaves_prices_as_they_were_but_for_rivals_out_of_stock(opened: Path, tmp_path: Path) -> None:
    digests = []
    for name, level in (("a", 1.0), ("b", 0.5)):
        shutil.copytree(opened, tmp_path / name)
        qsim.run(tmp_path / name, ticks=48, config={"demand": {"level": level}, "rivals": {"looks_a_day": 0.0}})
        query = "SELECT listing_id, price, regular_price FROM prices ORDER BY listing_id"
        digests.append(qsim.connect(tmp_path / name).sql(query).fetchall())
    assert digests[0] == digests[1]


def test_a_listing_has_at_most_forty_bytes_of_state(ran: Path) -> None:
    with lock.writer_lock(ran):
        state = writing.open_writer(ran, 1).states[0]
    columns = [getattr(state, part.name) for part in fields(State)]
    sizes = [column.itemsize for column in columns if isinstance(column, np.ndarray)]
    assert len(sizes) == 13
    assert sum(sizes) <= 40
