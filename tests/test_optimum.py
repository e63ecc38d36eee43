"""Behaviour of the cheapest-basket optimum, against a brute force, integer programming and named examples."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsim.errors import UsageError
from qsim.queries import optimum
from qsim.queries.optimum import Fees, Line, Offer, Plan, best_split, one_app

NAMES = ("bigbasket", "blinkit", "dunzo", "instamart", "zepto")
NO_FEES = Fees(0, 0, 0, 0)


def line(name: str, quantity: int = 1, **prices: int) -> Line:
    return Line(name, quantity, tuple(Offer(p, 100 + i, price) for i, (p, price) in enumerate(prices.items())))


def chosen(plan: Plan) -> dict[str, str]:
    return {item.name: order.platform for order in plan.orders for item in order.items}


def brute(lines: list[Line], fees: dict[str, Fees], budget: int | None) -> tuple[int, int, int]:
    best = (0, 0, 0)
    for picks in product(*[(None, *entry.offers) for entry in lines]):
        goods: dict[str, int] = {}
        for entry, offer in zip(lines, picks, strict=True):
            if offer:
                goods[offer.platform] = goods.get(offer.platform, 0) + offer.price_paise * entry.quantity
        if any(paid < fees[p].minimum_order_paise for p, paid in goods.items()):
            continue
        total = sum(goods.values())
        for p, paid in goods.items():
            total += fees[p].handling_paise
            total += fees[p].delivery_paise if paid < fees[p].free_delivery_from_paise else 0
        if budget is None or total <= budget:
            best = min(best, (-sum(offer is not None for offer in picks), total, len(goods)))
    return best


@st.composite
def baskets(draw: st.DrawFn) -> tuple[list[Line], dict[str, Fees], int | None]:
    names = NAMES[: draw(st.integers(2, 4))]
    lines = []
    for i in range(draw(st.integers(3, 5))):
        base = draw(st.integers(0, 12))
        prices = {p: draw(st.none() | st.integers(base, base + 3)) for p in names}
        priced = {p: price for p, price in prices.items() if price is not None}
        lines.append(line(f"line{i}", draw(st.integers(1, 2)), **priced))
    small, goods = st.integers(0, 6), st.integers(0, 30)
    fees = {p: Fees(draw(small), draw(st.integers(0, 3)), draw(goods), draw(goods)) for p in names}
    return lines, fees, draw(st.none() | st.integers(0, 60))


def random_basket(seed: int, size: int, budget_share: float | None) -> tuple[list[Line], dict[str, Fees], int | None]:
    rng = random.Random(seed)
    lines = []
    for i in range(size):
        base = rng.randrange(2000, 30000, 100)
        prices = {p: base + rng.randrange(-500, 501, 50) for p in NAMES if rng.random() < 0.8}
        lines.append(line(f"line{i}", rng.choice((1, 1, 2)), **prices))
    total = sum(min(o.price_paise for o in e.offers) * e.quantity for e in lines if e.offers)
    fees = {
        p: Fees(
            rng.choice((1500, 3000)), rng.choice((200, 900)), total // rng.randint(2, 5), total // rng.randint(5, 9)
        )
        for p in NAMES
    }
    return lines, fees, None if budget_share is None else int(total * budget_share)


@settings(max_examples=300, deadline=None)
@given(baskets())
def test_split_equals_brute_force(basket: tuple[list[Line], dict[str, Fees], int | None]) -> None:
    lines, fees, budget = basket
    plan = best_split(lines, fees, budget)
    assert (-len(chosen(plan)), plan.total_paise, len(plan.orders)) == brute(lines, fees, budget)


@settings(max_examples=25, deadline=None)
@given(baskets())
def test_integer_program_equals_brute_force(basket: tuple[list[Line], dict[str, Fees], int | None]) -> None:
    pytest.importorskip("highspy")
    lines, fees, budget = basket
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimum, "SEARCH_LINES", 0)
        plan = best_split(lines, fees, budget)
    assert (-len(chosen(plan)), plan.total_paise) == brute(lines, fees, budget)[:2]


@pytest.mark.parametrize("share", [None, 0.5, 0.95])
@pytest.mark.parametrize("size", [10, 15, 20, 25])
def test_search_and_integer_program_agree(size: int, share: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("highspy")
    basket = random_basket(size, size, share)
    searched = best_split(*basket)
    monkeypatch.setattr(optimum, "SEARCH_LINES", 0)
    programmed = best_split(*basket)
    assert len(chosen(searched)) == len(chosen(programmed))
    assert searched.total_paise == programmed.total_paise


def test_line_costs_price_times_quantity() -> None:
    plan = best_split([line("milk", 3, zepto=500)], {"zepto": NO_FEES})
    assert plan.goods_paise == plan.orders[0].items[0].cost_paise == 1500


def test_handling_and_delivery_are_charged_per_order() -> None:
    fees = {"blinkit": Fees(20, 5, 1000, 0), "zepto": Fees(30, 7, 1000, 0)}
    plan = best_split([line("milk", blinkit=100), line("rice", zepto=200)], fees)
    assert (plan.goods_paise, plan.fees_paise, plan.total_paise) == (300, 62, 362)


def test_delivery_is_free_from_the_threshold_on() -> None:
    fees = {"zepto": Fees(30, 7, 200, 0)}
    assert best_split([line("rice", zepto=200)], fees).fees_paise == 7
    assert best_split([line("rice", zepto=199)], fees).fees_paise == 37


def test_dearer_offer_is_taken_when_it_makes_delivery_free() -> None:
    fees = {"blinkit": NO_FEES, "zepto": Fees(50, 0, 200, 0)}
    plan = best_split([line("milk", blinkit=95, zepto=100), line("rice", zepto=100)], fees)
    assert chosen(plan) == {"milk": "zepto", "rice": "zepto"}


def test_order_below_the_minimum_is_not_placed() -> None:
    plan = best_split([line("milk", blinkit=90, zepto=99)], {"blinkit": Fees(0, 0, 0, 91), "zepto": NO_FEES})
    assert chosen(plan) == {"milk": "zepto"}


def test_order_at_the_minimum_is_placed() -> None:
    assert chosen(best_split([line("milk", zepto=91)], {"zepto": Fees(0, 0, 0, 91)})) == {"milk": "zepto"}


def test_list_below_every_minimum_is_left_out() -> None:
    plan = best_split([line("milk", zepto=90)], {"zepto": Fees(0, 0, 0, 100)})
    assert (plan.orders, plan.total_paise, plan.left_out, plan.unavailable) == ((), 0, ("milk",), ())


def test_second_app_is_not_used_when_its_fees_eat_the_saving() -> None:
    fees = {"blinkit": Fees(0, 10, 0, 0), "zepto": Fees(0, 10, 0, 0)}
    plan = best_split([line("milk", blinkit=100, zepto=95), line("rice", blinkit=100, zepto=109)], fees)
    assert chosen(plan) == {"milk": "blinkit", "rice": "blinkit"}


def test_budget_buys_most_lines_then_cheapest() -> None:
    lines = [line("ghee", zepto=60), line("milk", zepto=30), line("salt", zepto=20), line("tea", zepto=35)]
    plan = best_split(lines, {"zepto": Fees(0, 5, 0, 0)}, 90)
    assert set(chosen(plan)) == {"milk", "salt", "tea"} and plan.total_paise == 90 and plan.left_out == ("ghee",)


def test_budget_of_just_what_all_lines_cost_buys_them_all() -> None:
    lines = [line("ghee", blinkit=25, zepto=36), line("milk", blinkit=14, zepto=23), line("tea", blinkit=35, zepto=20)]
    fees = {"blinkit": Fees(0, 0, 0, 25), "zepto": Fees(0, 0, 0, 22)}
    assert chosen(best_split(lines, fees, 68)) == {"ghee": "blinkit", "milk": "zepto", "tea": "zepto"}


def test_budget_counts_fees() -> None:
    assert best_split([line("milk", zepto=100)], {"zepto": Fees(0, 1, 0, 0)}, 100).orders == ()


def test_line_without_offers_is_unavailable() -> None:
    plan = best_split([line("milk", zepto=100), line("saffron")], {"zepto": NO_FEES})
    assert plan.unavailable == ("saffron",) and chosen(plan) == {"milk": "zepto"}


def test_cheapest_of_two_offers_on_one_platform_is_bought() -> None:
    offers = (Offer("zepto", 1, 90), Offer("zepto", 2, 80), Offer("zepto", 3, 80))
    assert best_split([Line("milk", 1, offers)], {"zepto": NO_FEES}).orders[0].items[0].offer == offers[1]


def test_empty_list_costs_nothing() -> None:
    assert best_split([], {"zepto": Fees(1, 1, 1, 1)}).total_paise == 0


def test_one_app_prefers_coverage_to_price() -> None:
    lines = [line("milk", blinkit=10, zepto=90), line("rice", zepto=90)]
    plan = one_app(lines, {"blinkit": NO_FEES, "zepto": NO_FEES})
    assert plan is not None and chosen(plan) == {"milk": "zepto", "rice": "zepto"}


def test_one_app_names_what_it_lacks() -> None:
    plan = one_app([line("milk", blinkit=10), line("rice", zepto=9)], {"blinkit": NO_FEES, "zepto": NO_FEES})
    assert plan is not None and chosen(plan) == {"rice": "zepto"} and plan.unavailable == ("milk",)


def test_one_app_counts_fees() -> None:
    plan = one_app([line("milk", blinkit=90, zepto=99)], {"blinkit": Fees(10, 0, 100, 0), "zepto": NO_FEES})
    assert plan is not None and plan.orders[0].platform == "zepto" and plan.total_paise == 99


def test_one_app_is_none_below_every_minimum() -> None:
    assert one_app([line("milk", zepto=90)], {"zepto": Fees(0, 0, 0, 100)}) is None


def test_ties_go_to_the_first_platform_by_name() -> None:
    lines = [line("milk", zepto=50, blinkit=50), line("rice", zepto=70, blinkit=70)]
    fees = {"zepto": Fees(5, 5, 500, 0), "blinkit": Fees(5, 5, 500, 0)}
    single = one_app(lines, fees)
    assert single is not None and single.orders[0].platform == "blinkit"
    assert chosen(best_split(lines, fees)) == {"milk": "blinkit", "rice": "blinkit"}


def test_tied_line_goes_to_the_first_platform_in_use() -> None:
    lines = [line("milk", zepto=50, blinkit=50), line("rice", zepto=70), line("tea", blinkit=70)]
    assert chosen(best_split(lines, {"zepto": NO_FEES, "blinkit": NO_FEES}))["milk"] == "blinkit"


@pytest.mark.parametrize("seed", range(5))
def test_order_of_offers_and_fees_does_not_matter(seed: int) -> None:
    lines, fees, budget = random_basket(seed, 12, 0.8)
    turned = [Line(entry.name, entry.quantity, entry.offers[::-1]) for entry in lines]
    assert best_split(turned, dict(reversed(fees.items())), budget) == best_split(lines, fees, budget)


def test_long_list_without_highspy_names_limit_and_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    with pytest.raises(
        UsageError, match=r'31 lines.*30 on 5; .*five platforms at most.*pip install "quickcommerce-sim\[opt\]"'
    ):
        best_split([line(f"line{i}", zepto=10) for i in range(31)], {"zepto": NO_FEES})


def test_long_list_is_bought_by_integer_programming() -> None:
    pytest.importorskip("highspy")
    lines = [line(f"line{i}", zepto=10 + i % 2, blinkit=10 + (i + 1) % 2) for i in range(40)]
    plan = best_split(lines, {"zepto": NO_FEES, "blinkit": NO_FEES})
    assert plan.total_paise == 400 and len(plan.orders) == 2


def test_integer_programming_prints_nothing_and_lets_others_print() -> None:
    pytest.importorskip("highspy")
    # A new process, since HiGHS greets only the first time.
    script = (
        "from qsim.queries.optimum import *\n"
        "lines = [Line(str(i), 1, (Offer('zepto', i, 10),)) for i in range(31)]\n"
        "print(best_split(lines, {'zepto': Fees(0, 0, 0, 0)}).total_paise)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "310\n"


@pytest.mark.parametrize(
    ("lines", "fees", "budget", "found"),
    [
        ([line("milk", 0, zepto=1)], {"zepto": NO_FEES}, None, "quantity 0"),
        ([line("milk", zepto=-1)], {"zepto": NO_FEES}, None, "-1 paise"),
        ([line("milk", zepto=1)], {"blinkit": NO_FEES}, None, "no fees"),
        ([line("milk", zepto=1)], {"zepto": Fees(-2, 0, 0, 0)}, None, "-2 paise"),
        ([line("milk", zepto=1)], {"zepto": NO_FEES}, -3, "budget -3"),
    ],
)
def test_impossible_value_is_refused(lines: list[Line], fees: dict[str, Fees], budget: int | None, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        best_split(lines, fees, budget)


def test_no_line_moves_to_a_platform_that_the_plan_has_left() -> None:
    rows = [((0, 2), (1, 2)), ((0, 0),), ((1, 1), (2, 1))]
    picks = {0: 1, 1: 0, 2: 2}
    optimum._settle(rows, [NO_FEES, Fees(0, 0, 0, 2), NO_FEES], picks)
    assert picks == {0: 0, 1: 0, 2: 2}


@pytest.mark.parametrize(
    ("left", "platform"),
    [(Fees(0, 0, 0, 5), 0), (Fees(0, 0, 0, 6), 1), (Fees(3, 0, 5, 0), 0), (Fees(3, 0, 6, 0), 1)],
)
def test_tied_line_leaves_an_order_only_where_that_keeps_its_minimum_and_its_delivery(
    left: Fees, platform: int
) -> None:
    picks = {0: 1, 1: 1, 2: 0}
    optimum._settle([((0, 5), (1, 5)), ((1, 5),), ((0, 1),)], [NO_FEES, left], picks)
    assert picks[0] == platform
