"""Days on which more or fewer customers come than the mean: of a product in an area, and of a city."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import qsim
from qsim import hours, params, rulebook
from qsim.arrays import F64

_EVEN = {"hours": [1.0] * 24, "weekdays": [1.0] * 7, "spread": 0.0, "units": {"1": 1.0}}
_STEADY = {"demand": {**_EVEN, "day_spread": 0.0, "city_spread": 0.0}, "weather": {"rainy_days": [0.0] * 12}}


def loads(spread: float) -> F64:
    """The loads of two cities in the hours of 400 days, float64[days, 24, 2]."""
    of = params.resolve("realistic", _STEADY, {"demand": {"city_spread": spread}})
    made = hours.hours(of, (), ("Delhi", "Pune"), 0, 400 * 24 - 1)
    return np.array([hour.demand for hour in made.values()]).reshape(400, 24, 2)


def test_the_customers_of_a_city_differ_from_day_to_day_by_its_spread_and_stay_so_all_day() -> None:
    found = loads(0.2)
    assert (found == found[:, :1]).all()
    logs = np.log(found[:, 0])
    assert logs.std(axis=0) == pytest.approx([0.2, 0.2], abs=4 * 0.2 / np.sqrt(800))
    assert found[:, 0].mean(axis=0) == pytest.approx([1, 1], abs=4 * 0.2 / np.sqrt(400))
    assert abs(np.corrcoef(logs.T)[0, 1]) < 4 / np.sqrt(400)
    assert (loads(0.0) == 1).all()


def test_the_customers_of_a_product_in_an_area_differ_from_day_to_day_by_their_spread_alone() -> None:
    rules = rulebook.live_rules(params.resolve("realistic", {"demand": {"day_spread": 0.4}}))
    assert rules is not None
    found = np.array([rules.demand.of_day(7, day, np.arange(500)) for day in range(40)])
    assert np.log(found).std() == pytest.approx(0.4, abs=4 * 0.4 / np.sqrt(2 * found.size))
    assert found.mean() == pytest.approx(1, abs=4 * 0.4 / np.sqrt(found.size))
    assert abs(np.corrcoef(found[:-1].ravel(), found[1:].ravel())[0, 1]) < 4 / np.sqrt(found.size)


def test_each_platform_has_riders_of_its_own_on_a_day_and_fees_by_them() -> None:
    fees = {"capacity": 1.0, "riders_spread": 0.2, "rain_loss": 0.0, "rupees": [0.0, 10.0]}
    of = params.resolve("realistic", _STEADY, {"surge_fees": fees})
    found = hours.riders(of, np.arange(400 * 24), 2).reshape(400, 24, 2, 5)
    assert (found == found[:, :1]).all()
    logs = np.log(found[:, 0]).reshape(400, 10)
    assert logs.std() == pytest.approx(0.2, abs=4 * 0.2 / np.sqrt(2 * logs.size))
    assert np.abs(np.corrcoef(logs.T) - np.eye(10)).max() < 5 / np.sqrt(400)
    made = hours.hours(of, (), ("Delhi", "Pune"), 0, 400 * 24 - 1)
    charged = np.array([hour.fee_paise for hour in made.values()]).reshape(found.shape)
    assert (charged == np.where(found < 1, 1000, 0)).all()


def spread_of_days(market: Path, demand: Mapping[str, float]) -> float:
    """Beyond chance, the variance of a day's wanted units of a product in an area over the square of their mean."""
    config = {**_STEADY, "demand": {**_STEADY["demand"], "outside": 0.0, "elasticity": 0.0, **demand}}
    qsim.generate(market, preset="realistic", products=40, stores=2, seed=3, calendar="none", inactive_percent=0.0,
                  update_interval_seconds=3_600, config=config, truth=False)  # fmt: skip
    qsim.run(market, ticks=60 * 24)
    with qsim.connect(market) as connection:
        units = connection.sql("""SELECT category, sum(wanted_units) AS units FROM orders WHERE ts < TIMESTAMP '2026-03-02'
            GROUP BY category, product_id, store_id % 2, (tick - 1) // 24""").df()
    by_group = [part["units"].to_numpy().astype(float) for _, part in units.groupby("category")]
    found = [(one.var() - one.mean()) / one.mean() ** 2 for one in by_group]
    return float(np.average(found, weights=[len(one) for one in by_group]))


def test_what_is_wanted_in_a_day_varies_beyond_chance_as_the_spreads_say(tmp_path: Path) -> None:
    assert spread_of_days(tmp_path / "steady", {}) == pytest.approx(0, abs=0.02)
    assert spread_of_days(tmp_path / "uneven", {"day_spread": 0.4}) == pytest.approx(np.expm1(0.16), abs=0.05)
    assert spread_of_days(tmp_path / "city", {"city_spread": 0.4}) == pytest.approx(np.expm1(0.16), abs=0.08)
