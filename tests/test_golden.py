"""Small runs against figures that were looked at once: whatever changes a market changes these.

`pytest --refresh-golden tests/test_golden.py` writes them anew; a change of them is a change of the format.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import qsim
from qsim.schema import Cause
from tests.stored import history

GOLDEN = Path(__file__).parent / "golden" / "classic.json"
RUNS = {"2000 ticks": (50, 2_000), "50 ticks, batch all": ("all", 50)}


def counts(rows: pl.DataFrame, *columns: str) -> dict[str, int]:
    return {"rows": rows.height} | {column: int(rows[column].cast(pl.Int64).sum()) for column in columns}


def figures(market: Path, status: dict[str, Any]) -> dict[str, Any]:
    """Counts, sums and the digest of a market."""
    events = history(market, "events")
    prices = ("price_paise", "regular_price_paise", "discount_bps", "surge_bps", "surge_fee_paise")
    causes = {cause.name.lower(): events.filter(cause=cause.value).height for cause in Cause}
    return {
        "events": counts(events, "listing_id", "price_before_paise", "price_after_paise", "discount_bps"),
        "causes": {name: count for name, count in causes.items() if count},
        "discounts": counts(history(market, "discounts"), "listing_id", "discount_bps"),
        "metrics": counts(history(market, "metrics"), "attempted", "changed"),
        "opening": counts(history(market, "snapshots", 0), *prices),
        "end": counts(history(market, "snapshots", status["tick"]), *prices),
        "digest": status["digest"],
    }


@pytest.mark.parametrize("name", RUNS)
def test_a_small_run_has_the_figures_it_always_had(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    market, (batch, ticks) = tmp_path / "market", RUNS[name]
    qsim.generate(market, products=280, seed=42, batch_size=batch)
    found = figures(market, qsim.run(market, ticks=ticks))
    if request.config.getoption("--refresh-golden"):
        kept = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(json.dumps({**kept, name: found}, indent=1) + "\n")
    assert found == json.loads(GOLDEN.read_text())[name]
