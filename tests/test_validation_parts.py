"""The parts of validation on their own: what a long history is sampled by, what checks of bounds tell, what epochs promise."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from qsim import params
from qsim.catalog import listings
from qsim.clock import Epoch
from qsim.params import Parameters
from qsim.simulation import Course
from qsim.validation import checks, inventory, laws, pricing, sampling

CLASSIC, REALISTIC = params.resolve("classic"), params.resolve("realistic")


def changed(parameters: Parameters, **changes: Any) -> Parameters:
    return parameters.model_copy(update=changes)


@pytest.mark.parametrize(
    ("events", "listings", "step"),
    [(0, 0, 1), (5_000_000, 2_000_000, 1), (5_000_001, 1, 2), (1, 2_000_001, 2), (50_000_000, 4_000_000, 10)],
)
def test_so_many_products_are_gone_on_by_that_the_budgets_hold(events: int, listings: int, step: int) -> None:
    assert sampling.product_step(events, listings) == step


@pytest.mark.parametrize(("listing_days", "step"), [(0, 1), (500_000, 1), (500_001, 2), (5_000_000, 10)])
def test_of_products_whose_days_are_looked_at_so_many_are_gone_on_by_that_the_budget_holds(
    listing_days: int, step: int
) -> None:
    assert sampling.day_step(listing_days) == step


@pytest.mark.parametrize(
    ("size", "active", "ticks"), [(0, 274, 1), (274, 274, 1), (300, 274, 1), (273, 274, 2), (50, 250, 5), (50, 251, 6)]
)
def test_a_round_is_over_when_every_product_had_its_turn(size: int, active: int, ticks: int) -> None:
    assert sampling.round_ticks(changed(CLASSIC, batch_size=size), active) == ticks


@pytest.mark.parametrize(
    ("start", "end", "rounds"), [(0.05, 0.15, 31), (0.4, 0.6, 1), (0, 0, None), (1, 1, None), (0.9, 0.9, 31)]
)
def test_a_discounts_beginning_is_forgotten_to_a_thousandth(start: float, end: float, rounds: int | None) -> None:
    chain = changed(CLASSIC, discount_probability=start, discount_end_probability=end)
    assert sampling.forgetting_rounds(chain) == rounds


def test_snapshots_are_chosen_so_far_apart_and_of_their_epoch() -> None:
    course = Course((Epoch(0, 0, 5), Epoch(100, 500, 5)), (CLASSIC, CLASSIC))
    ticks = [200, 0, 9, 10, 19, 20, 35, 100, 101, 110, 119, 120]
    assert sampling.spaced(ticks, course, 0, 10) == [10, 20, 35, 100]
    assert sampling.spaced(ticks, course, 1, 10) == [110, 120, 200]


def judged(*rows: tuple[float, float, float]) -> checks.Judgement:
    check = checks.bounds("0.0", "", "", "")
    columns = ("what", "measured", "low", "high")
    return check.judge([dict(zip(columns, (f"x{n}", *row), strict=True)) for n, row in enumerate(rows)], 0.0)


def test_of_values_within_their_bounds_the_one_nearest_to_leaving_them_is_told() -> None:
    assert judged((5, 0, 10), (1, 0, 10), (8, 0, 10)) == checks.Judgement(
        True, 1, "x0 5 (allowed 0 to 10); x1 1 (allowed 0 to 10); x2 8 (allowed 0 to 10)"
    )
    assert judged((5, 0, 10), (9.5, 0, 10), (1, 0, 10)).measured == 9.5


def test_of_values_beyond_their_bounds_the_first_is_told_and_these_alone() -> None:
    assert judged((5, 0, 10), (-1, 0, 10), (12, 0, 10)) == checks.Judgement(
        False, -1, "x1 -1 (allowed 0 to 10); x2 12 (allowed 0 to 10)"
    )


def test_a_bound_itself_is_allowed() -> None:
    assert judged((0, 0, 10), (10, 0, 10)).passed


def test_a_check_and_what_it_found_stay_as_they_were_made() -> None:
    with pytest.raises(FrozenInstanceError):
        checks.bounds("0.0", "", "", "").sampled = True  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        judged((0, 0, 10)).passed = False  # type: ignore[misc]


def test_bands_that_leave_no_room_for_a_spread_are_missed_24_times_once_in_a_thousand() -> None:
    assert pytest.approx(0.001) == (1 - pricing._OFTEN) ** 24


def test_listings_are_out_of_stock_in_as_many_steps_of_the_draw_as_the_catalog_says() -> None:
    assert inventory._OUT_SHARE == listings._SOLD_OUT_BELOW / 2**16


@pytest.mark.parametrize(("stores", "zone_sd", "zoned"), [(1, 0.02, False), (2, 0.02, True), (2, 0, False)])
def test_zones_are_promised_where_there_are_several_dark_stores_and_they_differ(
    stores: int, zone_sd: float, zoned: bool
) -> None:
    repricing = REALISTIC.repricing.model_copy(update={"zone_sd": zone_sd})
    parameters = changed(REALISTIC, stores=stores, repricing=repricing)
    course = Course((Epoch(0, 0, 5),), (parameters,))
    made = "\n".join(laws.tables(course))
    columns = made.partition("checked.laws (")[2].partition(")")[0].split(", ")
    row = made.partition("INSERT INTO checked.laws VALUES (")[2].partition(")")[0].split(", ")
    named = dict(zip((column.split()[0] for column in columns), row, strict=True))
    assert named["zoned"] == str(zoned).lower()


def test_customers_come_with_the_mean_of_their_units_and_of_the_squares_and_the_most() -> None:
    demand = REALISTIC.demand.model_copy(update={"units": {"1": 3.0, "3": 1.0}, "a_day": {"dairy": 7.0}})
    course = Course((Epoch(0, 0, 5),), (changed(REALISTIC, demand=demand),))
    assert "INSERT INTO checked.customers VALUES (0, 'dairy', 7.0, 1.5, 3.0, 3.0)" in laws.tables(course)
