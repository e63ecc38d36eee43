"""What guarded SQL is tried by: small limits, systems that have what a test needs, good queries, and all views."""

from __future__ import annotations

import sys

import pytest

from qsim.queries import sandbox
from qsim.queries.guard import Limits

LIMITS = Limits(seconds=20, memory_mb=256, threads=1)
confined = pytest.mark.skipif(sandbox.landlock_version() == 0, reason="this system has no Landlock")
linux = pytest.mark.skipif(sys.platform != "linux", reason="what Linux alone tells")
GOOD = """
SELECT platform, count(*) AS n, avg(discount_pct) AS mean FROM prices GROUP BY ALL ORDER BY ALL
FROM prices ORDER BY listing_id LIMIT 5
SELECT * FROM raw.events ORDER BY ALL LIMIT 5
SELECT * FROM memory.main.products AS p WHERE p.mrp IS NOT NULL ORDER BY product_id
SELECT * FROM prices_at(TIMESTAMP '2026-01-01 00:00:20') ORDER BY listing_id LIMIT 5
SELECT * FROM price_of((SELECT min(product) FROM products), TIMESTAMP '2026-01-01 00:00:20') ORDER BY listing_id
SELECT * FROM active_at(TIMESTAMP '2026-01-01 00:00:20') ORDER BY ALL
SELECT count(*) AS n FROM listing_volatility(DATE '2026-01-01', DATE '2026-01-02')
SELECT * FROM inventory_at(tick_time(3)) ORDER BY ALL LIMIT 3
SELECT tick_at(TIMESTAMP '2026-01-01 00:00:20') AS t, raw.second_of_tick(3) AS s
WITH a AS (FROM prices), b AS (FROM a WHERE price > 50) SELECT count(*) AS n FROM b JOIN a USING (listing_id)
WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) AS s FROM t
WITH prices AS (SELECT 1 AS price) SELECT * FROM prices
SELECT listing_id, rank() OVER (PARTITION BY platform ORDER BY price, listing_id) AS r FROM prices ORDER BY ALL LIMIT 9
SELECT product_id, lag(price) OVER w AS before FROM prices WINDOW w AS (ORDER BY listing_id) ORDER BY ALL LIMIT 5
SELECT * FROM (PIVOT prices ON platform IN ('zepto', 'blinkit') USING max(price) GROUP BY product) ORDER BY ALL
SELECT DISTINCT ON (platform) platform, price FROM prices ORDER BY platform, price, listing_id
SELECT price_history.* EXCLUDE (ts) REPLACE (price_after + 1 AS price_after) FROM price_history ORDER BY ALL LIMIT 4
SELECT COLUMNS('price') FROM prices ORDER BY listing_id LIMIT 2
SELECT p.product, s.area FROM prices p JOIN stores s USING (store_id) LEFT JOIN products USING (product_id) ORDER BY ALL LIMIT 3
SELECT * FROM prices p, LATERAL (SELECT p.price * 2 AS twice) ORDER BY listing_id LIMIT 2
SELECT * FROM range(3) AS r(i), generate_series(1, 2) AS g(j) ORDER BY ALL
SELECT unnest([1, 2]) AS u, [x * 2 FOR x IN [1, 2] IF x > 1] AS l, {'a': 1, 'b': [1.5]} AS s, MAP {1: 'x'} AS m
SELECT list_transform([1, 2], lambda x: x + 1) AS l, 'a'.upper() AS u, 'x' || 1 AS c, 7 // 2 AS d, 'ab' LIKE 'a%' AS k
SELECT 1.25::DECIMAL(9, 2) AS d, 17014118346046923173168730371588410 AS h, 'a'::BLOB AS b, INTERVAL 3 DAY AS i, TIME '10:01' AS t
SELECT DATE '2026-01-01' AS d, TIMESTAMPTZ '2026-01-01 00:00:00+05:30' AS z, '6f0f2ad2-5eb4-4fbe-8f0c-1f2b6e6a9a11'::UUID AS u, NULL
SELECT sum(units) AS s, 'inf'::DOUBLE AS i, true AS t FROM orders
SELECT CASE WHEN price > 100 THEN 'dear' ELSE 'cheap' END AS k, count(*) FILTER (in_stock) AS n FROM prices GROUP BY 1 ORDER BY 1
SELECT platform, category, count(*) AS n FROM prices GROUP BY ROLLUP (platform, category) HAVING count(*) > 1 ORDER BY ALL
SELECT price FROM prices WHERE price BETWEEN 10 AND 50 AND product IN (SELECT product FROM products) OR EXISTS (FROM stores) ORDER BY 1
SELECT strftime(updated_at, '%H:%M') AS t, date_trunc('day', updated_at) AS d, hour(updated_at) AS h FROM prices ORDER BY ALL LIMIT 2
SELECT product COLLATE nocase AS p, try_cast('x' AS INTEGER) AS x, try('x'::INTEGER) AS e FROM products ORDER BY ALL LIMIT 2
(SELECT 1 AS x UNION ALL SELECT 2) EXCEPT SELECT 2 ORDER BY 1
VALUES (1, 'a'), (2, 'b')
DESCRIBE prices
SUMMARIZE SELECT price FROM prices ORDER BY listing_id
SELECT 1 -- a comment at the end
SELECT quantile_cont(price, 0.5) AS q, string_agg(DISTINCT platform, ',' ORDER BY platform) AS s FROM prices
""".strip().splitlines()
VIEWS = """
products listings prices price_history discounts platforms stores campaigns inventory snapshots metrics platform_metrics
orders deliveries fees truth categories brands calendar daily_prices price_index volatility lowest_price_share
out_of_stock_rate discount_calendar market_share demand_truth
"""
