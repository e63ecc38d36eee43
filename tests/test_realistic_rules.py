"""The realistic rules: costs, price points, the hazard of repricing, timed sales, and the laws of a run under them."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

import qsim
from qsim import money, params, rulebook, streams
from qsim.behaviour import GROUPS
from qsim.errors import UsageError
from qsim.market import arrivals, cost, demand, repricing, truth
from qsim.market.state import State
from tests.markets import course_of, parameters_of


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("realistic") / "m"
    qsim.generate(folder, preset="realistic", products=120, seed=7, stores=2)
    qsim.run(folder, ticks=20 * 288)
    return folder


def test_normals_are_the_inverse_of_the_normal_distribution() -> None:
    words = streams.hashed(3, 1, 0, np.arange(500))
    wanted = [NormalDist().inv_cdf(float(p)) for p in streams.uniforms(words)]
    assert np.allclose(streams.normals(words), wanted, rtol=0, atol=1e-12)


def test_arrivals_of_an_hour_follow_the_poisson_law_and_lie_within_it() -> None:
    means = np.repeat([0.01, 0.4, 3.0, 20.0], 20_000)
    source = arrivals.Source(5, 1, 2, 0, np.arange(len(means)))
    came = arrivals.draw(source, 7, arrivals.Means(None, means, money.exp(-means)))
    counts = np.bincount(came.lane, minlength=len(means)).reshape(4, -1)
    for mean, row in zip((0.01, 0.4, 3.0, 20.0), counts, strict=True):
        assert abs(row.mean() - mean) < 4 * math.sqrt(mean / 20_000)
        assert abs(row.var() - mean) < 4 * math.sqrt((mean + 2 * mean**2) / 20_000)
    assert came.second.min() == 7 * 3_600 + 1
    assert came.second.max() == 8 * 3_600
    assert (np.diff(came.second) >= 0).all()


@pytest.mark.parametrize(
    ("paise", "style", "point"),
    [
        (10_349, repricing.WHOLE, 10_300),
        (10_350, repricing.WHOLE, 10_400),
        (10_130, repricing.NINE, 9_900),
        (10_700, repricing.NINE, 10_900),
        (3_400, repricing.NINE, 3_400),
        (10_260, repricing.FIVE, 10_500),
        (1_200, repricing.FIVE, 1_200),
        (10_333, repricing.PAISE, 10_333),
        (20, repricing.WHOLE, 100),
        (19_990, repricing.WHOLE, 19_950),
    ],
)
def test_a_price_is_set_to_the_point_of_its_style(paise: int, style: int, point: int) -> None:
    ceiling = np.array([19_950], np.int32)
    assert repricing.snap(np.array([float(paise)]), np.array([style], np.uint8), 0.035, ceiling)[0] == point


def test_costs_have_the_spread_of_their_process_and_return() -> None:
    rules = rulebook.cost_rules(params.resolve("realistic", {"cost": {"shared": 0.0, "reversion_days": 5}}))
    products, group = np.arange(4_000), np.zeros(4_000, np.uint8)
    *_, own = cost.own_path([rules] * 40, group, products, range(40), np.zeros(4_000))
    assert own.std() == pytest.approx(0.032 * math.sqrt(5 / 2), rel=0.05)
    assert abs(own.mean()) < 4 * own.std() / math.sqrt(4_000)


def test_costs_are_the_same_however_many_days_of_them_are_drawn_at_once() -> None:
    rules = [
        rulebook.cost_rules(params.resolve("realistic", {"cost": {"reversion_days": 5 + day}})) for day in range(20)
    ]
    many, group = np.arange(30_000), (np.arange(30_000) % len(GROUPS)).astype(np.uint8)
    paths = [cost.own_path(rules, group[:n], many[:n], range(20), np.zeros(n)) for n in (3, len(many))]
    for few, of_many in zip(*paths, strict=True):
        assert np.array_equal(few, of_many[:3])


def test_shared_costs_are_the_same_however_many_days_are_added_at_a_time() -> None:
    rules = [rulebook.cost_rules(params.resolve("realistic", {"shocks": {"size": size}})) for size in (0.2, 0.4)]
    at_once, by_day = cost.CostPath(), cost.CostPath()
    cost.extend(at_once, lambda day: rules[day > 150], 400)
    for days in range(401):
        cost.extend(by_day, lambda day: rules[day > 150], days)
    assert np.any(at_once.shock_ids[-1])
    assert np.array_equal(at_once.shared, by_day.shared) and np.array_equal(at_once.shock_ids, by_day.shock_ids)


def test_any_split_of_a_realistic_run_and_any_workers_give_the_same_market(tmp_path: Path) -> None:
    digests = set()
    for name, cuts, workers in (("a", (600,), 1), ("b", (1, 299, 300), 2), ("c", (287, 313), 3)):
        qsim.generate(tmp_path / name, preset="realistic", products=60, seed=3)
        for ticks in cuts:
            status = qsim.run(tmp_path / name, ticks=ticks, max_workers=workers)
        digests.add(status["digest"])
    assert len(digests) == 1


def share_below(folder: Path, headroom: float) -> float:
    """Run a market whose costs move much for two weeks: the share of prices set at the MRP that have left it, in percent."""
    moved = {"cost": {"volatility": {"dairy": 0.02, "snacks": 0.02, "staples": 0.02}, "drift_percent_a_year": 0}}
    moved |= {
        "assortment": {"families": 1},
        "shocks": {"a_year": {}},
        "sales": {"share": 0.0},
        "demand": {"a_day": {}},
        "truth": False,
        "repricing": {"headroom": headroom},
    }
    made_of = {"products": 40, "seed": 5, "update_interval_seconds": 3600, "discounted_percent": 0}
    qsim.generate(folder, preset="realistic", config=moved, **made_of)
    qsim.run(folder, ticks=336)
    below = "100 * avg((p.regular_price < p.mrp)::INTEGER)"
    query = f"SELECT {below} FROM prices AS p JOIN listings USING (listing_id) WHERE anchor_price = p.mrp"
    return float(qsim.connect(folder).sql(query).fetchall()[0][0])


def test_what_opens_at_its_mrp_leaves_it_only_where_costs_fall_by_more_than_its_headroom(tmp_path: Path) -> None:
    assert share_below(tmp_path / "none", 0.0) > 15
    assert share_below(tmp_path / "some", 0.5) < 5


def test_all_dark_stores_of_a_platform_have_the_same_price(market: Path) -> None:
    query = "SELECT count(*) FROM (SELECT product_id, platform FROM prices GROUP BY ALL HAVING min(price) < max(price))"
    assert qsim.connect(market).sql(query).fetchall() == [(0,)]


def test_no_packaged_price_is_ever_above_its_mrp(market: Path) -> None:
    query = """SELECT count(*), count(*) FILTER (price_after > mrp)
        FROM price_history JOIN products USING (product_id) WHERE NOT is_loose"""
    (events, above), *_ = qsim.connect(market).sql(query).fetchall()
    assert events > 1_000
    assert above == 0


def test_nearly_all_packaged_prices_are_whole_rupees(market: Path) -> None:
    query = "SELECT avg((price % 1 = 0)::INT) FROM prices WHERE NOT is_loose AND is_active"
    assert 0.88 < qsim.connect(market).sql(query).fetchall()[0][0] <= 1


def test_a_sale_that_ends_without_clearance_gives_the_regular_price_back(market: Path) -> None:
    query = """SELECT count(*), count(*) FILTER (price_after <> regular_price AND regular_price < coalesce(mrp, 1e9))
        FROM price_history JOIN products USING (product_id) JOIN raw.truth AS t USING (tick, listing_id)
        WHERE cause = 'discount_end' AND discount_pct = 0 AND t.rival_paise = 0 AND t.time_of_day_paise = 0"""
    (ends, other), *_ = qsim.connect(market).sql(query).fetchall()
    assert ends > 100
    assert other == 0


def test_produce_changes_its_regular_price_far_more_often_than_packaged_goods(market: Path) -> None:
    query = """SELECT is_loose, count(*) FILTER (cause = 'reprice') * 1.0 / count(DISTINCT listing_id) / 20
        FROM price_history JOIN products USING (product_id) GROUP BY is_loose ORDER BY is_loose"""
    (_, packaged), (_, loose) = qsim.connect(market).sql(query).fetchall()
    assert 0.3 < loose < 1.6
    assert packaged < 0.15


def test_discounts_without_a_set_end_go_on_when_customers_come(tmp_path: Path) -> None:
    customers = {"a_day": {"fruits": 20.0}}
    for name, opening, later in (("from the start", {"demand": customers}, {}), ("later", {}, {"demand": customers})):
        folder = tmp_path / name
        qsim.generate(folder, products=40, batch_size="none", update_interval_seconds=300, **opening)
        qsim.run(folder, ticks=3)
        qsim.run(folder, ticks=3, **later)
        ends = "SELECT count(*), count(*) FILTER (ends_at IS NULL) FROM discounts WHERE campaign_id IS NULL"
        discounts, open_ones = qsim.connect(folder).sql(ends).fetchall()[0]
        assert discounts == open_ones > 50


def test_sales_without_lengths_and_depths_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^sales: .* needs days and depths"):
        params.resolve("classic", {"sales": {"share": 0.1}})


def test_a_sale_that_takes_off_no_basis_point_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^sales\.depths: .* '0\.004' is not a number above 0\.005 and at most 90"):
        params.resolve("realistic", {"sales": {"depths": {"10": 1.0, "0.004": 1.0}}})


def test_a_shower_whose_least_hours_are_above_its_most_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^weather\.hours: found \[5, 1\]; the least hours come first"):
        params.resolve("realistic", {"weather": {"hours": [5, 1]}})


def test_a_campaign_line_as_deep_as_a_listings_own_discount_is_the_one_that_the_truth_tells() -> None:
    state = State(*(np.zeros(3, np.uint16) for field in fields(State) if field.name not in ("costs", "prepared")))
    own, line = np.array([2_000, 3_000, 1_000], np.uint16), np.array([2_000, 1_000, 3_000], np.uint16)
    state = replace(state, own=own, line=line, discount=np.maximum(own, line))
    by_own, by_line, *rest = truth._laid_on(state, np.arange(3), np.full(3, 1_000), 0)
    assert (by_own.tolist(), by_line.tolist()) == ([0, -300, 0], [-200, 0, -300])
    assert not np.any(rest)


def test_a_change_at_the_very_beginning_of_a_day_moves_costs_from_the_next_day_on() -> None:
    before, after = (parameters_of(update_interval_seconds=3_600, seed=seed) for seed in (1, 2))
    course = course_of((0, before), (24, after))
    assert [course.parameters_of_day(day).seed for day in range(4)] == [1, 1, 2, 2]


def test_units_wanted_at_a_tick_are_told_up_to_what_their_column_holds() -> None:
    one, customers = np.ones(1), 700
    rules = demand.DemandRules(
        a_day=one, spread=0.0, day_spread=0.0, pull=one, is_open=one > 0, outside=0.0, elasticity=0.0, basket_paise=1.0,
        units=np.array([100]), unit_shares=one,
    )  # fmt: skip
    offers, stock = np.zeros((customers, 1), np.int64), np.full((customers, 1), 9, np.uint16)
    words = np.arange(customers, dtype=np.uint64)
    sold = demand.shop(1, rules, np.full(customers, 0.5), words, offers, stock, np.ones((customers, 1)))
    assert (sold.places.tolist(), sold.units.tolist(), sold.wanted.tolist()) == ([0], [9], [65_535])


def test_any_gap_is_a_wide_one_where_the_width_is_nothing() -> None:
    base, by_gap = np.full(3, 0.5), np.full(3, 2.0)
    rates = repricing.hazard(base, by_gap, np.array([0.0, -1e-9, 0.05]), np.array([0.0, 0.0, 0.1]))
    assert rates.tolist() == [0.5, 2.5, 1.0]


def test_a_group_without_a_width_of_gap_keeps_the_default() -> None:
    gap = params.resolve("classic", {"repricing": {"gap": {"fruits": 0.3}}}).repricing.gap
    assert gap == dict.fromkeys(gap, 0.1) | {"fruits": 0.3}


@pytest.mark.parametrize(
    ("level", "spread", "warned"), [(1, 0.8, False), (8, 0.8, False), (100, 0.8, True), (40, 0, True), (1, 2.5, True)]
)
def test_customers_that_would_be_too_many_for_an_hour_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, level: float, spread: float, warned: bool
) -> None:
    crowd = {"level": level, "spread": spread}
    qsim.generate(tmp_path / "a", preset="realistic", products=12, demand=crowd)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warned
    qsim.generate(tmp_path / "b", preset="realistic", products=12, demand={"spread": spread})
    qsim.run(tmp_path / "b", ticks=1, demand={"level": level})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2 * warned and all("at most 63 of any come" in line for line in lines)


def test_inflation_takes_prices_and_costs_of_loose_goods_alike_and_leaves_those_with_a_printed_mrp(
    tmp_path: Path,
) -> None:
    none = dict.fromkeys(GROUPS, 0.0)
    costs = {"volatility": none, "pass_through": 1.0, "drift_percent_a_year": 100}
    qsim.generate(
        tmp_path / "m", preset="realistic", products=24, update_interval_seconds=86_400, calendar="none",
        cost=costs, shocks={"a_year": none}, truth=False,
    )  # fmt: skip
    qsim.run(tmp_path / "m", ticks=61)
    connection = qsim.connect(tmp_path / "m")
    rise = """SELECT avg(ln(regular_price / anchor_price)) FROM daily_prices JOIN listings USING (listing_id)
        JOIN products AS p ON p.product_id = listings.product_id WHERE day = '2026-03-02' AND p.is_loose = $1"""
    cost = """SELECT avg(ln(cost / unit_cost)) FROM orders JOIN listings USING (listing_id)
        JOIN products AS p ON p.product_id = listings.product_id WHERE ts >= '2026-03-01' AND p.is_loose = $1"""
    for loose, log, most in ((True, 60 / 365, 0.04), (False, 0.0, 0.02)):
        (price,), *_ = connection.execute(rise, [loose]).fetchall()
        (paid,), *_ = connection.execute(cost, [loose]).fetchall()
        assert abs(price - log) < most, loose
        assert abs(paid - log) < most, loose


@pytest.mark.parametrize(
    ("interval", "a_day", "warned"), [(7_200, 5.0, True), (3_600, 5.0, False), (7_200, 0.0, False)]
)
def test_ticks_longer_than_an_hour_are_warned_of_where_customers_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, interval: int, a_day: float, warned: bool
) -> None:
    customers = {"a_day": dict.fromkeys(GROUPS, a_day)}
    qsim.generate(tmp_path / "m", preset="realistic", products=12, update_interval_seconds=interval, demand=customers)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == warned and all(f"update_interval_seconds: found {interval}" in line for line in lines)


def test_costs_know_no_season(tmp_path: Path) -> None:
    # The same market half a year later: other weekdays, festivals and rain, the same costs by the market's days.
    for name, start in (("january", "2026-01-01"), ("july", "2026-07-01")):
        qsim.generate(tmp_path / name, preset="realistic", products=12, start=start)
        qsim.run(tmp_path / name, ticks=24 * 20, update_interval_seconds=3600)
    with qsim.connect(tmp_path / "january") as first, qsim.connect(tmp_path / "july") as second:
        query = "SELECT tick, listing_id, cost_part FROM truth WHERE cost_part <> 0"
        costs = [
            {(tick, listing): cost for tick, listing, cost in con.sql(query).fetchall()} for con in (first, second)
        ]
    shared = costs[0].keys() & costs[1].keys()
    assert len(shared) > 500
    assert all(costs[0][at] == costs[1][at] for at in shared)
