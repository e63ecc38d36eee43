"""Category 4: stock and cost of every listing."""

from __future__ import annotations

from qsim.schema import INVENTORY_RULES
from qsim.validation.checks import Check, bounds, broken_rules, faults

_SHOWN = ("listing_id", "stock", "reserved", "reorder_level", "target_stock", "status")
# One listing in 20 is out of stock; counted in the 65,536 steps of the draw.
_OUT_SHARE = 3276 / 65536


def _rule(number: int, name: str) -> Check:
    return faults(
        f"4.{number}",
        f"For every listing, {name}.",
        broken_rules({name: INVENTORY_RULES[name]}, "inventory", _SHOWN),
    )


_FIRST_RULE = 11
CHECKS: tuple[Check, ...] = (
    faults(
        "4.1",
        "The inventory has exactly one row for each listing.",
        """SELECT listing_id, count(i.listing_id) AS rows FROM (SELECT listing_id FROM raw.listings) AS l
        FULL JOIN (SELECT listing_id FROM inventory) AS i USING (listing_id)
        GROUP BY listing_id, l.listing_id HAVING count(i.listing_id) <> 1 OR l.listing_id IS NULL""",
    ),
    bounds(
        "4.2",
        "One listing of goods on sale in 20 is out of stock.",
        "5 percent within four standard deviations",
        f"""SELECT 'out of stock, percent of ' || n AS what, 100 * share AS measured,
            100 * ({_OUT_SHARE} - checked.slack(n, {_OUT_SHARE})) AS low,
            100 * ({_OUT_SHARE} + checked.slack(n, {_OUT_SHARE})) AS high
        FROM (SELECT count(*) AS n, avg((stock = 0)::INTEGER) AS share FROM raw.listings JOIN raw.products USING (product_id)
              WHERE is_active)""",
    ),
    faults(
        "4.3",
        "Goods that are off sale hold no stock.",
        """SELECT listing_id, stock, reserved FROM raw.listings JOIN raw.products USING (product_id)
        WHERE NOT is_active AND stock + reserved > 0""",
    ),
    faults(
        "4.4",
        "A unit costs 70-92 % of the anchor, to the paisa.",
        """SELECT listing_id, anchor_price_paise, unit_cost_paise FROM raw.listings
        WHERE unit_cost_paise <> 1 AND (unit_cost_paise > anchor_price_paise * 0.92
            OR unit_cost_paise < floor(anchor_price_paise * 0.70))""",
    ),
    faults(
        "4.5",
        "Every unit costs less than its price level.",
        """SELECT listing_id, anchor_price_paise, unit_cost_paise FROM raw.listings
        WHERE unit_cost_paise < 1 OR (unit_cost_paise >= anchor_price_paise AND anchor_price_paise > 1)""",
    ),
    faults(
        "4.6",
        "What prices tell as in stock follows the stock.",
        """SELECT listing_id, p.stock, p.in_stock, i.stock AS inventory_stock FROM prices AS p
        JOIN inventory AS i USING (listing_id) WHERE p.stock <> i.stock OR p.in_stock <> (i.stock > 0)""",
    ),
    faults(
        "4.7",
        "Targets lie between 20 and 147 units.",
        "SELECT listing_id, target_stock FROM raw.listings WHERE target_stock NOT BETWEEN 20 AND 147",
        needs="NOT shelved",
    ),
    faults(
        "4.8",
        "The reorder level is a quarter of the target.",
        "SELECT listing_id, reorder_level, target_stock FROM raw.listings WHERE reorder_level <> target_stock // 4",
        needs="NOT shelved",
    ),
    bounds(
        "4.9",
        "Stock of what is there is spread evenly up to the target.",
        "mean share of the target within four standard errors of the draw's",
        """SELECT 'mean share of ' || count(*) || ' listings' AS what, avg((stock - 0.5) / target_stock) AS measured,
            0.525 - 4 * 0.275 / sqrt(count(*)) AS low, 0.525 + 4 * 0.275 / sqrt(count(*)) AS high
        FROM raw.listings WHERE stock > 0 HAVING count(*) > 0""",
        too_few="nothing is in stock",
    ),
    faults(
        "4.10",
        "At most three units of a listing are promised to open orders, and none where shelves are for days of demand.",
        """SELECT listing_id, reserved FROM raw.listings
        WHERE reserved > CASE WHEN (SELECT shelved FROM checked.laws WHERE epoch = 0) THEN 0 ELSE 3 END""",
    ),
    *(_rule(_FIRST_RULE + nth, name) for nth, name in enumerate(INVENTORY_RULES)),
)
