"""What the report tells of a basket from one platform or several: totals, fees, what is bought."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

import qsim
from qsim.monitoring import market, market_page
from qsim.queries import frontier as frontiers
from qsim.queries.basket import basket
from qsim.queries.frontier import frontier
from qsim.storage import log
from tests.listed import Connection, by_hand

PLATFORMS = ("zepto", "blinkit", "dunzo")
# Each of three things is cheapest by 10 rupees on a platform of its own, by 30 the third.
PRICES = {"Onion": (10, 20, 20), "Potato": (20, 10, 20), "Tomato": (40, 40, 10)}
ROWS = [
    {"product": name, "platform": platform, "price": price}
    for name, prices in PRICES.items()
    for platform, price in zip(PLATFORMS, prices, strict=True)
]
LIST = [(1, "onion"), (1, "potato"), (1, "tomato")]


@pytest.mark.parametrize(
    ("fee", "totals"), [(0, [50, 40, 30]), (4, [54, 48, 42]), (9, [59, 58, 57]), (10, [60, 60, 60]), (15, [65, 65, 65])]
)
def test_least_totals_by_hand(fee: int, totals: list[int]) -> None:
    plans = frontier(by_hand(*ROWS, fees=(fee, 0, 1000, 0)), LIST)["plans"]
    assert [plan["total"] for plan in plans] == totals
    assert [plan["saving"] for plan in plans] == [totals[0] - total for total in totals]
    assert all(plan["fees"] == fee * len(plan["platforms"]) for plan in plans)
    assert all(len(plan["platforms"]) <= plan["most_platforms"] for plan in plans)


def test_what_the_best_platform_lacks_is_bought_nowhere_so_that_totals_compare() -> None:
    rows = [row for row in ROWS if row["product"] != "Tomato" or row["platform"] == "blinkit"]
    rows += [{"product": "Ginger", "platform": "zepto"}, {"product": "Garlic", "platform": "zepto"}]
    found = frontier(by_hand(*rows), [*LIST, (1, "ginger"), (1, "garlic"), (1, "honey")])
    assert (found["items"], found["missing"]) == (["onion", "potato", "ginger", "garlic"], ["tomato", "honey"])
    assert [plan["total"] for plan in found["plans"]] == [70, 60, 60]


def test_a_minimum_order_is_met_by_every_order() -> None:
    plans = frontier(by_hand(*ROWS, fees=(0, 0, 0, 25)), LIST)["plans"]
    assert [(plan["total"], plan["platforms"]) for plan in plans] == [(50, ["dunzo"])] * 3


def test_no_plan_where_no_platform_can_take_an_order() -> None:
    assert frontier(by_hand(*ROWS, fees=(0, 0, 0, 1000)), LIST)["plans"] == []
    assert frontier(by_hand(*ROWS), [(1, "honey")])["plans"] == []


def test_first_and_last_are_the_baskets_one_app_and_split(con: Connection) -> None:
    plans, found = frontier(con)["plans"], basket(con)
    assert found["saving_rupees"] is not None and len(plans) == 5
    assert (plans[0]["total"], plans[-1]["total"]) == (found["one_app"]["total"], found["split"]["total"])


def test_each_is_the_best_of_its_sets_of_platforms(con: Connection) -> None:
    names = [name for (name,) in con.execute("SELECT platform FROM platforms").fetchall()]
    for plan in frontier(con)["plans"][1:4]:
        splits = [basket(con, platforms=chosen)["split"] for chosen in combinations(names, plan["most_platforms"])]
        assert plan["total"] == min(split["total"] for split in splits if split["bought"] == 12)


def test_sets_of_many_platforms_are_not_all_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontiers, "_MOST_SETS", 6)
    assert len(frontier(by_hand(*ROWS), LIST)["plans"]) == 2


def test_where_all_platforms_are_closed_the_report_says_so(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=30, preset="realistic")
    names = ["blinkit", "zepto", "instamart", "bigbasket", "dunzo"]
    qsim.run(tmp_path / "m", ticks=1, config={"demand": {"closed": names}})
    assert market.basket(tmp_path / "m", log.read(tmp_path / "m")) is None
    assert "no platform can take an order" in market_page._basket({"basket": None})
