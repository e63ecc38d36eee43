"""What is asked of a market that is at hand: where it stands, its products, one product's prices. Rows ready for JSON."""

from __future__ import annotations

from typing import Any

from qsim.queries.connection import rows_of
from qsim.queries.questions import plain
from qsim.queries.served import Reading


def place(reading: Reading) -> dict[str, Any]:
    """Give the commit, tick and market time that an answer is of."""
    moment = reading.moment
    return {"commit": moment.commit, "tick": moment.tick, "market_time": moment.time_of(moment.tick)}


def status(reading: Reading) -> dict[str, Any]:
    """Tell where a market stands and how much it holds."""
    [row] = rows_of(
        reading.connection,
        """SELECT (SELECT count(*) FROM raw.products) AS products, (SELECT count(*) FROM raw.listings) AS listings,
            (SELECT count(*) FROM raw.stores) AS stores, (SELECT list(platform ORDER BY platform_id) FROM platforms) AS platforms,
            (SELECT list(DISTINCT category ORDER BY category) FROM products) AS categories""",
    )
    return place(reading) | {"head": reading.moment.head, "start": reading.moment.start} | row


def products(reading: Reading, search: str | None, category: str | None, after: int, limit: int) -> dict[str, Any]:
    """Give the products after one by number, `limit` of them, that have a text in their name and are of a category."""
    rows = rows_of(
        reading.connection,
        """SELECT product_id, product, brand, category, subcategory, pack, mrp, is_loose, is_active FROM products
            WHERE product_id > $1 AND ($2::VARCHAR IS NULL OR contains(lower(product), lower($2)))
                AND ($3::VARCHAR IS NULL OR category = $3 OR subcategory = $3)
            ORDER BY product_id LIMIT $4""",
        [after, search, category, limit + 1],
    )
    more = len(rows) > limit
    return place(reading) | {
        "rows": [plain(row) for row in rows[:limit]],
        "next": str(rows[limit - 1]["product_id"]) if more else None,
    }
