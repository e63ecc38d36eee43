"""From an epoch's parameters to the rules that the kernel follows: by group and platform, in paise, basis points and rates a day."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

import numpy as np

from qsim import depths
from qsim.arrays import F64
from qsim.behaviour import GROUPS, STYLES
from qsim.market import pricing
from qsim.market.cost import CostRules
from qsim.market.demand import DemandRules
from qsim.market.rules import Rules
from qsim.market.stock import SupplyRules
from qsim.market.units import LiveRules, RivalRules
from qsim.money import PAISE_PER_RUPEE
from qsim.params import Parameters
from qsim.popularity import shares_of
from qsim.streams import threshold


def _cumulative(weights: Mapping[str, float]) -> F64:
    # Exact, since sums of floats round otherwise before Python 3.12 than from it on; so wherever weights are added.
    return np.cumsum(list(weights.values())) / max(fsum(weights.values()), 1e-300)


def _by_group(values: Mapping[str, float]) -> F64:
    return np.array([values[group] for group in GROUPS])


def cost_rules(parameters: Parameters) -> CostRules:
    """Turn an epoch's parameters into what costs follow."""
    costs, shocks = parameters.cost, parameters.shocks
    return CostRules(
        seed=parameters.seed,
        families=parameters.assortment.families,
        volatility=_by_group(costs.volatility),
        reversion_days=costs.reversion_days,
        shared=costs.shared,
        shocks_a_day=_by_group(shocks.a_year) / 365,
        shock_size=shocks.size,
        shock_sd=shocks.size_sd,
        ramp_days=shocks.ramp_days,
        decay_days=shocks.decay_days,
    )


def _rival_rules(parameters: Parameters) -> RivalRules:
    rivals = parameters.rivals
    return RivalRules(
        known_share=rivals.known_share,
        looks_a_day=rivals.looks_a_day,
        reactive=np.array([rivals.reactive.get(platform, 0.0) for platform in parameters.platforms]),
        tolerance=rivals.tolerance,
        undercut=rivals.undercut,
        floor=rivals.floor,
    )


def _demand_rules(parameters: Parameters) -> DemandRules:
    """Give how customers come and choose; who is closed leaves the pull of the others as it is."""
    demand = parameters.demand
    opened = np.array([platform not in demand.closed for platform in parameters.platforms])
    return DemandRules(
        a_day=_by_group(demand.a_day),
        spread=demand.spread,
        day_spread=demand.day_spread,
        pull=np.where(opened, shares_of(demand, parameters.platforms), 0.0),
        is_open=opened,
        outside=demand.outside / (1 - demand.outside),
        elasticity=demand.elasticity,
        basket_paise=demand.basket_rupees * PAISE_PER_RUPEE,
        units=np.array([int(units) for units in demand.units], np.int64),
        unit_shares=_cumulative(demand.units),
    )


def _supply_rules(parameters: Parameters) -> SupplyRules:
    supply = parameters.supply
    return SupplyRules(supply.least_days, supply.wait_days, supply.late, supply.late_days)


def lives(parameters: Parameters) -> bool:
    """Tell whether anything happens by rates: repricings, sales, customers."""
    repricing, points, sales, demand = (
        parameters.repricing,
        parameters.price_points,
        parameters.sales,
        parameters.demand,
    )
    rates = (repricing.a_day, repricing.gap_a_day, demand.a_day)
    return bool(points.packaged or sales.share or any(any(by_group.values()) for by_group in rates))


def sale_rates(parameters: Parameters) -> F64:
    """Give the rates a day at which sales begin of themselves at a unit off sale, float64[platforms], in proportion to the
    platforms' mean discounts, so that `share` of units are on sale in the long run: each begun sale takes
    shared_share x shared_spread x (platforms - 1) other units off sale with it.
    """
    sales, platforms = parameters.sales, parameters.platforms.values()
    means = np.array([platform.average_discount_percent for platform in platforms])
    lengths = np.array([float(days) for days in sales.days])
    # Exact, where a dot product of floats would differ in its last bit from processor to processor.
    mean_days = fsum(lengths * np.diff(_cumulative(sales.days), prepend=0)) if sales.days else 1.0
    joined = sales.shared_share * sales.shared_spread * (1 - sales.share) * (len(means) - 1)
    return np.asarray(sales.share / (mean_days * (1 - sales.share) * (1 + joined)) * means / means.mean())


def _styles(parameters: Parameters) -> F64:
    """Give cumulative shares of price styles, float64[platforms, packaged or loose, styles]; to the paisa where none is set."""
    points, plain = parameters.price_points, {style: float(style == "paise") for style in STYLES}
    return np.array(
        [
            [_cumulative(shares or plain) for shares in (points.platforms.get(platform, points.packaged), points.loose)]
            for platform in parameters.platforms
        ]
    )


def live_rules(parameters: Parameters) -> LiveRules | None:
    """Turn an epoch's parameters into the rules of happenings; None where nothing ever happens."""
    repricing, points, sales = parameters.repricing, parameters.price_points, parameters.sales
    if not lives(parameters):
        return None
    return LiveRules(
        seed=parameters.seed,
        families=parameters.assortment.families,
        pass_through=parameters.cost.pass_through,
        drift_a_day=parameters.cost.drift_percent_a_year / 100 / 365,
        base=_by_group(repricing.a_day),
        by_gap=_by_group(repricing.gap_a_day),
        width=_by_group(repricing.gap),
        noise=_by_group(repricing.noise),
        spread=repricing.spread,
        nine_stick=repricing.nine_stick,
        on_sale=repricing.on_sale,
        fresh=repricing.fresh,
        fresh_days=repricing.fresh_days,
        zone_sd=repricing.zone_sd,
        headroom=repricing.headroom,
        dynamic_share=parameters.time_of_day_share,
        styles=_styles(parameters),
        reach=points.reach,
        exact_sales=points.exact_sales,
        sale_rate=sale_rates(parameters),
        sale_days=np.array([float(days) for days in sales.days]),
        sale_day_shares=_cumulative(sales.days),
        sale_bps=depths.in_bps(sales.depths).astype(np.uint16),
        sale_bps_shares=_cumulative(sales.depths),
        clearance=sales.clearance,
        shared_share=sales.shared_share,
        shared_spread=sales.shared_spread,
        rivals=_rival_rules(parameters),
        demand=_demand_rules(parameters),
        supply=_supply_rules(parameters),
        truth=parameters.truth,
    )


def rules(parameters: Parameters, active_products: int, highest_price: int) -> Rules:
    """Turn an epoch's parameters into what the kernel needs."""
    bound = parameters.max_price_change_percent / 100
    means = [platform.average_discount_percent for platform in parameters.platforms.values()]
    surge_bps = (round(parameters.surge_min_percent * 100), round(parameters.surge_max_percent * 100))
    return Rules(
        seed=parameters.seed,
        batch_size=parameters.batch_size,
        active_products=active_products,
        bound=bound,
        swing=np.array([parameters.category_volatility[group] * bound for group in GROUPS]),
        powers=pricing.reversion(parameters.reversion, highest_price),
        discount_start=threshold(parameters.discount_probability),
        discount_end=threshold(parameters.discount_end_probability),
        depth_laws=np.stack([depths.depth_law(mean, parameters.deep_discount_percent) for mean in means]),
        surge=threshold(parameters.surge_probability),
        surge_bps=surge_bps,
        surge_fee=round(parameters.surge_fee_rupees * PAISE_PER_RUPEE),
        stores=parameters.stores,
        live=live_rules(parameters),
    )
