"""What a shopper saves by ordering from several platforms: the least that a list costs with one, two, and more of them.

It holds the comparison alone. It refuses to hold the optimum for given platforms, which is `optimum`'s, and the choice of
products, which is `offered`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Any

import duckdb

from qsim.queries import lists
from qsim.queries.offered import offered
from qsim.queries.optimum import SEARCH_PLATFORMS, Fees, Line, Plan, bought, one_app, split_over, worth

# Sets of platforms that are tried, at most: of eight platforms all of up to five.
_MOST_SETS = 250


def frontier(connection: duckdb.DuckDBPyConnection, items: Sequence[tuple[int, str]] | None = None) -> dict[str, Any]:
    """Tell for one platform, for two, and so on, what a list costs at least where no more may be ordered from; rupees.

    Bought is in every row of `plans` what the best single platform has (`items`; `missing` is the rest of the list), so that
    their totals compare. Fees are those of delivery, handling and an order's surge; `saving` is against the first row.
    The list is the built-in one of staples unless given as (quantity, name). `plans` is empty where no platform alone
    can take an order; UsageError where none takes any.
    """
    found = offered(connection, None if items is None else lists.checked(items))
    alone = one_app(found.lines, found.fees)
    kept = set() if alone is None else bought(alone)
    plans = [] if alone is None else [alone, *_splits([line for line in found.lines if line.name in kept], found.fees)]
    names = {
        is_kept: [name for at, (_, name) in enumerate(found.wanted) if (str(at) in kept) == is_kept]
        for is_kept in (True, False)
    }
    return {
        **{name: found.place[name] for name in ("city", "pincode")},
        "items": names[True],
        "missing": names[False],
        "plans": [_row(most, plan, plans[0]) for most, plan in enumerate(plans, start=1)],
    }


def _splits(lines: Sequence[Line], fees: Mapping[str, Fees]) -> Iterator[Plan]:
    """Give the best plans over at most two platforms, three, and so on, as far as their sets can be tried."""
    tried = len(fees)
    for most in range(2, min(len(fees), SEARCH_PLATFORMS) + 1):
        tried += comb(len(fees), most)
        if tried > _MOST_SETS:
            return
        yield min((split_over(lines, fees, names) for names in combinations(sorted(fees), most)), key=worth)


def _row(most: int, plan: Plan, alone: Plan) -> dict[str, Any]:
    paise = {"goods": plan.goods_paise, "fees": plan.fees_paise, "total": plan.total_paise}
    saving = alone.total_paise - plan.total_paise
    return {
        "most_platforms": most,
        "platforms": [order.platform for order in plan.orders],
        **{name: round(amount / 100, 2) for name, amount in paise.items()},
        "saving": round(saving / 100, 2),
        "saving_pct": round(100 * saving / alone.total_paise, 2) if alone.total_paise else 0.0,
    }
