"""What tests of reports look up in a market: rows of a query, moves of regular prices, and the charts that a page draws."""

from __future__ import annotations

import re
from typing import Any

import duckdb


def fetched(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def moves_since(connection: duckdb.DuckDBPyConnection, tick: int) -> dict[str, tuple[float, int]]:
    """The sum of the squares of relative moves of regular prices after a tick, and how many there are, by group."""
    found = fetched(
        connection,
        f"""WITH told AS (SELECT listing_id, {tick} AS tick, regular_price_paise AS regular FROM raw.state_at({tick})
                UNION ALL SELECT listing_id, tick, regular_price_paise FROM raw.events WHERE tick > {tick})
            SELECT volatility_group, sum(change ** 2), count(*) FILTER (change <> 0) FROM (SELECT listing_id,
                regular / lag(regular) OVER (PARTITION BY listing_id ORDER BY tick) - 1 AS change FROM told)
            JOIN raw.listings USING (listing_id) JOIN raw.products USING (product_id)
            WHERE base_price_paise >= 2000 AND is_active GROUP BY ALL""",
    )
    return {group: (squares, count) for group, squares, count in found}


def drawn(text: str) -> list[str]:
    return re.findall(r'<svg [^>]*aria-label="([^"]*)"', text)
