"""How large and how often is measured, and the markets that measurements start from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qsim
from tests.bench.tasks import in_child


@dataclass(frozen=True)
class Plan:
    """How large and how often: products and ticks of the large market, products to generate, ticks of the small market,
    five-minute ticks of a realistic day, commits of a live run, products of the markets and ticks of the long run whose
    growth is measured, days of a market with a past, and dark stores a platform of all of India.
    """

    folder: Path
    products: int
    ticks: int
    repeat: int
    catalog: int
    small_ticks: int
    day_ticks: int
    commits: int
    growth: list[int]
    long_ticks: int
    days: int
    stores: int


def generated(plan: Plan, name: str, **parameters: Any) -> Path:
    """Give the market of that name at tick 0, made when first asked for."""
    market = plan.folder / name
    if not market.exists():
        qsim.generate(market, **parameters)
    return market


def large(plan: Plan) -> Path:
    """Give the large market, all of whose listings are touched at each tick."""
    return generated(plan, "large", products=plan.products, batch_size=0)


@contextmanager
def copied(market: Path) -> Iterator[Path]:
    """Give a copy of a market, so that every run makes the same ticks."""
    copy = Path(shutil.copytree(market, market.with_name(f"{market.name}-run")))
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


def run(market: Path, ticks: int, **options: Any) -> dict[str, Any]:
    """Run a copy of the market in a fresh process."""
    with copied(market) as copy:
        return in_child("run", market=copy, ticks=ticks, options=options)


def raw(plan: Plan, done: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Draw the words and write the rows of a run of the large market, with nothing between, in a fresh process."""
    folder = plan.folder / "raw"
    try:
        return in_child(
            "raw",
            market=large(plan),
            folder=folder,
            ticks=plan.ticks,
            events=done["events"],
            files=done["files"],
            **options,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def steady(done: dict[str, Any], what: str = "seconds") -> float:
    """Give the seconds (or `cpu`) of a run without its opening."""
    # In a run of a few ticks the opening may seem to take longer than the whole.
    opening = done["opening" if what == "seconds" else "opening_cpu"]
    return float(max(done[what] - opening, 0.01 * done[what]))


def steady_rate(done: dict[str, Any]) -> float:
    """Give the events a second of a run without its opening."""
    return float(done["events"] / steady(done))
