"""What is asked of a market in a fresh process, and the long live run of small commits that comes before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb

import qsim
from qsim.queries import questions
from qsim.runs import recording, writing

_TOTALS = "platform, count(*) AS listings, avg(price) AS mean, min(price) AS lowest, max(price) AS highest"
_SQL = {
    "history of a product": """SELECT ts, platform, store_id, cause, price_before, price_after, discount_pct
        FROM price_history WHERE product_id = {product} ORDER BY ts, listing_id""",
    "prices as of a past tick": f"SELECT {_TOTALS} FROM prices_at(TIMESTAMP '{{ts}}') GROUP BY platform",
    "prices now": f"SELECT {_TOTALS} FROM prices GROUP BY platform",
    "top deals of a platform": """SELECT product, pack, store_id, price, regular_price, discount_pct FROM prices
        WHERE platform = '{platform}' AND in_stock ORDER BY discount_pct DESC, price LIMIT 20""",
}
_VALUES = {
    "product": "SELECT product_id FROM products WHERE is_active ORDER BY 1",
    "ts": "SELECT DISTINCT ts FROM metrics ORDER BY 1",
    "platform": "SELECT platform FROM platforms ORDER BY platform_id",
}


def live(market: str, commits: int, batch_size: int) -> dict[str, Any]:
    """Run a market on as a live run does: each tick is a commit of its own, and the states are kept at the end alone."""
    path = Path(market)
    with writing.locked(path):
        writer = writing.open_writer(path, 1)
        epoch = writing.change_parameters(writer, {"batch_size": batch_size})
        for number in range(commits):
            if number < commits - 1:
                # Taken for kept already, or every call would keep them.
                writer.kept = writer.tip.tick + 1
            recording.run_on(writer, 1, epoch)
            epoch = None
    return {"files": qsim.status(market)["files"]}


def _values(connection: duckdb.DuckDBPyConnection, turns: int) -> list[dict[str, Any]]:
    """Choose other values for each turn, evenly from all there are."""
    known = {name: [row[0] for row in connection.sql(sql).fetchall()] for name, sql in _VALUES.items()}
    return [
        {name: rows[(2 * turn + 1) * len(rows) // (2 * turns)] for name, rows in known.items()} for turn in range(turns)
    ]


def _milliseconds(ask: Callable[[], object]) -> float:
    began = perf_counter()
    ask()
    return 1000 * (perf_counter() - began)


def measure(market: str, turns: int) -> dict[str, Any]:
    """Ask each question in so many turns, each with other values, after a first time that does not count: milliseconds."""
    began = perf_counter()
    connection = qsim.connect(market)
    taken: dict[str, Any] = {"connect": [1000 * (perf_counter() - began)]}
    values = _values(connection, turns)
    for name, sql in _SQL.items():
        connection.sql(sql.format(**values[0])).fetchall()
        taken[name] = [_milliseconds(connection.sql(sql.format(**one)).fetchall) for one in values]
    questions.deals(connection, platform=values[0]["platform"])
    taken["qsim ask deals"] = [
        _milliseconds(lambda one=one: questions.deals(connection, platform=one["platform"])) for one in values
    ]
    return taken
