"""The rules of the classic preset, each shown alone on a market that nothing else moves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from qsim.params import GROUPS
from tests.markets import Plan, Product, Simulated, course_of, parameters_of
from tests.reference import CAMPAIGN_END, CAMPAIGN_START, DAY, SURGE_START, TIME_OF_DAY, Campaign, half_up

QUIET: dict[str, Any] = {
    "category_volatility": dict.fromkeys(GROUPS, 0.0),
    "reversion": 0.0,
    "discount_probability": 0.0,
    "discount_end_probability": 0.0,
    "surge_probability": 0.0,
    "time_of_day": {},
}
CLASSIC_WINDOWS = {"07:00-09:00": 2, "18:00-20:00": 2, "23:00-06:00": -1}
DAIRY = GROUPS.index("dairy")


def goods(count: int, *, loose: bool = False, price: int = 0, own: Sequence[int] = (0,), group: int = DAIRY) -> Plan:
    """A market of active products on five platforms; without a price each listing has its own, from 10.07 rupees."""
    products = []
    for number in range(count):
        anchors = [price or 1007 + 13 * (5 * number + place) for place in range(5)]
        depths = [own[(5 * number + place) % len(own)] for place in range(5)]
        products.append(Product(number, None if loose else 4 * max(anchors), group, anchors, depths))
    return Plan(products, count, range(5), {}, [])


def run(plan: Plan, last: int, first: int = 0, **changes: Any) -> Simulated:
    """Run a plan in which nothing but what `changes` sets moves a price."""
    return Simulated(plan, course_of((0, parameters_of(**(QUIET | changes)))), first).to(last)


def priced(regular: int, *overlays: int) -> int:
    """A regular price under overlays in basis points, halves up."""
    return half_up(regular * math.prod(Fraction(10_000 + overlay, 10_000) for overlay in overlays))


def second(text: str) -> int:
    hours, minutes, seconds = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + seconds


def test_time_of_day_shifts_come_off_to_the_paisa() -> None:
    plan = goods(20, own=(0, 1000, 2500, 3300))
    own = np.resize([0, 1000, 2500, 3300], 100)
    for hour, shift in ((5, -100), (6, 0), (8, 200), (9, 0), (19, 200), (20, 0), (23, -100), (30, 0), (168 + 12, 0)):
        state = run(plan, hour, update_interval_seconds=3600, time_of_day=CLASSIC_WINDOWS).columns()
        wanted = [priced(1007 + 13 * at, -int(depth), shift) for at, depth in enumerate(own)]
        assert state["price"].tolist() == wanted
        assert state["regular"].tolist() == [1007 + 13 * at for at in range(100)]


@pytest.mark.parametrize(
    ("clock", "shift"),
    [
        ("06:59:55", 0), ("07:00:00", 200), ("08:59:55", 200), ("09:00:00", 0), ("17:59:55", 0), ("18:00:00", 200),
        ("20:00:00", 0), ("22:59:55", 0), ("23:00:00", -100), ("23:59:55", -100), ("05:59:55", -100), ("06:00:00", 0),
    ],
)  # fmt: skip
def test_time_of_day_windows_hold_from_their_first_second_to_before_their_last(clock: str, shift: int) -> None:
    tick = (DAY + second(clock)) // 5
    market = run(goods(3), tick, first=tick - 3, batch_size=1, update_interval_seconds=5, time_of_day=CLASSIC_WINDOWS)
    assert market.columns()["price"].tolist() == [priced(1007 + 13 * at, shift) for at in range(15)]
    events = market.table("events").to_pydict()
    assert set(events["tick"]) == ({tick} if clock.endswith("00:00") else set())
    assert events["cause"].count(TIME_OF_DAY) == (10 if events["cause"] else 0)


def test_packaged_goods_never_cost_more_than_their_mrp_in_a_dear_hour() -> None:
    anchors = [9_900, 9_800, 9_804, 10_000, 5_000]
    plan = Plan([Product(0, 10_000, DAIRY, anchors, [0] * 5)], 1, range(5), {}, [])
    state = run(plan, 8, update_interval_seconds=3600, time_of_day=CLASSIC_WINDOWS).columns()
    assert state["price"].tolist() == [10_000, 9_996, 10_000, 10_000, 5_100]
    state = run(plan, 9, update_interval_seconds=3600, time_of_day=CLASSIC_WINDOWS).columns()
    assert state["price"].tolist() == anchors


@pytest.mark.parametrize("percent", [0.01, 1, 15, 33.33])
def test_a_regular_price_never_moves_by_more_than_the_bound(percent: float) -> None:
    plan = goods(60, group=0)
    volatility = dict.fromkeys(GROUPS, 5.0)
    chosen = {**QUIET, "category_volatility": volatility, "reversion": 0.5, "max_price_change_percent": percent}
    market = Simulated(plan, course_of((0, parameters_of(batch_size=0, **chosen))))
    before, at_bound = market.columns()["regular"].astype(np.int64), 0
    for tick in range(1, 41):
        after = market.to(tick).columns()["regular"].astype(np.int64)
        room = round(percent * 100) * before
        assert (np.abs(after - before) * 10_000 <= room).all()
        at_bound += int((np.abs(after - before) == room // 10_000).sum())
        before = after
    assert at_bound > 400


@pytest.mark.parametrize("percent", [0.01, 0.57, 1.1, 15, 29, 33.33, 50])
@pytest.mark.parametrize("anchor", [1, 2**22])
def test_the_bound_is_exact_at_every_price(percent: float, anchor: int) -> None:
    changes = {"max_price_change_percent": percent, "reversion": 1.0, "batch_size": 0}
    market = Simulated(goods(2000, price=anchor), course_of((0, parameters_of(**(QUIET | changes)))))
    prices = range(1, 10_001)
    market.states[0].regular[:] = prices
    steps = [round(percent * 100) * price // 10_000 for price in prices]
    wanted = [price + (step if anchor > price else -step) for price, step in zip(prices, steps, strict=True)]
    assert market.to(1).columns()["regular"].tolist() == wanted


def test_volatility_of_categories_stands_as_80_to_30_to_20_to_10() -> None:
    wanted = {"vegetables": 0.8, "dairy": 0.3, "snacks": 0.2, "staples": 0.1}
    spread = {}
    for name, volatility in wanted.items():
        plan = goods(100, price=1_000_000, group=GROUPS.index(name))
        classic = {"category_volatility": parameters_of().category_volatility, "batch_size": 0}
        market = Simulated(plan, course_of((0, parameters_of(**(QUIET | classic)))))
        prices = np.array([market.to(tick).columns()["regular"] for tick in range(41)], np.float64)
        changes = np.diff(np.log(prices), axis=0)
        middles = (np.arange(2000) + 0.5) / 1000 - 1
        law = np.log1p(volatility * 0.15 * middles).std()
        spread[name] = changes.std() / (0.15 / math.sqrt(3))
        # The standard deviation of 20,000 uniform draws has a relative error of sqrt(0.8 / 80,000).
        assert changes.std() == pytest.approx(law, rel=4 * math.sqrt(0.8 / 80_000))
    assert list(spread.values()) == pytest.approx(list(wanted.values()), rel=0.03)


def test_three_in_ten_listings_stay_discounted() -> None:
    plan = goods(400, own=(1000, 0, 0, 1000, 0, 0, 1000, 0, 0, 0))
    market = Simulated(plan, course_of((0, parameters_of(batch_size=0, surge_probability=0.0))))
    shares = [(market.to(tick).columns()["own"] > 0).mean() for tick in range(151)]
    error = math.sqrt(0.3 * 0.7 / 2000)
    assert shares[0] == 0.3
    assert max(abs(share - 0.3) for share in shares) < 4.5 * error
    # Shares of successive ticks correlate by 1 - .15 - .35, so 150 of them count for 50.
    assert abs(np.mean(shares) - 0.3) < 4 * error / math.sqrt(50)


@pytest.mark.parametrize("loose", [False, True])
def test_one_update_in_twenty_surges(loose: bool) -> None:
    market = Simulated(goods(400, loose=loose), course_of((0, parameters_of(batch_size=0))))
    field = "surge" if loose else "fee"
    surging = sum(int((market.to(tick).columns()[field] > 0).sum()) for tick in range(1, 51))
    assert abs(surging / 100_000 - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 100_000)


def test_packaged_goods_in_surge_cost_their_regular_price_and_a_fee_while_the_discount_waits() -> None:
    plan = goods(10, own=(1000, 0, 2500))
    market = run(plan, 1, batch_size=0, surge_probability=1.0)
    state = market.columns()
    assert state["price"].tolist() == state["regular"].tolist()
    assert set(state["fee"].tolist()) == {2500}
    assert state["discount"].tolist() == np.resize([1000, 0, 2500], 50).tolist()
    assert set(market.table("events").column("cause").to_pylist()) == {SURGE_START}
    after = Simulated(plan, course_of((0, parameters_of(**QUIET)))).columns()
    course = course_of((0, parameters_of(**(QUIET | {"surge_probability": 1.0}))), (1, parameters_of(**QUIET)))
    assert Simulated(plan, course).to(2).columns()["price"].tolist() == after["price"].tolist()


def test_loose_produce_in_surge_costs_5_to_15_percent_more_and_no_fee() -> None:
    state = run(goods(400, loose=True, own=(1000, 0)), 1, batch_size=0, surge_probability=1.0).columns()
    surge = state["surge"].astype(int)
    assert 500 <= surge.min() < 510
    assert 1490 < surge.max() <= 1500
    assert abs(surge.mean() - 1000) < 4 * 289 / math.sqrt(2000)
    assert not state["fee"].any()
    rows = zip(state["regular"].tolist(), state["own"].tolist(), surge.tolist(), strict=True)
    assert state["price"].tolist() == [priced(regular, -own, rise) for regular, own, rise in rows]


def test_inactive_products_never_have_events() -> None:
    active = [2, 3, 7, 13_106, 13_107, 20_000]
    products = [Product(number, None, 0, [5000] * 5, [0] * 5) for number in active]
    market = Simulated(Plan(products, 26_215, range(5), {}, []), course_of((0, parameters_of(batch_size=2))))
    ids = market.to(60).table("events").column("listing_id").to_numpy()
    assert len(market.blocks) == 3
    assert sorted(set((ids // 5).tolist())) == active


@pytest.mark.parametrize(("repeat", "spells"), [(0, [range(12, 18)]), (100, [range(12, 18), range(32, 38)])])
def test_a_campaign_prices_its_lines_from_its_first_tick_to_its_last(repeat: int, spells: list[range]) -> None:
    quiet = goods(4, own=(0, 3000))
    lines = [(1, 3, 4000), (1, 6, 2000), (1, 10, 2500), (2, 6, 9000)]
    campaigns = {1: Campaign(60, 30, repeat, 200), 2: Campaign(10_000, 30, 0, 20_000)}
    plan = Plan(quiet.products, quiet.total, quiet.platforms, campaigns, lines)
    market = Simulated(plan, course_of((0, parameters_of(**(QUIET | {"batch_size": 0})))))
    own = np.resize([0, 3000], 20)
    for tick in range(1, 61):
        depth = own.copy()
        if any(tick in spell for spell in spells):
            depth[[3, 6, 10]] = 4000, 2000, 2500
        wanted = [priced(1007 + 13 * at, -int(one)) for at, one in enumerate(depth)]
        assert market.to(tick).columns()["price"].tolist() == wanted


def test_listings_outside_the_batch_follow_a_campaign_and_say_so() -> None:
    quiet = goods(4)
    plan = Plan(quiet.products, 4, range(5), {1: Campaign(60, 30, 0, 200)}, [(1, 6, 2000)])
    events = run(plan, 30, batch_size=1, update_interval_seconds=5).table("events").to_pydict()
    # Product 1 holds listing 6; the batch at ticks 12 and 18 is products 0 and 2.
    assert events["tick"] == [12, 18]
    assert events["listing_id"] == [6, 6]
    assert events["cause"] == [CAMPAIGN_START, CAMPAIGN_END]
    assert events["discount_bps"] == [2000, 0]


@pytest.mark.parametrize(("active", "size"), [(7, 3), (7, 1), (6, 4), (5, 5), (5, 0), (5, 9)])
def test_batches_reach_every_active_product_equally_often_in_a_full_round(active: int, size: int) -> None:
    products = [Product(2 * number, None, DAIRY, [5000] * 5, [0] * 5) for number in range(active)]
    plan = Plan(products, 2 * active, range(5), {}, [])
    # Each update switches the discount, so the switches count the updates.
    changes = {"discount_probability": 1.0, "discount_end_probability": 1.0, "batch_size": size}
    counts = Counter(run(plan, active, **changes).table("discounts").column("listing_id").to_pylist())
    taken = size if 0 < size < active else active
    assert counts == {number * 10 + place: taken for number in range(active) for place in range(5)}
