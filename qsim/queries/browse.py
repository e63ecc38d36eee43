"""What is asked of a market that is at hand: where it stands, its products, their prices now and at any tick, what happened.

Each takes a reading and plain values, and gives dictionaries and lists ready for JSON: rupees, percent, times in India.
"""

from __future__ import annotations

from typing import Any

from qsim.errors import UsageError
from qsim.queries import questions
from qsim.queries.connection import rows_of
from qsim.queries.names import has_stems, stems_of
from qsim.queries.questions import plain
from qsim.queries.served import Reading
from qsim.queries.texts import quoted
from qsim.schema import EVENTS

_FILES_AT_ONCE = 64
# The columns of prices that all listings of a product share.
_FACTS = (
    "product_id", "product", "brand", "category", "subcategory", "pack", "unit", "is_loose", "is_active", "volatility_group",
)  # fmt: skip


def place(reading: Reading, tick: int | None = None) -> dict[str, Any]:
    """Give the commit that an answer is of, and the tick that it is as of, with its market time."""
    moment = reading.moment
    tick = moment.tick if tick is None else tick
    return {"commit": moment.commit, "tick": tick, "market_time": moment.time_of(tick)}


def status(reading: Reading) -> dict[str, Any]:
    """Tell where a market stands and what it is made of."""
    moment = reading.moment
    rows = rows_of(reading.connection, "SELECT platform, name FROM platforms ORDER BY platform_id")
    shelves = rows_of(
        reading.connection,
        """SELECT category, list(DISTINCT subcategory ORDER BY subcategory) AS subcategories, count(*) AS products
            FROM products GROUP BY category ORDER BY category""",
    )
    counts = {name: moment.rows(name) for name in ("products", "stores", "listings", "campaigns", "events")}
    return {
        **place(reading),
        "start": moment.start.isoformat(),
        "interval_seconds": moment.epochs[-1].interval,
        "head": moment.log.head,
        "digest": f"{moment.log.digest:032x}",
        **counts,
        "platforms": rows,
        "categories": shelves,
    }


def products(
    reading: Reading, search: str | None, category: str | None, after: int, limit: int
) -> list[dict[str, Any]]:
    """Give the products after one by number, at most `limit`, that have the words of a text and are of a category.

    `category` is a category, a subcategory or a volatility group.
    """
    column, values = _shelf(reading, category)
    stems = stems_of(search or "")
    rows = rows_of(
        reading.connection,
        f"""SELECT product_id, product, brand, category, subcategory, pack, unit, mrp, is_loose, is_active, volatility_group
            FROM products JOIN raw.searchable USING (product_id) WHERE product_id > $1
            AND ($2::VARCHAR[] IS NULL OR list_contains($2::VARCHAR[], {column})) {has_stems(stems, 3)}
            ORDER BY product_id LIMIT {limit}""",
        [after, values, *stems],
    )
    return [plain(row) for row in rows]


def _shelf(reading: Reading, category: str | None) -> tuple[str, list[str] | None]:
    if category is None:
        return "category", None
    return questions.known_shelf(reading.connection, category)


def product(reading: Reading, number: int, tick: int | None) -> dict[str, Any]:
    """Give a product and all its listings' prices as of a tick (None is now); UsageError where there is none of that number."""
    _known(reading, number)
    rows = rows_of(
        reading.connection,
        f"SELECT * FROM {reading.prices(tick, number)} WHERE product_id = {number} ORDER BY listing_id",
    )
    facts = {name: rows[0][name] for name in _FACTS}
    prices = [plain({name: value for name, value in row.items() if name not in _FACTS}) for row in rows]
    return place(reading, tick) | {"product": plain(facts), "prices": prices}


def _known(reading: Reading, number: int) -> None:
    count = reading.moment.rows("products")
    if number >= count:
        raise UsageError(f"product {number}: this market has none; allowed are 0 to {count - 1}; correct the number")


def prices(
    reading: Reading, category: str | None, platform: str | None, tick: int | None, after: int, limit: int
) -> list[dict[str, Any]]:
    """Give the prices as of a tick (None is now) of the listings after one by number, at most `limit`."""
    column, values = _shelf(reading, category)
    chosen = None if platform is None else questions.check_platform(reading.connection, platform)
    where = "" if values is None else f"AND list_contains([{', '.join(map(quoted, values))}], {column})"
    if column == "volatility_group":
        where = f"AND product_id IN (SELECT product_id FROM products WHERE true {where})"
    rows = rows_of(
        reading.connection,
        f"""SELECT * FROM {reading.prices(tick)} WHERE listing_id > $1 AND ($2::VARCHAR IS NULL OR platform = $2) {where}
            ORDER BY listing_id LIMIT $3""",
        [after, chosen, limit],
    )
    return [plain(row) for row in rows]


def history(
    reading: Reading, number: int, platform: str | None, first: int, last: int, tick: int, listing: int, limit: int
) -> list[dict[str, Any]]:
    """Give the changes of a product's prices in the ticks first..last, newest first, at most `limit`.

    Only those that come after (tick, listing) in that order, which is after nothing where the tick is beyond all.
    """
    _known(reading, number)
    chosen = None if platform is None else questions.check_platform(reading.connection, platform)
    files = sorted(reading.moment.files(EVENTS, number, first, min(last, tick)), key=lambda file: -file.last)
    rows: list[dict[str, Any]] = []
    # The newest files first, and no more of them than are needed: a market that is followed live has many.
    for at in range(0, len(files), _FILES_AT_ONCE):
        if len(rows) < limit:
            rows += rows_of(
                reading.connection,
                f"""SELECT * EXCLUDE (product_id, product, category, subcategory, pack)
                    FROM {reading.history(number, files[at : at + _FILES_AT_ONCE])} WHERE tick BETWEEN {first} AND {last}
                    AND (tick < {tick} OR tick = {tick} AND listing_id < {listing}) AND ($1::VARCHAR IS NULL OR platform = $1)
                    ORDER BY tick DESC, listing_id DESC LIMIT {limit - len(rows)}""",
                [chosen],
            )
    return [plain(row) for row in rows]


def campaigns(reading: Reading, state: str | None, platform: str | None) -> list[dict[str, Any]]:
    """Give the campaigns, or those that are `past`, `running` or `coming`, or of a platform, with how many listings each prices."""
    chosen = None if platform is None else questions.check_platform(reading.connection, platform)
    rows = rows_of(
        reading.connection,
        """SELECT c.*, coalesce(lines, 0) AS listings FROM campaigns AS c LEFT JOIN
            (SELECT campaign_id, count(*) AS lines FROM raw.campaign_lines GROUP BY 1) USING (campaign_id)
            WHERE ($1::VARCHAR IS NULL OR status = $1) AND ($2::VARCHAR IS NULL OR platform = $2) ORDER BY campaign_id""",
        [state, chosen],
    )
    return [plain(row) for row in rows]


def metrics(reading: Reading, first: int, last: int, before: int, limit: int) -> list[dict[str, Any]]:
    """Give what each of the ticks first..last took up and changed, newest first, at most `limit` ticks before a tick."""
    rows = rows_of(
        reading.connection,
        f"""SELECT tick, ts, sum(attempted)::BIGINT AS attempted, sum(changed)::BIGINT AS changed FROM metrics
            WHERE tick BETWEEN {first} AND {min(last, before - 1)} GROUP BY tick, ts ORDER BY tick DESC LIMIT {limit}""",
    )
    return [plain(row) for row in rows]
