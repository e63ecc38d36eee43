"""The past, read off the few rows that tell of it in history files: a product's changes, its prices as of a tick, counts of ticks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from qsim.queries.goods import Ints
from qsim.queries.known import check_platform
from qsim.queries.now import AFTER, MOVES, STATE, Now
from qsim.queries.shown import amounts, listings_of, places, product_in, rows_of
from qsim.schema import EVENTS, METRICS, SNAPSHOTS, Cause, Table
from qsim.storage import rows, tables
from qsim.storage.pieces import DataFile

_AMOUNTS = {
    "price_before": "price_before_paise", "price_after": "price_after_paise", "regular_price": "regular_price_paise",
    "discount_pct": "discount_bps", "surge_pct": "surge_bps", "surge_fee": "surge_fee_paise",
}  # fmt: skip
_CHANGE = ("tick", "ts", "listing_id", "platform", "store_id", "cause", *_AMOUNTS)
_CAUSES = {cause.value: cause.name.lower() for cause in Cause}


def history(
    now: Now, number: int, platform: str | None, first: int, last: int, tick: int, listing: int, limit: int
) -> list[dict[str, Any]]:
    """Give the changes of a product's prices in the ticks first..last, newest first, at most `limit`.

    Only those that come after (tick, listing) in that order, which is after nothing where the tick is beyond all.
    """
    listings, last = listings_of(now, number), min(last, tick)
    stores = now.goods.stores_of(None if platform is None else check_platform(now.goods.known, platform))
    parts: list[dict[str, Ints]] = []
    for part, later in _newest(now, EVENTS, listings, (first, last), ("cause", *_AMOUNTS.values())):
        here = np.isin(part["listing_id"] % now.goods.per, stores)
        here &= (part["tick"] < tick) | (part["listing_id"] < listing)
        parts.append({name: values[here] for name, values in part.items()})
        if sum(int((one["tick"] > later).sum()) for one in parts) >= limit:
            break
    return (
        _changes(now, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, limit)
        if parts
        else []
    )


def _changes(now: Now, found: dict[str, Ints], limit: int) -> list[dict[str, Any]]:
    order = np.lexsort((found["listing_id"], found["tick"]))[::-1][:limit]
    found = {name: values[order] for name, values in found.items()}
    ticks = found["tick"].tolist()
    columns = {
        "tick": ticks,
        "ts": [now.moment.time_of(tick) for tick in ticks],
        "listing_id": found["listing_id"].tolist(),
        **places(now.goods, found["listing_id"] % now.goods.per),
        "cause": [_CAUSES[cause] for cause in found["cause"].tolist()],
        **{name: amounts(found[column]) for name, column in _AMOUNTS.items()},
    }
    return rows_of(columns, _CHANGE)


def _newest(now: Now, table: Table, listings: Ints, ticks: tuple[int, int], columns: Sequence[str]) -> Any:
    """Give the rows of a product's listings as `storage.rows` does, from the files that may hold them."""
    first, last = int(listings[0]), int(listings[-1])
    named = now.moment.files(table, first // now.goods.per, *ticks)
    return rows.newest(now.market, named, range(first, last + 1), ticks, columns)


def product_at(now: Now, number: int, tick: int) -> dict[str, Any]:
    """Give a product and all its listings' prices as of a tick; UsageError where there is none of that number.

    A state is the last snapshot overlaid with the last event of each listing since, and with what moved its stock.
    """
    listings = listings_of(now, number)
    known = max(file.last for file in now.moment.files(SNAPSHOTS, number, 0, tick))
    state: dict[str, Ints] = {name: np.zeros(len(listings), np.int64) for name in STATE}
    for part, _ in _newest(now, SNAPSHOTS, listings, (known, known), STATE):
        for name in STATE:
            state[name][part["listing_id"] - listings[0]] = part[name]
    _put_events(now, state, listings, (known + 1, tick))
    for table, sign in MOVES:
        for part, _ in _newest(now, table, listings, (known + 1, tick), ("units",)):
            np.add.at(state["stock"], part["listing_id"] - listings[0], sign * part["units"].astype(np.int64))
    return product_in(now, number, tick, state, now.order_fees_at(tick))


def _put_events(now: Now, state: dict[str, Ints], listings: Ints, ticks: tuple[int, int]) -> None:
    """Put the last event of each listing in the ticks first..last in the place of its state."""
    seen = np.full(len(listings), -1)
    for part, later in _newest(now, EVENTS, listings, ticks, tuple(AFTER.values())):
        order = np.argsort(part["tick"], kind="stable")
        places = part["listing_id"][order] - listings[0]
        # Of several of one listing the last one stays.
        for place, at in dict(zip(places.tolist(), order.tolist(), strict=True)).items():
            if part["tick"][at] > seen[place]:
                seen[place] = part["tick"][at]
                for name, column in AFTER.items():
                    state[name][place] = part[column][at]
        if (seen > later).all():
            return


def metrics(now: Now, first: int, last: int, before: int, limit: int) -> list[dict[str, Any]]:
    """Give what each of the ticks first..last took up and changed, newest first, at most `limit` ticks before a tick."""
    last = min(last, before - 1)
    sums: dict[int, tuple[int, int]] = {}
    files = sorted(now.moment.files(METRICS, None, first, last), key=lambda file: -file.last)
    for at, file in enumerate(files):
        for tick, attempted, changed in _counts(now.market, file):
            if first <= tick <= last:
                so_far = sums.get(tick, (0, 0))
                sums[tick] = so_far[0] + attempted, so_far[1] + changed
        later = files[at + 1].last if at + 1 < len(files) else -1
        if sum(tick > later for tick in sums) >= limit:
            break
    ticks = sorted(sums, reverse=True)[:limit]
    return [
        {"tick": tick, "ts": now.moment.time_of(tick), "attempted": sums[tick][0], "changed": sums[tick][1]}
        for tick in ticks
    ]


# Files never change under their names.
@lru_cache(maxsize=1 << 10)
def _counts(market: Path, file: DataFile) -> list[tuple[int, int, int]]:
    """Read a file of metrics as (tick, attempted, changed), blocks added up."""
    found = tables.read(market, [file], ["tick", "attempted", "changed"])
    ticks, places = np.unique(found.column("tick").to_numpy(), return_inverse=True)
    sums = (np.bincount(places, found.column(name).to_numpy()).astype(np.int64) for name in ("attempted", "changed"))
    return list(zip(ticks.tolist(), *(one.tolist() for one in sums), strict=True))
