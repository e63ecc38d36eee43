"""The four questions, what sales, shares and price levels came to, and data to estimate on, as SQL to copy: title and text by name.

It holds texts alone over the views that every connection has, for a user to change; each runs as it is on a generated
market, with any number of dark stores, and leaves out platforms that are closed. It refuses to hold what `questions` and
`basket` do beyond SQL: the reading of names and the exact basket.
"""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, str]] = {
    "cheapest": (
        "Where are onions cheapest now?",
        """SELECT product, pack, platform, city, price, unit_price, unit, discount_pct, surge_fee,
       rank() OVER (ORDER BY round(price / pack_units, 6)) AS rank
FROM prices JOIN (SELECT product_id, pack_units FROM products) USING (product_id)
WHERE regexp_matches(lower(product), '^onions?( -.*| [(].*)?$') AND in_stock AND is_active
  AND platform IN (SELECT platform FROM platforms WHERE is_open)
ORDER BY rank, price, platform""",
    ),
    "deals": (
        "What is 30 % off or more on Blinkit now?",
        """SELECT product, pack, regular_price, price, discount_pct, regular_price - price AS saved
FROM prices
WHERE platform = 'blinkit' AND discount_pct >= 30 AND surge_fee = order_fee AND price < regular_price AND in_stock AND is_active
  AND platform IN (SELECT platform FROM platforms WHERE is_open)
ORDER BY discount_pct DESC, saved DESC
LIMIT 20""",
    ),
    "compare": (
        "Who has the cheaper fruit, Zepto or Instamart?",
        """WITH fruit AS (
    SELECT *, store_id % (SELECT count(*) // count(DISTINCT platform) FROM stores) AS area FROM prices
    WHERE subcategory = 'Fruits' AND in_stock AND is_active AND platform IN (SELECT platform FROM platforms WHERE is_open))
SELECT z.product, z.pack, z.pincode, z.price AS zepto, i.price AS instamart, i.price - z.price AS gap,
       CASE WHEN z.price < i.price THEN 'zepto' WHEN z.price > i.price THEN 'instamart' ELSE 'tie' END AS winner
FROM fruit AS z JOIN fruit AS i ON i.product_id = z.product_id AND i.area = z.area
WHERE z.platform = 'zepto' AND i.platform = 'instamart'
ORDER BY z.product, z.pack, z.pincode, z.area""",
    ),
    "basket": (
        "The cheapest offer for each staple, and how far 1000 rupees go before fees",
        """WITH list(item, name) AS (VALUES
    (1, 'Onion'), (2, 'Potato'), (3, 'Tomato'), (4, 'Toned Milk'), (5, 'Curd'), (6, 'White Eggs'),
    (7, 'Iodised Salt'), (8, 'Sugar'), (9, 'Toor Dal'), (10, 'Basmati Rice'), (11, 'Sunflower Oil'),
    (12, 'Whole Wheat Atta')),
offers AS (
    SELECT item, name, product, pack, platform, price + surge_fee - order_fee AS price, unit_price
    FROM list JOIN prices ON lower(trim(replace(product, brand, ''))) = lower(name)
    WHERE in_stock AND is_active AND platform IN (SELECT platform FROM platforms WHERE is_open)
    QUALIFY row_number() OVER (PARTITION BY item ORDER BY price + surge_fee - order_fee, platform, listing_id) = 1)
SELECT name, product, pack, platform, price, spent
FROM (SELECT *, sum(price) OVER (ORDER BY item) AS spent FROM offers)
WHERE spent <= 1000
ORDER BY item""",
    ),
    "revenue": (
        "What did each platform sell and earn, and what share of the market is that?",
        """SELECT platform, sum(units) AS units, sum(revenue) AS revenue, sum(margin) AS margin,
       round(100 * sum(margin) / nullif(sum(revenue), 0), 1) AS margin_pct,
       round(100 * sum(revenue) / nullif(sum(sum(revenue)) OVER (), 0), 1) AS revenue_share_pct
FROM market_share
WHERE category = 'all'
GROUP BY platform
ORDER BY revenue DESC""",
    ),
    "margin": (
        "Which products earn most, and which are sold at a loss?",
        """SELECT product, sum(units) AS units, sum(revenue) AS revenue, sum(margin) AS margin,
       round(100 * sum(margin) / sum(revenue), 1) AS margin_pct
FROM orders
WHERE units > 0
GROUP BY product_id, product
ORDER BY margin DESC""",
    ),
    "share_by_day": (
        "How does the leading platform's share of revenue move from day to day, by category?",
        """SELECT day, category, platform, round(100 * revenue_share, 1) AS revenue_share_pct
FROM market_share
QUALIFY rank() OVER (PARTITION BY day, category ORDER BY revenue DESC) = 1
ORDER BY category = 'all' DESC, category, day""",
    ),
    "lost_sales": (
        "What would have been bought, had it been in stock?",
        """SELECT platform, sum(wanted_units) AS wanted, sum(lost_units) AS lost,
       round(100 * sum(lost_units) / nullif(sum(wanted_units), 0), 1) AS lost_pct, sum(gained_units) AS gained_from_others
FROM demand_truth
GROUP BY platform
ORDER BY lost DESC""",
    ),
    "inflation": (
        "How far have prices gone since the first day, by category?",
        """SELECT category, round(jevons - 100, 2) AS jevons_pct, round(fisher - 100, 2) AS fisher_pct
FROM price_index
WHERE platform = 'all' AND day = (SELECT max(day) FROM price_index)
ORDER BY category = 'all' DESC, category""",
    ),
    "why": (
        "Why did the price of onions change? Each change after a listing's first by its parts, rupees, and whom it answers or follows",
        """WITH changes AS (
    SELECT ts, listing_id, cause, source_listing_id, price, price - lag(price) OVER earlier AS change,
           cost_part - lag(cost_part) OVER earlier AS cost, noise_part - lag(noise_part) OVER earlier AS late_or_random,
           discount_part - lag(discount_part) OVER earlier AS sale, campaign_part - lag(campaign_part) OVER earlier AS campaign,
           surge_part - lag(surge_part) OVER earlier AS surge, rival_part - lag(rival_part) OVER earlier AS rival,
           time_of_day_part - lag(time_of_day_part) OVER earlier AS time_of_day,
           zone_part + rounding_part - lag(zone_part + rounding_part) OVER earlier AS zone_and_rounding
    FROM truth JOIN listings USING (listing_id) JOIN products USING (product_id)
    WHERE product = 'Onion'
    WINDOW earlier AS (PARTITION BY listing_id ORDER BY tick))
SELECT ts, l.platform, cause, nullif(s.platform, l.platform) AS after_platform, price, change, cost, late_or_random, sale,
       campaign, surge, rival, time_of_day, zone_and_rounding
FROM changes AS c JOIN listings AS l USING (listing_id) JOIN listings AS s ON s.listing_id = c.source_listing_id
WHERE change <> 0
ORDER BY ts DESC, listing_id""",
    ),
    "panel": (
        "What was wanted and sold of each listing on each day, and what moved it? A panel to forecast on",
        """WITH festivals AS (
    SELECT day, store_id, string_agg(DISTINCT name, ', ' ORDER BY name) AS festivals
    FROM (SELECT DISTINCT day FROM daily_prices), (SELECT *, unnest(range(days))::INTEGER AS later FROM calendar) AS c, stores AS s
    WHERE strftime(day - later, '%Y-%m-%d') LIKE replace(date, '*', '%') AND c.city IN ('', s.city)
    GROUP BY day, store_id)
SELECT p.*, EXISTS (FROM discounts AS d WHERE d.listing_id = p.listing_id AND d.campaign_id IS NOT NULL
           AND n.noon >= d.starts_at AND n.noon < d.ends_at) AS in_campaign,
       coalesce(festivals, '') AS festivals, coalesce(t.wanted_units, 0) AS wanted_units, coalesce(t.units, 0) AS units,
       coalesce(t.lost_units, 0) AS lost_units
FROM daily_prices AS p
JOIN (SELECT day, tick_time(tick_at(day + INTERVAL 12 HOUR)) AS noon FROM (SELECT DISTINCT day FROM daily_prices)) AS n USING (day)
LEFT JOIN festivals USING (day, store_id) LEFT JOIN demand_truth AS t USING (day, listing_id)
ORDER BY listing_id, day""",
    ),
    "choices": (
        "Among which prices and order fees did customers choose? Every offer at each tick with customers, to estimate elasticities on:"
        " units, of which a customer wants one or more",
        """WITH areas AS (
    SELECT store_id, store_id % (SELECT count(*) // count(DISTINCT platform) FROM stores) AS area FROM stores),
asked AS (
    SELECT DISTINCT tick, product_id, area FROM orders JOIN areas USING (store_id) WHERE wanted_units > 0),
shown AS (
    SELECT tick, listing_id, price_after AS price FROM price_history
    UNION ALL SELECT tick, listing_id, price FROM snapshots WHERE tick = 0)
SELECT a.tick, a.product_id, l.pincode, a.area, l.listing_id, l.platform, s.price,
       coalesce(f.fee, 0) AS order_fee, coalesce(o.wanted_units, 0) AS wanted_units
FROM asked AS a JOIN (FROM listings JOIN areas USING (store_id)) AS l USING (product_id, area)
ASOF JOIN shown AS s ON s.listing_id = l.listing_id AND a.tick > s.tick
ASOF LEFT JOIN fees AS f ON f.store_id = l.store_id AND a.tick >= f.tick
LEFT JOIN orders AS o ON o.tick = a.tick AND o.listing_id = l.listing_id
WHERE raw.is_open(l.platform, a.tick)
ORDER BY a.tick, l.listing_id""",
    ),
}
