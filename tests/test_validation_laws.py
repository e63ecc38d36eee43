"""What parameters promise of an epoch, and the laws of sales, shelves, fees and discounts that follow from them."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import pytest

from qsim.params import Parameters
from qsim.queries.connection import rows_of
from qsim.validation import laws
from tests.law_tables import CLASSIC, NEVER, REALISTIC, changed, course, laid


def promised(bare: duckdb.DuckDBPyConnection, *parameters: Parameters) -> dict[str, Any]:
    """What the last of some epochs promises."""
    made = [one for one in laws.tables(course(*parameters)) if "checked.laws " in one]
    return laid(bare, made, "laws")[-1]


IN_TURN = changed(REALISTIC, batch_size=0)
NOBODY = dict.fromkeys(REALISTIC.rivals.reactive, 0.0)
UNWATCHED = changed(REALISTIC, rivals={"known_share": 0.0})
WITH_RIVALS = changed(CLASSIC, rivals={"known_share": 0.9, "looks_a_day": 9.0, "reactive": REALISTIC.rivals.reactive})
APART = changed(REALISTIC, stores=2, repricing={"zone_sd": 0.02})
STYLES = REALISTIC.price_points.loose


@pytest.mark.parametrize(
    ("flag", "promises", "epochs"),
    [
        ("turns", True, [CLASSIC]),
        ("turns", True, [changed(CLASSIC, batch_size=0)]),
        ("turns", False, [REALISTIC]),
        ("turned", True, [IN_TURN]),
        ("turned", True, [changed(CLASSIC, batch_size=0), REALISTIC]),
        ("turned", False, [REALISTIC, REALISTIC]),
        ("turned", False, [REALISTIC, REALISTIC, changed(CLASSIC, batch_size=-1)]),
        ("live", False, [CLASSIC]),
        ("repriced", False, [CLASSIC]),
        ("repriced", True, [changed(CLASSIC, repricing={"a_day": {"dairy": 0.1}, "gap_a_day": {"dairy": 0.0}})]),
        ("repriced", True, [changed(CLASSIC, repricing={"a_day": {"dairy": 0.0}, "gap_a_day": {"dairy": 0.1}})]),
        ("pointed", True, [changed(REALISTIC, price_points={"packaged": {}, "loose": STYLES})]),
        ("pointed", True, [changed(REALISTIC, price_points={"packaged": STYLES, "loose": {}})]),
        ("pointed", False, [changed(REALISTIC, price_points={"packaged": {}, "loose": {}})]),
        ("pointed", False, [changed(CLASSIC, price_points={"packaged": {}, "loose": STYLES})]),
        ("timed", True, [changed(REALISTIC, discount_probability=0.2, discount_end_probability=0.2)]),
        ("timed", True, [changed(IN_TURN, discount_probability=0.0, discount_end_probability=0.0)]),
        ("timed", False, [changed(IN_TURN, discount_probability=0.2, discount_end_probability=0.2)]),
        ("timed", False, [changed(IN_TURN, discount_probability=0.2, discount_end_probability=0.0)]),
        ("timed", False, [changed(REALISTIC, sales={"share": 0.0})]),
        ("opened_by_law", True, [REALISTIC, CLASSIC]),
        ("opened_by_law", False, [CLASSIC, REALISTIC]),
        ("shelved", True, [REALISTIC, CLASSIC]),
        ("shelved", False, [CLASSIC, REALISTIC]),
        ("trades", True, [CLASSIC, changed(REALISTIC, demand={"a_day": {**NEVER, "dairy": 0.5}})]),
        ("trades", False, [REALISTIC, changed(REALISTIC, demand={"a_day": NEVER})]),
        ("told", True, [REALISTIC]),
        ("told", False, [changed(REALISTIC, truth=False)]),
        ("told", False, [changed(CLASSIC, truth=True)]),
        ("rivals", True, [changed(REALISTIC, rivals={"known_share": 0.25, "looks_a_day": 2.0})]),
        ("rivals", False, [UNWATCHED]),
        ("rivals", False, [changed(REALISTIC, rivals={"looks_a_day": 0.0})]),
        ("rivals", False, [changed(REALISTIC, rivals={"reactive": NOBODY})]),
        ("rivals", False, [WITH_RIVALS]),
        ("watched", True, [REALISTIC, UNWATCHED]),
        ("watched", False, [UNWATCHED, UNWATCHED]),
        ("watched", False, [WITH_RIVALS]),
        ("was_zoned", True, [APART, REALISTIC]),
        ("was_zoned", True, [APART]),
        ("was_zoned", False, [changed(APART, stores=1), REALISTIC]),
        ("was_zoned", False, [changed(REALISTIC, stores=2, repricing={"zone_sd": 0.0})]),
        ("zoned", False, [APART, changed(APART, repricing={"zone_sd": 0.0})]),
    ],
)  # fmt: skip
def test_an_epoch_has_what_its_parameters_or_those_before_give(
    bare: duckdb.DuckDBPyConnection, flag: str, promises: bool, epochs: list[Parameters]
) -> None:
    assert promised(bare, *epochs)[flag] is promises


def test_the_figures_of_an_epoch_are_those_of_its_parameters(bare: duckdb.DuckDBPyConnection) -> None:
    supply = {
        "least_days": 0.5,
        "wait_days": 0.3,
        "late": 0.25,
        "late_days": 1.5,
        "cover_days": [2.0, 7.0],
        "reorder": 0.4,
    }
    sales = {"share": 0.1, "shared_share": 0.6, "shared_spread": 0.7}
    first = changed(REALISTIC, supply=supply)
    later = changed(
        REALISTIC,
        sales=sales,
        demand={"spread": 0.4, "day_spread": 0.3, "basket_rupees": 250.0},
        cost={"drift_percent_a_year": 73.0},
        supply={**supply, "reorder": 0.9, "cover_days": [1.0, 9.0]},
    )
    found = promised(bare, first, later)
    # The wait is the sum of two exponential ones; a late delivery takes one more.
    spread = math.sqrt(2 * 0.09 + 0.25 * 1.75 * 2.25)
    wanted = {"joined": 0.6 * 0.7 * 0.9 * 4, "mean_days": 0.5 + 0.6 + 0.375, "sd_days": spread, "least_days": 0.5}
    wanted |= {"reorder": 0.4, "cover_low": 2.0, "cover_high": 7.0}
    wanted |= {"basket": 25_000, "drift": 0.002}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_each_epoch_that_posts_prices_by_other_rules_is_counted(bare: duckdb.DuckDBPyConnection) -> None:
    other = changed(REALISTIC, time_of_day_share=0.9)
    runs = [REALISTIC, REALISTIC, other, other, REALISTIC]
    assert [promised(bare, *runs[: n + 1])["posting"] for n in range(5)] == [0, 0, 1, 1, 2]


def test_laws_of_sales_and_points_are_shares_of_one(bare: duckdb.DuckDBPyConnection) -> None:
    points = {"packaged": {"nine": 3.0, "five": 1.0}, "loose": {}, "platforms": {"zepto": {"whole": 2.0}}}
    one = course(changed(REALISTIC, sales={"days": {"7": 3.0, "14": 1.0}, "depths": {}}, price_points=points))
    assert laid(bare, laws.tables(one), "sale_days") == [
        {"epoch": 0, "value": 7.0, "weight": 0.75}, {"epoch": 0, "value": 14.0, "weight": 0.25},
    ]  # fmt: skip
    assert rows_of(bare, "FROM checked.sale_depths") == []
    found = rows_of(bare, "FROM checked.points WHERE platform IN ('blinkit', 'zepto')")
    assert {tuple(row.values()) for row in found} == {
        (0, "blinkit", False, "nine", 0.75), (0, "blinkit", False, "five", 0.25), (0, "blinkit", True, "paise", 1.0),
        (0, "zepto", False, "whole", 1.0), (0, "zepto", True, "paise", 1.0),
    }  # fmt: skip


def test_shelves_and_fees_are_those_of_each_platform_and_level(bare: duckdb.DuckDBPyConnection) -> None:
    one = course(changed(REALISTIC, demand={"closed": ["zepto"]}, surge_fees={"rupees": [0.0, 12.5]}))
    found = laid(bare, laws.tables(one), "shelves")
    assert {row["platform"]: (row["closed"], row["reactive"]) for row in found} == {
        name: (name == "zepto", reactive) for name, reactive in REALISTIC.rivals.reactive.items()
    }
    assert rows_of(bare, "SELECT level, fee FROM checked.fee_levels ORDER BY level") == [
        {"level": 0, "fee": 0}, {"level": 1, "fee": 1250},
    ]  # fmt: skip


def test_discounts_to_the_mrp_are_those_that_have_a_share() -> None:
    kinds = REALISTIC.assortment.mrp.model_copy(update={"discounts": {"dairy": {"0": 0.5, "24.3": 0.5, "30": 0.0}}})
    assert laws.mrp_discounts(changed(REALISTIC, assortment={"mrp": kinds})) == [("dairy", 0), ("dairy", 2430)]
