"""Parameters that are fitted: moved towards the real figures and no further than these tell, named as sellers are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from qsim import params
from qsim.fitting import preset, refine, simulate
from qsim.fitting.figures import ALL, measure, measure_costs
from qsim.fitting.goods import goods_of
from qsim.fitting.preset import base_values
from qsim.fitting.spells import observe
from qsim.market.cost import CostPath, CostRules, extend
from tests.panels import panel_of as panel


def test_parameters_are_moved_towards_the_real_figures() -> None:
    v = [[10_000] * 10 + [8_000] * 3 + [10_000] * 30 + [11_000] * 7 for _ in range(40)]
    real = measure(panel(v), {})
    values = params.resolve("realistic").model_dump()
    still = measure(panel([[10_000] * 49 + [10_100] for _ in range(40)]), {})
    moved = refine.moved(values, real, still)
    assert moved["sales"]["share"] > values["sales"]["share"]
    assert moved["repricing"]["noise"]["other"] > values["repricing"]["noise"]["other"]
    assert refine.distance(real, real) == 0 < refine.distance(real, still)


def test_a_few_sales_by_chance_beside_none_are_no_great_distance() -> None:
    none = replace(measure(panel([[10_000] * 49 + [10_100] for _ in range(40)]), {}), sale_share=0.0)
    few, many = replace(none, sale_share=0.0005), replace(none, sale_share=0.06)
    assert refine.distance(none, few) < 0.05 < 0.4 < refine.distance(none, many)
    assert refine.distance(many, replace(none, sale_share=0.05)) == pytest.approx(math.log(65 / 55) / 4, rel=0.1)


def test_what_is_random_in_prices_and_what_costs_moved_by_are_moved_apart() -> None:
    values = params.resolve("realistic").model_dump()
    real = measure(panel([[10_000] * 49 + [10_100] for _ in range(40)]), {})
    of, to = (replace(real.pools[ALL], rate=0.1, size=0.05, reversal=reversal) for reversal in (-0.1, -0.4))
    plain, noisy = (replace(real, pools={ALL: pool}) for pool in (of, to))
    moved = refine.moved(values, plain, noisy)
    assert moved["repricing"]["noise"]["dairy"] < values["repricing"]["noise"]["dairy"]
    assert moved["cost"]["volatility"]["dairy"] > values["cost"]["volatility"]["dairy"]
    assert moved["repricing"]["gap"] == values["repricing"]["gap"]


def test_prices_that_jump_about_are_fitted_as_wildly_as_parameters_may_be() -> None:
    random = np.random.Generator(np.random.Philox(4))
    real = measure(
        panel((10_000 * np.exp(np.cumsum(random.normal(0, 0.5, (40, 60)), axis=1))).astype(int).tolist()), {}
    )
    levels = measure_costs(panel([[1_000] * 60] * 3), {}, 0.0)
    values = simulate.checked(preset.first_guess(real, levels, base_values("realistic")))
    still = measure(panel([[10_000] * 49 + [10_100] for _ in range(40)]), {})
    assert set(simulate.checked(refine.moved(values, real, still))["cost"]["volatility"].values()) == {1.0}


def test_laws_of_sales_are_moved_towards_the_real_ones() -> None:
    values = params.resolve("realistic").model_dump()
    still = measure(panel([[10_000] * 49 + [10_100] for _ in range(40)]), {})
    real = replace(still, days={2.0: 0.5, 7.0: 0.5}, depths={9.9: 1.0}, returned=0.7, together=0.2)
    made = replace(still, days={2.0: 0.2, 7.0: 0.8}, depths={10.2: 0.5, 20.0: 0.5}, returned=0.9, together=0.4)
    sales, moved = values["sales"], refine.moved(values, real, made)["sales"]
    assert moved["days"]["2"] / moved["days"]["7"] > 2 * sales["days"]["2"] / sales["days"]["7"]
    assert moved["depths"]["10"] / moved["depths"]["20"] > 2 * sales["depths"]["10"] / sales["depths"]["20"]
    assert sum(moved["days"].values()) == pytest.approx(1, abs=1e-3)
    assert moved["clearance"] > sales["clearance"]
    assert moved["shared_share"] < sales["shared_share"]


def test_a_simulated_panel_tells_what_the_real_one_tells() -> None:
    told = panel([[10_000] * 3 + [8_000] * 2 + [10_000] * 3])
    flags = np.where(told.price_paise == 8_000, 1, 0).astype(told.on_sale.dtype)
    flagged = replace(told, on_sale=flags, regular_paise=np.full_like(told.price_paise, 10_000))
    assert (simulate.told_as(flagged, told).on_sale == -1).all()
    assert (simulate.told_as(flagged, told).regular_paise == 0).all()
    assert (simulate.told_as(flagged, flagged).on_sale == flags).all()
    assert (simulate.told_as(flagged, flagged).regular_paise == 10_000).all()


@pytest.mark.parametrize(("days", "drift"), [(120, 5), (364, 5), (400, 20)])
def test_a_drift_is_told_by_a_year_of_prices_and_else_left_as_in_the_base(days: int, drift: float) -> None:
    rising = 10_000 * np.exp(np.arange(days) * 0.2 / 365)
    vegetables = panel([np.round(rising * (1 + part / 50)).astype(int).tolist() for part in range(8)])
    groups = dict.fromkeys(map(str, vegetables.item), "vegetables")
    figures = measure(vegetables, groups)
    guess = preset.first_guess(figures, measure_costs(vegetables, groups, 0.0), base_values("realistic"))
    assert guess["cost"]["drift_percent_a_year"] == pytest.approx(drift, abs=0.3)
    assert ("cost.drift_percent_a_year" in preset.left(figures, "realistic", days)) == (days < 365)


def test_a_group_that_rises_together_by_chance_is_no_drift() -> None:
    # Costs of a group wander together: by 20 % in this year, which each of its series tells, and 23 % is usual.
    random = np.random.default_rng(4)
    together = np.cumsum(random.normal(0, 0.012, 400))
    own = np.cumsum(random.normal(0, 0.012, (40, 400)), axis=1)
    vegetables = panel(np.round(10_000 * np.exp(together + own)).astype(int).tolist())
    groups = dict.fromkeys(map(str, vegetables.item), "vegetables")
    levels = measure_costs(vegetables, groups, 0.0)
    assert levels.drift is not None and abs(levels.drift) > 15
    assert levels.drift_se == pytest.approx(100 * 0.012 * math.sqrt(365), rel=0.35)
    guess = preset.first_guess(measure(vegetables, groups), levels, base_values("realistic"))
    assert guess["cost"]["drift_percent_a_year"] == 0


def test_a_supply_shock_is_fitted_with_the_size_that_made_it() -> None:
    base, none = base_values("realistic"), np.zeros(1)
    of = base["shocks"]
    rules = CostRules(2, 1, none, 150, 0.45, np.array([1 / 365]), 1.0, 0.0, of["ramp_days"], of["decay_days"])
    path = CostPath()
    extend(path, lambda day: rules, 400)
    assert len({int(number[0]) for number in path.shock_ids} - {0}) == 1
    passed_on = base["cost"]["pass_through"] * np.array(path.shared)[:, 0]
    vegetables = panel([np.round(10_000 * np.exp(passed_on + part / 50)).astype(int).tolist() for part in range(8)])
    groups = dict.fromkeys(map(str, vegetables.item), "vegetables")
    guess = preset.first_guess(measure(vegetables, groups), measure_costs(vegetables, groups, 0.0), base)
    assert guess["shocks"]["a_year"]["vegetables"] == pytest.approx(365 / 401, abs=0.01)
    assert guess["shocks"]["size"] == pytest.approx(1.0, abs=0.02)


def test_sellers_whose_names_are_alike_or_of_no_letters_keep_a_platform_each() -> None:
    rows = panel([[1000, 1100]] * 4, seller=["!", "Shop 2", "Ω", "ж"])
    made = preset.platforms(rows, measure(rows, {}), base_values("realistic"))
    assert made is not None and sorted(each["name"] for each in made.values()) == sorted(rows.seller.tolist())


def test_a_seller_called_all_is_a_platform_of_an_id_that_no_total_has() -> None:
    rows = panel([[1000, 1100]] * 3, seller=["All", "all", "Shop"])
    made = preset.platforms(rows, measure(rows, {}), base_values("realistic"))
    assert made is not None and sorted(made) == ["all_1", "all_2", "shop"]
    params.check({**base_values("realistic"), "platforms": made})


def test_a_sellers_name_is_written_as_a_platforms_is() -> None:
    rows = panel([[1000, 1100]] * 3, seller=["shop\n\x07 odd", "\t", "x" * 80])
    made = preset.platforms(rows, measure(rows, {}), base_values("realistic"))
    assert made is not None and {each["name"] for each in made.values()} == {"shop odd", "shop", "x" * 60}
    params.check({**base_values("realistic"), "platforms": made})


def test_price_points_are_those_of_the_base_where_all_is_on_sale_on_all_days() -> None:
    rows = panel([[1000, 1100] * 20] * 3, on_sale=[[1] * 40] * 3)
    figures = measure(rows, {})
    guess = preset.first_guess(figures, measure_costs(rows, {}, 0.0), base_values("realistic"))
    assert guess["price_points"]["packaged"] == base_values("realistic")["price_points"]["packaged"]
    values = simulate.checked(guess)
    moved = refine.moved(values, figures, measure(panel([[1000, 1100] * 20] * 3), {}))
    assert moved["price_points"]["packaged"] == values["price_points"]["packaged"]
    told = {row["parameter"] for row in preset.described(values, figures)}
    assert not any(name.startswith("price_points") for name in told)
    assert {"price_points.packaged", "price_points.loose"} <= set(preset.left(figures, "realistic", 40))


def test_the_mrp_of_a_product_list_lies_above_all_regular_prices_seen() -> None:
    rows = panel([[1000, 1000, 1400], [1000, 1000, 1400], [1000, 1000, 1000]], mrp=[[900] * 3, [2000] * 3, [0] * 3])
    assert goods_of(rows, observe(rows)[0], {})["mrp"].to_list() == [14.0, 20.0, 30.0]


def test_the_mrp_of_a_dear_product_is_the_highest_there_is() -> None:
    rows = panel([[1_500_000_000, 1_600_000_000]])
    assert goods_of(rows, observe(rows)[0], {}).select("price", "mrp").rows() == [(15_000_000.0, 21_474_836.47)]


def test_one_slip_of_the_decimal_point_leaves_the_size_of_changes_near_what_it_is() -> None:
    rows = [[10_000 + 500 * (day // 7 % 2) for day in range(70)] for _ in range(20)]
    right = measure(panel(rows), {}).pools[ALL].size
    rows[3][30] *= 1000
    assert measure(panel(rows), {}).pools[ALL].size == pytest.approx(right, rel=0.25)
