"""Small markets of the classic kind drawn by Hypothesis, and how two simulations of one are compared."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st

from qsim.params import GROUPS, Parameters
from qsim.simulation import Course
from tests.markets import Plan, Product, Simulated, course_of, parameters_of
from tests.reference import BLOCK_LISTINGS, DAY, Campaign

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
COMPARED = settings(deadline=None, print_blob=True, suppress_health_check=SLOW)


def examples(push: int, nightly: int) -> pytest.MarkDecorator:
    """Try a test on so many examples on each push, and on more on the nightly tier."""
    return pytest.mark.parametrize("examples", [push, pytest.param(nightly, marks=pytest.mark.nightly)])


PRICES = st.one_of(
    st.integers(1, 30), st.integers(1, 2_000_000), st.integers(2**20 - 3, 2**20 + 3), st.integers(2**20, 2**22)
)
CHANCES = st.sampled_from((0.0, 1.0, 0.05, 0.15, 0.5)) | st.floats(0, 1)
HUNDREDTHS = st.integers(1, 10_000).map(lambda value: value / 100)
BPS = st.integers(20, 50).map(lambda percent: percent * 100) | st.integers(1, 9_000)
INTERVALS = st.sampled_from((1, 5, 60, 1800, 3600, DAY)) | st.integers(1, DAY)
CLOCKS = st.sampled_from(("00:00", "06:00", "07:00", "09:00", "18:00", "20:00", "23:00", "24:00")) | st.builds(
    "{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59)
)
SHIFTS = st.sampled_from((2.0, -1.0, 0.5)) | st.integers(-5_000, 10_000).map(lambda value: value / 100)
CLASSIC_WINDOWS = {"07:00-09:00": 2, "18:00-20:00": 2, "23:00-06:00": -1}


@dataclass(frozen=True)
class Case:
    plan: Plan
    course: Course
    first: int
    cuts: list[int]
    highest_price: int


@st.composite
def windows(draw: st.DrawFn) -> dict[str, float]:
    pairs = st.tuples(CLOCKS, CLOCKS).filter(lambda pair: {*pair} != {"00:00", "24:00"} and pair[0] != pair[1])
    chosen = draw(st.lists(st.tuples(pairs, SHIFTS), max_size=4))
    return {f"{begin}-{end}": shift for (begin, end), shift in chosen}


@st.composite
def parameter_sets(draw: st.DrawFn, seed: int, products: int) -> Parameters:
    surge = sorted((draw(HUNDREDTHS), draw(HUNDREDTHS)))
    swings = st.sampled_from((0.0, 0.1, 0.8, 1.0, 5.0)) | st.floats(0, 5)
    return parameters_of(
        seed=seed,
        update_interval_seconds=draw(INTERVALS),
        batch_size=draw(st.integers(0, 2) | st.integers(0, products + 2)),
        max_price_change_percent=draw(st.sampled_from((0.01, 1, 15, 33.33, 50)) | st.integers(1, 50)),
        discount_probability=draw(CHANCES),
        discount_end_probability=draw(CHANCES),
        surge_probability=draw(CHANCES),
        surge_min_percent=surge[0],
        surge_max_percent=surge[1],
        surge_fee_rupees=draw(st.sampled_from((25, 0.01, 600))),
        reversion=draw(st.sampled_from((0.0, 0.1, 1.0)) | st.floats(0, 1)),
        category_volatility={group: draw(swings) for group in GROUPS},
        time_of_day=draw(st.just(CLASSIC_WINDOWS) | windows()),
    )


@st.composite
def product_lists(draw: st.DrawFn, platforms: list[int], total: int, size: int) -> list[Product]:
    """Some products, near the edges of their blocks of `size` or anywhere; all others of the market are inactive."""
    per = len(platforms)
    edges = [number for edge in range(0, total + 1, size) for number in range(edge - 3, edge + 3)]
    near = st.sampled_from([number for number in edges if 0 <= number < total])
    numbers = sorted(draw(st.sets(near | st.integers(0, total - 1), min_size=draw(st.integers(1, 6)), max_size=9)))
    found = []
    for number in numbers:
        anchors = draw(st.lists(PRICES, min_size=per, max_size=per))
        above = draw(st.none() | st.integers(0, 30))
        mrp = None if above is None else max(anchors) + max(anchors) * above // 100
        own = draw(st.lists(st.just(0) | BPS, min_size=per, max_size=per))
        found.append(Product(number, mrp, draw(st.integers(0, 5)), anchors, own))
    return found


@st.composite
def campaign_sets(draw: st.DrawFn, around: int, interval: int) -> dict[int, Campaign]:
    """Up to three campaigns that start, end and start again near the market second `around`."""
    near = st.tuples(st.integers(-20, 15), st.integers(-1, 1)).map(lambda pair: pair[0] * interval + pair[1])
    spells = st.tuples(st.integers(0, 9), st.integers(0, 1)).map(lambda pair: max(1, pair[0] * interval + pair[1]))
    chosen = {}
    for number in range(1, draw(st.sampled_from((0, 1, 2, 3))) + 1):
        starts, duration = around + draw(near), draw(spells)
        repeat = draw(st.just(0) | spells)
        chosen[number] = Campaign(starts, duration, repeat, starts + draw(st.just(10**9) | spells))
    return chosen


@st.composite
def cases(draw: st.DrawFn) -> Case:
    seed = draw(st.integers(0, 2**63 - 1))
    note(f"seed {seed}")
    platforms = draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    size = BLOCK_LISTINGS // len(platforms)
    total = draw(st.sampled_from((9, size, 2 * size + 2, 3 * size)))
    products = draw(product_lists(platforms, total, size))
    parameters = [draw(parameter_sets(seed, len(products))) for _ in range(draw(st.integers(1, 2)))]
    interval = parameters[0].update_interval_seconds
    around = draw(st.sampled_from((0, 6, 7, 9, 18, 20, 23, 24))) * 3600 + draw(st.integers(0, 400)) * DAY
    first = max(0, around // interval - draw(st.integers(0, 12)))
    ticks = draw(st.sampled_from((1, 5, 12, 25, 40)) | st.integers(1, 40))
    cuts = sorted({first + ticks, *draw(st.lists(st.integers(first + 1, first + ticks), max_size=2))})
    campaigns = draw(campaign_sets(first * interval, interval))
    ids = [product.number * len(platforms) + place for product in products for place in range(len(platforms))]
    keys = st.tuples(st.sampled_from(sorted(campaigns) or [0]), st.sampled_from(ids))
    lines = draw(st.dictionaries(keys, BPS, min_size=min(3, len(ids)), max_size=12)) if campaigns else {}
    plan = Plan(products, total, platforms, campaigns, [(*key, bps) for key, bps in lines.items()])
    course = course_of(*zip((0, draw(st.integers(first, first + ticks)) or 1), parameters, strict=False))
    return Case(plan, course, first, cuts, draw(st.sampled_from((1, 1_000, 20_000))))


def assert_same(one: Simulated, other: Simulated) -> None:
    for number in range(len(one.blocks)):
        for name in ("events", "discounts", "metrics"):
            assert one.rows(name, number) == other.rows(name, number)
    for column, same in zip(one.columns().values(), other.columns().values(), strict=True):
        assert column.tolist() == same.tolist()
