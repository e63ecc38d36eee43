"""Workers: what a second one gains, beside what a second thread gains the raw limit."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.figures import Figure
from tests.bench.plan import Plan, large, raw, run, steady_rate


def workers(plan: Plan) -> Iterator[Figure]:
    """Alternate one worker and two on the large market, and the raw limit with as many threads."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    limits: dict[int, list[float]] = {1: [], 2: []}
    same = []
    for _ in range(plan.repeat):
        digests = set()
        for number in rates:
            done = run(large(plan), plan.ticks, max_workers=number)
            limit = raw(plan, done, max_workers=number)
            rates[number].append(steady_rate(done))
            limits[number].append(limit["events"] / limit["seconds"])
            digests.add(done["digest"])
        same.append(float(len(digests) == 1))
    for number in rates:
        yield Figure(f"workers, {number}", rates[number], "events/s")
        yield Figure(f"workers, raw limit, {number}", limits[number], "events/s")
    gains = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    raw_gains = [two / one for one, two in zip(limits[1], limits[2], strict=True)]
    yield Figure("workers, two over one", gains, "")
    yield Figure("workers, raw limit, two over one", raw_gains, "")
    shares = [gain / raw_gain for gain, raw_gain in zip(gains, raw_gains, strict=True)]
    yield Figure("workers, gain / raw limit's", shares, "", at_least=0.95)
    yield Figure("workers, digests equal", same, "", at_least=1)
