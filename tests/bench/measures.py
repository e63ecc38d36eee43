"""The measurements by name: each gives its figures, medians of several runs in fresh processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import qsim
from qsim import process
from tests.bench.figures import Figure
from tests.bench.stages import STAGES
from tests.bench.tasks import ROOT, in_child

# At the tick of five seconds of the default market.
_MINUTES_AN_HOUR, _TICKS_A_MINUTE = 60, 12


@dataclass(frozen=True)
class Plan:
    """How large and how often: products and ticks of the large market, products to generate, ticks of the small market."""

    folder: Path
    products: int
    ticks: int
    repeat: int
    catalog_products: int
    small_ticks: int


def _generated(plan: Plan, name: str, **parameters: Any) -> Path:
    """Give the market of that name at tick 0, made when first asked for."""
    market = plan.folder / name
    if not market.exists():
        qsim.generate(market, **parameters)
    return market


def _large(plan: Plan) -> Path:
    return _generated(plan, "large", products=plan.products, batch_size=0)


def _run(market: Path, ticks: int, monitoring: bool = True) -> dict[str, Any]:
    """Run a copy of the market, so that every run makes the same ticks."""
    copy = Path(shutil.copytree(market, market.with_name(f"{market.name}-run")))
    try:
        return in_child("run", market=copy, ticks=ticks, monitoring=monitoring)
    finally:
        shutil.rmtree(copy)


def _raw(plan: Plan, done: dict[str, Any]) -> dict[str, Any]:
    folder = plan.folder / "raw"
    try:
        return in_child(
            "raw", market=_large(plan), folder=folder, ticks=plan.ticks, events=done["events"], files=done["files"]
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _steady_rate(done: dict[str, Any]) -> float:
    # In a run of a few ticks the opening may seem to take longer than the whole.
    seconds = max(done["seconds"] - done["opening"], 0.01 * done["seconds"])
    return float(done["events"] / seconds)


def _event_figures(done: list[dict[str, Any]]) -> Iterator[Figure]:
    yield Figure("events", [_steady_rate(run) for run in done], "events/s")
    yield Figure("events, opening included", [run["events"] / run["seconds"] for run in done], "events/s")
    yield Figure("events, count", [run["events"] for run in done], "events")
    yield Figure("events, seconds of qsim.run", [run["seconds"] for run in done], "s")
    yield Figure("events, seconds of opening", [run["opening"] for run in done], "s")
    yield Figure("events, CPU time", [1e9 * run["cpu"] / run["events"] for run in done], "ns/event")
    yield Figure("events, peak memory", [run["peak_mb"] for run in done], "MB", at_most=400)


def events(plan: Plan) -> Iterator[Figure]:
    """Run the large market with every listing touched at each tick, all of it durable."""
    yield from _event_figures([_run(_large(plan), plan.ticks) for _ in range(plan.repeat)])


def raw(plan: Plan) -> Iterator[Figure]:
    """Alternate the run of the large market with the raw limit: the same words drawn and rows written, nothing between."""
    done, limits = [], []
    for _ in range(plan.repeat):
        done.append(_run(_large(plan), plan.ticks))
        limits.append(_raw(plan, done[-1]))
    yield from _event_figures(done)
    rates = [limit["events"] / limit["seconds"] for limit in limits]
    yield Figure("raw limit", rates, "events/s")
    ratios = [_steady_rate(run) / rate for run, rate in zip(done, rates, strict=True)]
    yield Figure("events / raw limit", ratios, "", at_least=0.5)
    # On a machine shared with others CPU time tells more than the clock on the wall.
    yield Figure("raw limit, CPU time", [1e9 * limit["cpu"] / limit["events"] for limit in limits], "ns/event")


def stages(plan: Plan) -> Iterator[Figure]:
    """Take the stages one by one on one thread; the step draws its own random bits, so the sum leaves them out."""
    copy = Path(shutil.copytree(_large(plan), plan.folder / "staged"))
    taken = in_child("stages", market=copy, files=4 * plan.repeat)
    shutil.rmtree(copy)
    notes = {"step": "step (with its bits)", "tile": "tile (filter)", "put": "sha256, write, fsync"}
    for stage in STAGES:
        yield Figure(f"stage, {notes.get(stage, stage)}", taken[stage], "ns/event")
    parts = zip(*(taken[stage] for stage in STAGES if stage != "random bits"), strict=True)
    yield Figure("stages, sum", [sum(part) for part in parts], "ns/event")


def generate(plan: Plan) -> Iterator[Figure]:
    """Generate and write a large market with five listings a product."""
    done = []
    for _ in range(plan.repeat):
        folder = plan.folder / "generated"
        done.append(in_child("generate", folder=folder, products=plan.catalog_products))
        shutil.rmtree(folder)
    rates = [plan.catalog_products / run["seconds"] for run in done]
    yield Figure("generate", rates, "products/s", at_least=700_000)
    yield Figure("generate, peak memory", [run["peak_mb"] for run in done], "MB")


def _command_seconds(*arguments: str | Path) -> float:
    began = perf_counter()
    subprocess.run([sys.executable, "-m", "qsim", *arguments], cwd=ROOT, capture_output=True, check=True)
    return perf_counter() - began


def help_page(plan: Plan) -> Iterator[Figure]:
    """Time the help page."""
    yield Figure("help", [_command_seconds("--help") for _ in range(2 * plan.repeat)], "s", at_most=0.3)


def status(plan: Plan) -> Iterator[Figure]:
    """Time `qsim status` of a market that was run."""
    market = plan.folder / "stood"
    qsim.generate(market)
    qsim.run(market, ticks=plan.small_ticks)
    yield Figure("status", [_command_seconds("status", market) for _ in range(2 * plan.repeat)], "s")


def demo(plan: Plan) -> Iterator[Figure]:
    """Time the demo."""
    folders = [plan.folder / f"demo-{number}" for number in range(plan.repeat)]
    yield Figure("demo", [_command_seconds("demo", folder) for folder in folders], "s", at_most=20)


def tick_by_tick(plan: Plan) -> Iterator[Figure]:
    """Run the default market: few listings and many ticks."""
    done = [_run(_generated(plan, "small"), plan.small_ticks) for _ in range(plan.repeat)]
    yield Figure("tick by tick", [plan.small_ticks / run["seconds"] for run in done], "ticks/s")
    yield Figure("tick by tick, events", [run["events"] / run["seconds"] for run in done], "events/s")


def realistic(plan: Plan) -> Iterator[Figure]:
    """Run a large realistic market in ticks of five minutes for a day, or so many ticks if fewer: events, orders, truth, all."""
    ticks = min(plan.ticks, 288)
    market = _generated(plan, "realistic", preset="realistic", products=plan.products)
    listings = qsim.status(market)["listings"]
    done = [_run(market, ticks) for _ in range(plan.repeat)]
    yield Figure("realistic", [listings * ticks / run["seconds"] for run in done], "listing-ticks/s", at_least=15e6)
    yield Figure("realistic, CPU time", [1e9 * run["cpu"] / listings / ticks for run in done], "ns/listing-tick")
    yield Figure("realistic, events", [run["events"] for run in done], "events")
    yield Figure("realistic, peak memory", [run["peak_mb"] for run in done], "MB")


def _live_megabytes(plan: Plan) -> float:
    """Give what monitoring keeps of an hour at the clock: counts written once a minute, a line of the process a tick."""
    market = Path(shutil.copytree(_generated(plan, "small"), plan.folder / "small-live"))
    for _ in range(_MINUTES_AN_HOUR):
        qsim.run(market, ticks=_TICKS_A_MINUTE)
    counts = sum(file.stat().st_size for file in (market / "platform_metrics").iterdir())
    lines = [len(json.dumps(line)) + 1 for line in process.lines(market)]
    shutil.rmtree(market)
    return (counts + _MINUTES_AN_HOUR * _TICKS_A_MINUTE * sum(lines) / len(lines)) / 1e6


def monitoring(plan: Plan) -> Iterator[Figure]:
    """Alternate runs that are monitored with runs that are not: the default market, the large and the realistic one."""
    markets = {
        "": (_generated(plan, "small"), plan.small_ticks),
        ", large": (_large(plan), plan.ticks),
        ", realistic": (
            _generated(plan, "realistic", preset="realistic", products=plan.products),
            min(plan.ticks, 288),
        ),
    }
    for name, (market, ticks) in markets.items():
        pairs = [(_run(market, ticks), _run(market, ticks, monitoring=False)) for _ in range(plan.repeat)]
        ratios = [on["cpu"] / off["cpu"] for on, off in pairs]
        yield Figure(f"monitoring{name}, CPU time", ratios, "x without", at_most=1.05)
        # Runs of the same ticks differ by some MB either way.
        more = [max(0.1, on["peak_mb"] - off["peak_mb"]) for on, off in pairs]
        yield Figure(f"monitoring{name}, memory", more, "MB", at_most=50)
    yield Figure("monitoring, disk an hour live", [_live_megabytes(plan)], "MB", at_most=1)


MEASURES = {
    "events": events,
    "raw": raw,
    "stages": stages,
    "generate": generate,
    "help": help_page,
    "status": status,
    "demo": demo,
    "tick_by_tick": tick_by_tick,
    "realistic": realistic,
    "monitoring": monitoring,
}
