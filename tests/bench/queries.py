"""Queries through the views, warm: over a hundred million events, after a long live run, after compaction; and India."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import qsim
from tests.bench.figures import Figure
from tests.bench.plan import Plan, copied, large
from tests.bench.tasks import in_child

QUERY_TICKS = 200
# What the default of the classic preset touches in a tick.
LIVE_BATCH = 50
AT_MOST_MS = {
    "history of a product": 50,
    "prices as of a past tick": 350,
    "prices now": 20,
    "top deals of a platform": 100,
    "qsim ask deals": 100,
}


def _figures(plan: Plan, market: Path, when: str) -> Iterator[Figure]:
    # A process asks each question once before it counts: what is read often is in memory, as in a session of a user.
    taken = in_child("queries", market=market, turns=2 * plan.repeat + 1)
    for name, milliseconds in taken.items():
        unit = "ms, warm" if name in AT_MOST_MS else "ms"
        yield Figure(f"{when}, {name}", milliseconds, unit, at_most=AT_MOST_MS.get(name))


def queries(plan: Plan) -> Iterator[Figure]:
    """Ask a market of many events; again after a live run of small commits on it, and after their compaction."""
    with copied(large(plan)) as market:
        done = qsim.run(market, ticks=min(plan.ticks, QUERY_TICKS))
        yield Figure("queries, events", [done["events"]], "events")
        yield from _figures(plan, market, "queries")
        files = in_child("live", market=market, commits=plan.commits, batch_size=LIVE_BATCH)["files"]
        yield Figure("live, files", [files], "files")
        yield from _figures(plan, market, "live")
        yield Figure("compacted, files", [qsim.compact(market)["files"]], "files")
        yield from _figures(plan, market, "compacted")


def india(plan: Plan) -> Iterator[Figure]:
    """Generate all of India, run a realistic day in ticks of five minutes, then ask it."""
    market = plan.folder / "india"
    made = in_child("generate", folder=market, products=8000, stores=plan.stores, preset="realistic")
    yield Figure("india, generation", [made["seconds"]], "s")
    yield Figure("india, generation, peak memory", [made["peak_mb"]], "MB", at_most=6144)
    done = in_child("run", market=market / "market", ticks=plan.day_ticks, options={})
    status = qsim.status(market / "market")
    yield Figure("india, listings", [status["listings"]], "listings")
    yield Figure("india, events", [status["events"]], "events")
    yield Figure("india, bytes on disk", [status["bytes"]], "bytes")
    yield Figure("india, seconds of opening", [done["opening"]], "s")
    yield Figure("india, seconds of qsim.run", [done["seconds"]], "s", at_most=900)
    yield Figure("india, CPU time", [done["cpu"]], "s")
    yield Figure("india, peak memory", [done["peak_mb"]], "MB", at_most=6144)
    for name, milliseconds in in_child("queries", market=market / "market", turns=plan.repeat).items():
        yield Figure(f"india, {name}", milliseconds, "ms, warm")
    shutil.rmtree(market)
