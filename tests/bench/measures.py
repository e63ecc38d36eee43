"""The measurements by name: each gives its figures, medians of several runs in fresh processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import qsim
from tests.bench import days, growth, monitoring, queries, quiet, rivals, workers
from tests.bench.figures import Figure, Skipped
from tests.bench.plan import Plan, copied, generated, large, run, steady_rate
from tests.bench.plan import raw as raw_limit
from tests.bench.stages import STAGES
from tests.bench.tasks import ROOT, in_child


def _event_figures(done: list[dict[str, Any]]) -> Iterator[Figure]:
    yield Figure("events", [steady_rate(run) for run in done], "events/s", at_least=22e6)
    yield Figure("events, opening included", [run["events"] / run["seconds"] for run in done], "events/s")
    yield Figure("events, count", [run["events"] for run in done], "events")
    yield Figure("events, seconds of qsim.run", [run["seconds"] for run in done], "s")
    yield Figure("events, seconds of opening", [run["opening"] for run in done], "s")
    yield Figure("events, CPU time", [1e9 * run["cpu"] / run["events"] for run in done], "ns/event")
    yield Figure("events, peak memory", [run["peak_mb"] for run in done], "MB", at_most=400)


def events(plan: Plan) -> Iterator[Figure]:
    """Run the large market with every listing touched at each tick, all of it durable."""
    yield from _event_figures([run(large(plan), plan.ticks) for _ in range(plan.repeat)])


def raw(plan: Plan) -> Iterator[Figure]:
    """Alternate the run of the large market with the raw limit: the same words drawn and rows written, nothing between; to ordinary
    files, which the target is of, and past the page cache.
    """
    done, limits = [], {"raw limit": [], "raw limit past the cache": []}
    for _ in range(plan.repeat):
        done.append(run(large(plan), plan.ticks))
        for name, of_name in limits.items():
            of_name.append(raw_limit(plan, done[-1], past_cache="cache" in name))
    yield from _event_figures(done)
    for (name, of_name), target in zip(limits.items(), (0.7, None), strict=True):
        rates = [limit["events"] / limit["seconds"] for limit in of_name]
        yield Figure(name, rates, "events/s")
        ratios = [steady_rate(run) / rate for run, rate in zip(done, rates, strict=True)]
        yield Figure(f"events / {name}", ratios, "", at_least=target)
        # On a machine shared with others CPU time tells more than the clock on the wall.
        yield Figure(f"{name}, CPU time", [1e9 * limit["cpu"] / limit["events"] for limit in of_name], "ns/event")


def stages(plan: Plan) -> Iterator[Figure]:
    """Take the stages one by one on one thread; the step draws its own random bits, so the sum leaves them out."""
    with copied(large(plan)) as copy:
        taken = in_child("stages", market=copy, files=4 * plan.repeat)
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
        done.append(in_child("generate", folder=folder, products=plan.catalog))
        shutil.rmtree(folder)
    rates = [plan.catalog / run["seconds"] for run in done]
    yield Figure("generate", rates, "products/s", at_least=1_200_000)
    yield Figure("generate, peak memory", [run["peak_mb"] for run in done], "MB")


def _command_seconds(*arguments: str | Path) -> float:
    began = perf_counter()
    subprocess.run([sys.executable, "-m", "qsim", *arguments], cwd=ROOT, capture_output=True, check=True)
    return perf_counter() - began


def help_page(plan: Plan) -> Iterator[Figure]:
    """Time the help page."""
    yield Figure("help", [_command_seconds("--help") for _ in range(2 * plan.repeat)], "s", at_most=0.25)


def status(plan: Plan) -> Iterator[Figure]:
    """Time `qsim status` of a market that was run."""
    market = plan.folder / "stood"
    qsim.generate(market)
    qsim.run(market, ticks=plan.small_ticks)
    yield Figure("status", [_command_seconds("status", market) for _ in range(2 * plan.repeat)], "s", at_most=0.5)


def demo(plan: Plan) -> Iterator[Figure]:
    """Time the demo."""
    folders = [plan.folder / f"demo-{number}" for number in range(plan.repeat)]
    yield Figure("demo", [_command_seconds("demo", folder) for folder in folders], "s", at_most=10)


def tick_by_tick(plan: Plan) -> Iterator[Figure]:
    """Run the default market: few listings and many ticks."""
    done = [run(generated(plan, "small"), plan.small_ticks) for _ in range(plan.repeat)]
    yield Figure("tick by tick", [plan.small_ticks / run["seconds"] for run in done], "ticks/s")
    yield Figure("tick by tick, events", [run["events"] / run["seconds"] for run in done], "events/s")


def realistic(plan: Plan) -> Iterator[Figure]:
    """Run a large realistic market in ticks of five minutes for a day, or so many ticks if fewer: events, orders, truth, all."""
    ticks = min(plan.ticks, 288)
    market = generated(plan, "realistic", preset="realistic", products=plan.products)
    listings = qsim.status(market)["listings"]
    done = [run(market, ticks) for _ in range(plan.repeat)]
    yield Figure("realistic", [listings * ticks / run["seconds"] for run in done], "listing-ticks/s", at_least=15e6)
    yield Figure("realistic, CPU time", [1e9 * run["cpu"] / listings / ticks for run in done], "ns/listing-tick")
    yield Figure("realistic, events", [run["events"] for run in done], "events")
    yield Figure("realistic, peak memory", [run["peak_mb"] for run in done], "MB")


MEASURES: dict[str, Callable[[Plan], Iterator[Figure | Skipped]]] = {
    "events": events,
    "raw": raw,
    "stages": stages,
    "generate": generate,
    "help": help_page,
    "status": status,
    "demo": demo,
    "tick_by_tick": tick_by_tick,
    "realistic": realistic,
    "monitoring": monitoring.monitoring,
    "quiet": quiet.quiet,
    "queries": queries.queries,
    "growth": growth.growth,
    "days": days.days,
    "workers": workers.workers,
    "rivals": rivals.rivals,
    "india": queries.india,
}
# Takes a quarter of an hour and much of the disk.
ONLY_WHEN_NAMED = ("india",)
