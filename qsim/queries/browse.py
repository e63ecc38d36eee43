"""What is asked by SQL of a market that is at hand; `shown` has what is now, `past` what a product was.

Each takes a reading and plain values, and gives dictionaries and lists ready for JSON: rupees, percent, times in India.
"""

from __future__ import annotations

from typing import Any

from qsim.queries.connection import rows_of
from qsim.queries.known import check_platform, known_shelf
from qsim.queries.questions import plain
from qsim.queries.served import Reading


def prices_at(
    reading: Reading, category: str | None, platform: str | None, tick: int, after: int, limit: int
) -> list[dict[str, Any]]:
    """Give the prices as of a tick of the listings after one by number, at most `limit`."""
    known = reading.now.goods.known
    column, values = ("category", None) if category is None else known_shelf(known, category)
    chosen = None if platform is None else check_platform(known, platform)
    rows = rows_of(
        reading.connection,
        f"""SELECT * FROM {reading.prices(tick)} WHERE listing_id > $1 AND ($2::VARCHAR IS NULL OR platform = $2)
            AND ($4::VARCHAR[] IS NULL
                OR product_id IN (SELECT product_id FROM products WHERE list_contains($4::VARCHAR[], {column})))
            ORDER BY listing_id LIMIT $3""",
        [after, chosen, limit, values],
    )
    return [plain(row) for row in rows]


def campaigns(reading: Reading, state: str | None, platform: str | None) -> list[dict[str, Any]]:
    """Give the campaigns, or those that are `past`, `running` or `coming`, or of a platform, with how many listings each prices."""
    chosen = None if platform is None else check_platform(reading.now.goods.known, platform)
    rows = rows_of(
        reading.connection,
        """SELECT c.*, coalesce(lines, 0) AS listings FROM campaigns AS c LEFT JOIN
            (SELECT campaign_id, count(*) AS lines FROM raw.campaign_lines GROUP BY 1) USING (campaign_id)
            WHERE ($1::VARCHAR IS NULL OR status = $1) AND ($2::VARCHAR IS NULL OR platform = $2) ORDER BY campaign_id""",
        [state, chosen],
    )
    return [plain(row) for row in rows]
