"""Category 5: the four sample questions and the reads of history, answered rightly and in good time.

Where a market has no onions, fruit or platform of a question's name, the question is asked about what there is.
"""

from __future__ import annotations

from qsim.validation.checks import Check, bounds, faults, question

_WORD = """(SELECT word FROM (
    SELECT 1 AS nth, 'onion' AS word WHERE EXISTS (SELECT 1 FROM prices WHERE product ILIKE '%onion%' AND in_stock AND is_active)
    UNION ALL (SELECT 2, product FROM prices WHERE in_stock AND is_active ORDER BY listing_id LIMIT 1)) ORDER BY nth LIMIT 1)"""
_GROUP = """(SELECT volatility_group FROM raw.named WHERE is_active GROUP BY volatility_group
    ORDER BY volatility_group = 'fruits' DESC, count(*) DESC, volatility_group LIMIT 1)"""


def _platform(wanted: str, otherwise: int) -> str:
    return f"""(SELECT platform FROM raw.platforms ORDER BY platform = '{wanted}' DESC, platform_id <> {otherwise} LIMIT 1)"""


_MOST_DISCOUNTED = """(SELECT platform FROM prices WHERE is_active GROUP BY platform
    ORDER BY (platform = 'blinkit' AND max(discount_pct) > 0) DESC, max(discount_pct) DESC, platform LIMIT 1)"""
_DEPTH = f"""(SELECT least(30, max(discount_pct)) FROM prices WHERE is_active AND platform = {_MOST_DISCOUNTED})"""

# Counted from what was sold and delivered, apart from the state that the question is asked of.
_SOLD_OUT = """
    SELECT 'nothing that is on sale is in stock' AS why WHERE NOT EXISTS (
        SELECT 1 FROM raw.listings JOIN raw.products USING (product_id)
        LEFT JOIN (SELECT listing_id, sum(units)::BIGINT AS sold FROM raw.orders GROUP BY ALL) USING (listing_id)
        LEFT JOIN (SELECT listing_id, sum(units)::BIGINT AS received FROM raw.deliveries GROUP BY ALL) USING (listing_id)
        WHERE is_active AND stock + coalesce(received, 0) - coalesce(sold, 0) > 0)"""
_REPLAY = """
    SELECT listing_id, max_by(after, (tick, cause)) AS after, max_by(regular, (tick, cause)) AS regular,
        max_by(discount, (tick, cause)) AS discount, max_by(surge, (tick, cause)) AS surge, max_by(fee, (tick, cause)) AS fee
    FROM checked.states WHERE tick <= getvariable('checked_past') GROUP BY listing_id"""
_PAST = "getvariable('checked_past')"
_VIEW_ROWS = {
    "platforms": "raw.platforms",
    "categories": "raw.categories",
    "brands": "raw.brands",
    "products": "raw.products",
    "stores": "raw.stores",
    "listings": "raw.listings",
    "inventory": "raw.listings",
    "prices": "raw.listings",
    "campaigns": "raw.campaigns",
    "price_history": "raw.events",
    "truth": "raw.events",
    "snapshots": "raw.snapshots",
    "metrics": "raw.metrics",
    "orders": "raw.orders",
    "deliveries": "raw.deliveries",
    "fees": "raw.fees",
}
_COUNTS = " UNION ALL ".join(
    f"SELECT '{view}' AS view_name, (SELECT count(*) FROM {view}) AS rows, (SELECT count(*) FROM {table}) AS wanted"
    for view, table in _VIEW_ROWS.items()
)

CHECKS: tuple[Check, ...] = (
    question(
        "5.1",
        "Which platform has the cheapest available onions now?",
        f"""SELECT product, pack, platform, price, unit_price FROM prices WHERE in_stock AND is_active
        AND contains(lower(product), lower({_WORD})) ORDER BY unit_price NULLS LAST, price, listing_id LIMIT 10""",
        otherwise=_SOLD_OUT,
    ),
    question(
        "5.2",
        "Which products have 30 % discount or more on Blinkit, else the deepest that there is?",
        f"""SELECT product, pack, platform, price, discount_pct FROM prices WHERE is_active
        AND platform = {_MOST_DISCOUNTED} AND discount_pct >= {_DEPTH} ORDER BY discount_pct DESC, listing_id""",
    ),
    question(
        "5.3",
        "How do fruit prices compare between Zepto and Instamart?",
        f"""SELECT a.product, a.pack, a.price AS first_price, b.price AS second_price FROM prices AS a JOIN prices AS b
        USING (product_id) JOIN raw.products AS g USING (product_id) WHERE a.is_active AND g.volatility_group = {_GROUP}
        AND a.platform = {_platform("zepto", 0)} AND b.platform = {_platform("instamart", 1)} ORDER BY product_id LIMIT 1000""",
    ),
    question(
        "5.4",
        "Which list of goods is to be had for ₹1,000?",
        """SELECT product, platform, price, total FROM (
            SELECT *, sum(price) OVER (ORDER BY discount_pct DESC, price, product_id) AS total FROM (
                SELECT product_id, min_by(product, price) AS product, min_by(platform, price) AS platform, min(price) AS price,
                    min_by(discount_pct, price) AS discount_pct
                FROM prices WHERE in_stock AND is_active GROUP BY product_id
                HAVING min(price) <= greatest(1000, (SELECT min(price) FROM prices WHERE in_stock AND is_active))))
        QUALIFY total <= greatest(1000, min(price) OVER ()) OR row_number() OVER (ORDER BY total) = 1""",
        otherwise=_SOLD_OUT,
    ),
    question(
        "5.5",
        "What did the market look like at a past tick?",
        f"SELECT count(*) AS listings, sum(price) AS total FROM prices_at(tick_time({_PAST})) HAVING count(*) > 0",
    ),
    question(
        "5.6",
        "How did one product's prices go?",
        """SELECT tick, platform, cause, price_after FROM price_history WHERE product_id = (SELECT product_id
            FROM raw.products WHERE is_active ORDER BY product_id LIMIT 1)
        UNION ALL SELECT 0, platform, 'opening', anchor_price FROM listings WHERE product_id = (SELECT product_id
            FROM raw.products WHERE is_active ORDER BY product_id LIMIT 1)""",
    ),
    question(
        "5.7",
        "What did one product cost at a past tick?",
        f"""SELECT platform, price, updated_at FROM price_of((SELECT product FROM raw.products WHERE is_active
            ORDER BY product_id LIMIT 1), tick_time({_PAST}))""",
    ),
    faults(
        "5.8",
        "The state as of a past tick is that of a full replay from tick 0.",
        f"""SELECT listing_id, s.price_paise, r.after AS replayed FROM raw.state_at({_PAST}) AS s
        SEMI JOIN checked.listings USING (listing_id) FULL JOIN ({_REPLAY}) AS r USING (listing_id)
        WHERE (s.price_paise, s.regular_price_paise, s.discount_bps, s.surge_bps, s.surge_fee_paise)
            IS DISTINCT FROM (r.after, r.regular, r.discount, r.surge, r.fee)""",
        sampled=True,
    ),
    faults(
        "5.9",
        "Prices as of the newest tick are the prices now.",
        """SELECT listing_id, n.price, p.price AS as_of_price FROM prices AS n
        FULL JOIN prices_at(tick_time(getvariable('checked_head'))) AS p USING (listing_id)
        WHERE (n.price, n.regular_price, n.discount_pct, n.surge_fee, n.updated_at)
            IS DISTINCT FROM (p.price, p.regular_price, p.discount_pct, p.surge_fee, p.updated_at)""",
    ),
    faults(
        "5.10",
        "The discounts told as active at a past tick are those that priced it.",
        f"""SELECT listing_id, s.discount_pct, d.deepest FROM prices_at(tick_time({_PAST})) AS s
        LEFT JOIN (SELECT listing_id, max(discount_pct) AS deepest FROM active_at(tick_time({_PAST})) GROUP BY listing_id) AS d
            USING (listing_id) WHERE is_active AND s.discount_pct <> coalesce(d.deepest, 0)""",
    ),
    bounds(
        "5.11",
        "Every view has as many rows as the table it shows.",
        "no row lost or doubled by a join",
        f"SELECT view_name AS what, rows AS measured, wanted AS low, wanted AS high FROM ({_COUNTS})",
    ),
    faults(
        "5.12",
        "Prices and discounts in rupees and percent are the paise and basis points of the state.",
        """SELECT listing_id, p.price, s.price_paise FROM prices AS p JOIN raw.state AS s USING (listing_id)
        WHERE p.price * 100 <> s.price_paise OR p.regular_price * 100 <> s.regular_price_paise
            OR p.discount_pct * 100 <> s.discount_bps""",
    ),
)
