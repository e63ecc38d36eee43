"""Order fees over HTTP: told as they change, beside the prices that they come on top of, and on the boards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

import qsim
from tests.followers import Following, events, joined
from tests.servers import in_thread

# Peaks that are too much for some platforms' riders and not for others'.
FEES = {"surge_fees": {"capacity": 2.2, "riders_spread": 0.3}, "weather": {"rainy_days": [0.0] * 12}}
QUIET, PEAK = 16, 20


@pytest.fixture
def market(tmp_path: Path) -> Path:
    made = tmp_path / "market"
    qsim.generate(made, preset="realistic", products=20, seed=3, update_interval_seconds=3600, config=FEES)
    qsim.run(made, until=QUIET)
    return made


def newest(market: Path, since: int) -> list[tuple[str, float]]:
    """The platforms whose order fee has changed since a tick, and what it came to."""
    query = f"""SELECT platform, max_by(fee, tick)::DOUBLE FROM fees WHERE tick >= {since}
        GROUP BY store_id, platform ORDER BY store_id"""
    return qsim.connect(market).sql(query).fetchall()


def told(found: list[Any]) -> list[tuple[str, float]]:
    return [(row["platform"], row["order_fee"]) for kind, _, data in found if kind == "fees" for row in data["rows"]]


def test_who_follows_is_told_of_each_order_fee_that_changed(market: Path) -> None:
    with in_thread(market) as (port, app):
        everything, zepto = Following(port, PEAK), Following(port, PEAK, platform="zepto")
        joined(app, 2)
        qsim.run(market, until=PEAK)
        found = told(everything.end())
        wanted = newest(market, QUIET + 1)
        assert found == wanted and len({fee for _, fee in wanted}) > 1
        assert told(zepto.end()) == [row for row in wanted if row[0] == "zepto"] != []


def test_who_comes_back_is_told_of_the_order_fees_that_changed_meanwhile(market: Path) -> None:
    qsim.run(market, until=PEAK)
    with in_thread(market) as (port, _):
        assert told(events(port, PEAK, last=f"{QUIET + 1}:0")) == newest(market, QUIET + 1) != []
        assert told(events(port, PEAK, last=f"{PEAK + 1}:0")) == []


def test_order_fees_stand_beside_the_prices_that_they_come_on_top_of(market: Path) -> None:
    qsim.run(market, until=PEAK)
    fees = dict(qsim.connect(market).sql("SELECT DISTINCT platform, order_fee::DOUBLE FROM prices").fetchall())
    with in_thread(market) as (port, _):
        of = f"http://127.0.0.1:{port}/api"
        product = httpx.get(f"{of}/boards/overview").json()["product"]
        name = httpx.get(f"{of}/products/{product}").json()["product"]["product"]
        cheapest = httpx.get(f"{of}/cheapest", params={"product": name}).json()
        assert {row["platform"]: row["order_fee"] for row in cheapest["rows"]}.items() <= fees.items()
        offers = httpx.get(f"{of}/boards/prices/{product}").json()["offers"]
        assert {row["platform"]: row["order_fee_paise"] / 100 for row in offers} == fees
        for tick, wanted in ((PEAK, fees), (0, dict.fromkeys(fees, 0.0))):
            rows = httpx.get(f"{of}/boards/overview", params={"as_of": tick}).json()["platforms"]
            assert {row["platform"]: row["order_fee_paise"] / 100 for row in rows} == wanted
    assert max(fees.values()) > 0


def test_stock_moves_before_the_first_order_where_there_are_customers(tmp_path: Path) -> None:
    for name, preset in (("a", "realistic"), ("b", "classic")):
        qsim.generate(tmp_path / name, preset=preset, products=12)
        with in_thread(tmp_path / name) as (port, _):
            told = httpx.get(f"http://127.0.0.1:{port}/api/boards/stockouts").json()
        assert told["stock_moves"] == (preset == "realistic")
