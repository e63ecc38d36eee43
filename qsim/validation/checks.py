"""What a check is: a number, a sentence, a query, and how its answer is judged; constructors of the three kinds.

Queries read the market's views and the tables that `prepared` lays out in the schema `checked`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qsim.queries.texts import quoted
from qsim.schema import Table

# What a check may need of a market: a condition on one of its epochs (columns of `checked.laws`), and what that says.
NEEDS = {
    "": "any market",
    "turns AND NOT live": "updates in turn, and nothing between turns",
    "NOT live": "prices to the paisa, as regular price and overlays give them",
    "live": "prices that move between turns",
    "repriced": "regular prices that are set anew by chance",
    "pointed": "price points",
    "timed": "sales that have a set end",
    "NOT opened_by_law": "an opening with the platforms' mean discounts",
    "opened_by_law": "an opening with sales by their law of depths",
    "NOT shelved": "shelves of any size",
    "shelved": "shelves for days of demand",
    "trades": "customers",
    "told": "the truth of its prices",
    "told AND rivals": "the truth of answers to rivals",
    "rivals": "platforms that watch each other",
    "EXISTS (FROM checked.stretches)": "ticks that were counted by platform and category",
}
CATEGORIES = {
    1: "Basic Data Integrity",
    2: "Pricing Data Quality",
    3: "Promotional Data",
    4: "Inventory Data",
    5: "Query Performance",
    6: "Time-based Variations",
}
SLOWEST_MS = 2_000.0
_EXAMPLE_LENGTH = 300

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Judgement:
    """What a check found: whether it passed, the measured value, and a detail."""

    passed: bool
    measured: Any
    detail: str = ""


@dataclass(frozen=True)
class Check:
    """A check as data; `judge` is given the query's rows and the milliseconds it took.

    `sampled` tells that in a very long history the check looks at every so many-th product only; `needs`, a key of
    `NEEDS`, to which markets the check applies: those with an epoch for which it holds. `otherwise` is a query that is
    asked where the answer is empty: its rows, which say why it may be, are then the answer.
    """

    number: str
    name: str
    query: str
    target: str
    judge: Callable[[Rows, float], Judgement]
    sampled: bool = False
    needs: str = ""
    otherwise: str = ""

    @property
    def category(self) -> str:
        """Name the check's category by the first figure of its number."""
        return CATEGORIES[int(self.number.partition(".")[0])]


def as_text(row: dict[str, Any]) -> str:
    """Write a row in one line."""
    return ", ".join(f"{name} {value}" for name, value in row.items())[:_EXAMPLE_LENGTH]


def _none_found(rows: Rows, _: float) -> Judgement:
    found, example = rows[0]["found"], rows[0]["example"]
    return Judgement(found == 0, found, f"for example {as_text(example)}" if found else "")


def faults(number: str, name: str, query: str, *, sampled: bool = False, needs: str = "") -> Check:
    """Make a check that passes when a query of faulty rows finds none."""
    counted = f"SELECT count(*) AS found, min(fault) AS example FROM ({query}) AS fault"
    return Check(number, name, counted, "0 faulty rows", _none_found, sampled, needs)


def _number(value: Any) -> Any:
    return value if isinstance(value, int) else round(float(value), 4)


def _within(too_few: str) -> Callable[[Rows, float], Judgement]:
    def judge(rows: Rows, _: float) -> Judgement:
        known = [row for row in rows if row["measured"] is not None]
        if not known:
            return Judgement(bool(too_few), None, too_few or "nothing could be measured")

        def excess(row: dict[str, Any]) -> float:
            measured, low, high = (float(row[name]) for name in ("measured", "low", "high"))
            return max(low - measured, measured - high)

        worst = max(known, key=excess)
        failing = [row for row in known if not row["low"] <= row["measured"] <= row["high"]]
        told = [
            f"{row['what']} {_number(row['measured'])} (allowed {_number(row['low'])} to {_number(row['high'])})"
            for row in failing or known
        ]
        shown = failing[0] if failing else worst
        return Judgement(not failing, _number(shown["measured"]), "; ".join(told)[: 2 * _EXAMPLE_LENGTH])

    return judge


def bounds(
    number: str, name: str, target: str, query: str, *, too_few: str = "", sampled: bool = False, needs: str = ""
) -> Check:
    """Make a check of rows (what, measured, low, high) that passes when each measured value lies within its bounds.

    `too_few` is the detail where nothing is there to measure; without it that is a failure.
    """
    return Check(number, name, query, target, _within(too_few), sampled, needs)


def _answered(rows: Rows, ms: float) -> Judgement:
    detail = f"{len(rows)} rows, the first: {as_text(rows[0])}" if rows else "the answer is empty"
    return Judgement(bool(rows) and ms < SLOWEST_MS, f"{ms:.1f} ms", detail)


def question(number: str, name: str, query: str, *, otherwise: str = "") -> Check:
    """Make a check that passes when a query is answered with at least one row in good time.

    `otherwise` is a query of a row that says why the answer may be empty, and of none where it may not.
    """
    target = f"an answer in less than {SLOWEST_MS:.0f} ms"
    return Check(number, name, query, target, _answered, otherwise=otherwise)


def broken_rules(rules: dict[str, str], source: str, shown: Sequence[str]) -> str:
    """Write a query of the rows of a view that break a named rule, with the rule's name and the columns `shown`."""
    broken = {name: f"({rule}) IS NOT TRUE" for name, rule in rules.items()}
    whens = " ".join(f"WHEN {test} THEN {quoted(name)}" for name, test in broken.items())
    return f"SELECT CASE {whens} END AS rule, {', '.join(shown)} FROM {source} WHERE {' OR '.join(broken.values())}"


def of_checked(table: str) -> str:
    """Write the rows of a table of history that belong to the listings looked at."""
    return f"(SELECT * FROM raw.{table} SEMI JOIN checked.listings USING (listing_id))"


def rows_of_table(table: Table) -> str:
    """Write where the rows of a table are read: events, discounts and snapshots only of the listings looked at."""
    return of_checked(table.name) if table.name in ("events", "discounts", "snapshots") else f"raw.{table.name}"
