"""The SQL of the views of what a market is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from qsim.params import Parameters
from qsim.queries.texts import letters_of, quoted, rupees
from qsim.simulation import Course

_EPOCH = {
    "epoch": "INTEGER", "first_tick": "UINTEGER", "last_tick": "UINTEGER", "first_second": "BIGINT", "last_second": "BIGINT",
    "interval_seconds": "INTEGER", "scenario": "VARCHAR", "closed": ["VARCHAR"], "changes": "JSON",
}  # fmt: skip


def catalog_views() -> list[str]:
    """Views of what a market is made of."""
    return [
        f"""CREATE OR REPLACE VIEW platforms AS SELECT platform_id, platform, name, low_percent, high_percent,
            average_discount_percent, {rupees("delivery_fee_paise")} AS delivery_fee, {rupees("handling_fee_paise")} AS handling_fee,
            {rupees("free_delivery_from_paise")} AS free_delivery_from, {rupees("minimum_order_paise")} AS minimum_order,
            raw.is_open(platform, raw.head_tick()) AS is_open FROM raw.platforms""",
        "CREATE OR REPLACE VIEW categories AS SELECT * FROM raw.categories",
        "CREATE OR REPLACE VIEW brands AS SELECT * FROM raw.brands",
        """CREATE OR REPLACE VIEW calendar AS SELECT entry_id, name, date, days, from_hour, to_hour, city, demand, sales,
            (deeper_bps * 0.01)::DECIMAL(5, 2) AS deeper_pct FROM raw.calendar""",
        f"""CREATE OR REPLACE VIEW products AS SELECT product_id, product, brand, category, subcategory, pack, unit, pack_units,
            volatility_group, {rupees("base_price_paise")} AS base_price, {rupees("nullif(mrp_paise, 0)")} AS mrp, is_loose,
            is_active FROM raw.products""",
        f"""CREATE OR REPLACE VIEW raw.searchable AS
            SELECT product_id, {letters_of("product || ' ' || brand")} AS words FROM raw.products""",
        """CREATE OR REPLACE VIEW stores AS SELECT store_id, platform, city, pincode, area
            FROM raw.stores JOIN raw.platforms USING (platform_id)""",
        f"""CREATE OR REPLACE VIEW raw.goods AS SELECT product_id, product, brand, category, subcategory, volatility_group, pack,
            unit, pack_units, {rupees("nullif(mrp_paise, 0)")} AS mrp, is_loose, is_active, mrp_discount_bps FROM raw.products""",
        """CREATE OR REPLACE VIEW raw.doors AS SELECT store_id, platform, city, pincode
            FROM raw.stores JOIN raw.platforms USING (platform_id)""",
        """CREATE OR REPLACE VIEW raw.named AS SELECT * EXCLUDE (platform_id, stock)
            FROM raw.listings JOIN raw.goods USING (product_id) JOIN raw.doors USING (store_id)""",
        f"""CREATE OR REPLACE VIEW listings AS SELECT listing_id, product_id, platform, store_id, city, pincode,
            {rupees("anchor_price_paise")} AS anchor_price, {rupees("unit_cost_paise")} AS unit_cost, mrp FROM raw.named""",
        """CREATE OR REPLACE VIEW campaigns AS SELECT campaign_id, campaign, kind, platform, category,
            second_time(starts_second) AS starts_at, CASE WHEN repeat_seconds = 0 THEN second_time(ends_second) END AS ends_at,
            duration_seconds, repeat_seconds,
            CASE WHEN raw.head_second() >= ends_second THEN 'past'
                 WHEN raw.head_second() >= starts_second AND duration_seconds > CASE WHEN repeat_seconds > 0
                      THEN (raw.head_second() - starts_second) % repeat_seconds ELSE raw.head_second() - starts_second END
                 THEN 'running'
                 ELSE 'coming' END AS status, units_per_listing
            FROM raw.campaigns JOIN raw.platforms USING (platform_id)""",
    ]


def epochs_view(course: Course) -> str:
    """The view of what ticks ran under, with what changed from one epoch to the next."""
    rows = [
        {
            "epoch": at,
            # The opening is nobody's tick; it is told with the first.
            "first_tick": epoch.tick + 1 if at else 0,
            "last_tick": following and following.tick,
            "first_second": epoch.second,
            "last_second": following and following.second,
            "interval_seconds": epoch.interval,
            "scenario": parameters.scenario or None,
            "closed": parameters.demand.closed,
            "changes": _changes(course.parameters[at - 1], parameters) if at else {},
        }
        for at, (epoch, following, parameters) in enumerate(
            zip(course.epochs, [*course.epochs[1:], None], course.parameters, strict=True)
        )
    ]
    told = f"unnest(from_json({quoted(json.dumps(rows))}, {quoted(json.dumps([_EPOCH]))}))"
    return f"""CREATE OR REPLACE VIEW epochs AS SELECT e.epoch, e.first_tick, e.last_tick, second_time(e.first_second) AS starts_at,
        second_time(e.last_second) AS ends_at, e.interval_seconds, e.scenario, e.closed, e.changes FROM (SELECT {told} AS e)"""


def _leaves(values: Mapping[str, Any], inside: str = "") -> dict[str, Any]:
    """Name the values of nested tables by the way to each, with dots."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _leaves(value, f"{inside}{key}.") if isinstance(value, Mapping) else {f"{inside}{key}": value}
    return found


def _changes(before: Parameters, after: Parameters) -> dict[str, list[Any]]:
    # Writing all parameters out takes longer than making all other views, at every commit that a connection moves on to.
    unlike = {name for name in Parameters.model_fields if getattr(before, name) != getattr(after, name)}
    was, now = (_leaves(one.model_dump(include=unlike)) for one in (before, after))
    return {key: [was.get(key), now.get(key)] for key in {**was, **now} if was.get(key) != now.get(key)}
