"""A market's history replayed in plain Python from its files, which pyarrow alone reads; nothing of qsim is used."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

START = datetime(2026, 3, 10)
# (ticks, seconds a tick) of each call; the parameters that differ make epochs.
RUNS = ((40, 900), (30, 7), (24, 3600))
STATE = ("price_paise", "regular_price_paise", "discount_bps", "surge_bps", "surge_fee_paise")


def rupees(paise: int) -> Decimal:
    return Decimal(paise) / 100


@dataclass
class Replayed:
    """A market's files read by pyarrow alone, and the times of its ticks from the calls that made it."""

    market: Path

    def __post_init__(self) -> None:
        self.times = [START]
        for ticks, interval in RUNS:
            self.times += [self.times[-1] + timedelta(seconds=interval * n) for n in range(1, ticks + 1)]

    def table(self, name: str) -> list[dict[str, Any]]:
        folder = "catalog" if (self.market / "catalog" / f"{name}.parquet").exists() else name
        pattern = f"{name}.parquet" if folder == "catalog" else "*.parquet"
        found = sorted((self.market / folder).glob(pattern))
        return [row for path in found for row in pq.read_table(path, partitioning=None).to_pylist()]

    def tick_at(self, moment: datetime) -> int:
        return max([tick for tick, time in enumerate(self.times) if time <= moment], default=0)

    def state(self, tick: int) -> dict[int, tuple[int, ...]]:
        """Every listing's state: that of tick 0 with every event up to a tick laid on it, one by one."""
        state = {r["listing_id"]: (*map(r.get, STATE), 0) for r in self.table("snapshots") if r["tick"] == 0}
        for event in self.table("events"):
            if event["tick"] <= tick:
                now = (event["price_after_paise"], *map(event.get, STATE[1:]), event["tick"])
                state[event["listing_id"]] = now
        return state

    def prices(self, tick: int) -> dict[int, tuple[Any, ...]]:
        return {
            listing: (rupees(price), rupees(regular), rupees(discount), rupees(fee), self.times[updated])
            for listing, (price, regular, discount, _, fee, updated) in self.state(tick).items()
        }

    def spells(self) -> list[tuple[int, Decimal, datetime, datetime | None]]:
        """Plain discounts from their start to their end."""
        spells, running = [], dict[int, tuple[int, int]]()
        for row in sorted(self.table("discounts"), key=lambda row: (row["tick"], row["listing_id"])):
            if row["listing_id"] in running:
                bps, tick = running.pop(row["listing_id"])
                spells.append((row["listing_id"], rupees(bps), self.times[tick], self.times[row["tick"]]))
            if row["discount_bps"]:
                running[row["listing_id"]] = (row["discount_bps"], row["tick"])
        open_ones = [(listing, rupees(bps), self.times[tick], None) for listing, (bps, tick) in running.items()]
        return [*spells, *open_ones]

    def active(self, moment: datetime) -> Counter[tuple[int, int | None, Decimal]]:
        """All discounts that run at a moment, looked for one by one."""
        second = (moment - START) // timedelta(seconds=1)
        found = [
            (listing, None, depth)
            for listing, depth, start, end in self.spells()
            if start <= moment and (end is None or moment < end)
        ]
        running = set()
        for one in self.table("campaigns"):
            repeats = range(one["starts_second"], min(one["ends_second"], second + 1), one["repeat_seconds"] or 10**12)
            ends = one["ends_second"]
            if any(first <= second < min(first + one["duration_seconds"], ends) for first in repeats):
                running.add(one["campaign_id"])
        lines = self.table("campaign_lines")
        found += [
            (line["listing_id"], line["campaign_id"], rupees(line["discount_bps"]))
            for line in lines
            if line["campaign_id"] in running
        ]
        return Counter(found)
