"""The four questions as SQL to copy: title and text by name, over the views that every connection has.

It holds texts alone, for a user to change; each runs as it is on a generated market. It refuses to hold what
the questions of `questions` and `basket` do beyond SQL: the reading of names and the exact basket.
"""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, str]] = {
    "cheapest": (
        "Where are onions cheapest now?",
        """SELECT product, pack, platform, city, price, unit_price, unit, discount_pct, surge_fee,
       rank() OVER (ORDER BY unit_price) AS rank
FROM prices
WHERE regexp_matches(lower(product), '^onions?( -.*| [(].*)?$') AND in_stock AND is_active
ORDER BY rank, price, platform""",
    ),
    "deals": (
        "What is 30 % off or more on Blinkit now?",
        """SELECT product, pack, regular_price, price, discount_pct, regular_price - price AS saved
FROM prices
WHERE platform = 'blinkit' AND discount_pct >= 30 AND surge_fee = 0 AND in_stock AND is_active
ORDER BY discount_pct DESC, saved DESC
LIMIT 20""",
    ),
    "compare": (
        "Who has the cheaper fruit, Zepto or Instamart?",
        """SELECT z.product, z.pack, z.pincode, z.price AS zepto, i.price AS instamart, i.price - z.price AS gap,
       CASE WHEN z.price < i.price THEN 'zepto' WHEN z.price > i.price THEN 'instamart' ELSE 'tie' END AS winner
FROM prices AS z JOIN prices AS i ON i.product_id = z.product_id AND i.pincode = z.pincode
WHERE z.platform = 'zepto' AND i.platform = 'instamart' AND z.subcategory = 'Fruits'
  AND z.in_stock AND i.in_stock AND z.is_active
ORDER BY z.product, z.pack""",
    ),
    "basket": (
        "The cheapest offer for each staple, and how far 1000 rupees go before fees",
        """WITH list(item, name) AS (VALUES
    (1, 'Onion'), (2, 'Potato'), (3, 'Tomato'), (4, 'Toned Milk'), (5, 'Curd'), (6, 'White Eggs'),
    (7, 'Iodised Salt'), (8, 'Sugar'), (9, 'Toor Dal'), (10, 'Basmati Rice'), (11, 'Sunflower Oil'),
    (12, 'Whole Wheat Atta')),
offers AS (
    SELECT item, name, product, pack, platform, price + surge_fee AS price, unit_price
    FROM list JOIN prices ON lower(trim(replace(product, brand, ''))) = lower(name)
    WHERE in_stock AND is_active
    QUALIFY row_number() OVER (PARTITION BY item ORDER BY price + surge_fee, platform, listing_id) = 1)
SELECT name, product, pack, platform, price, spent
FROM (SELECT *, sum(price) OVER (ORDER BY item) AS spent FROM offers)
WHERE spent <= 1000
ORDER BY item""",
    ),
}
