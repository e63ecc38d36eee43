"""The exact search behind `optimum.best_split`: branch and bound over lines and platforms given by number.

It holds the search alone: rows of (platform number, cost in paise) and what each platform charges. It refuses
to hold names, offers and plans, and the choice between this search and integer programming.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import accumulate, chain, combinations, product
from math import gcd, inf
from operator import mul
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qsim.queries.optimum import Fees

_UNIT = 1 << 20
# Steps of the dual's ascent, which shrink with each that does not raise it.
_ROUNDS, _LEAST_PACE = 150, 0.2

Row = tuple[tuple[int, int], ...]
Picks = dict[int, int]


@dataclass(frozen=True)
class _Way:
    """Platforms in use, their fees together, the goods each must reach, and sums of the cheapest lines."""

    platforms: tuple[int, ...]
    fee: int
    floors: tuple[int, ...]
    rows: dict[int, Row]
    sums: list[int]


def _ways(rows: Sequence[Row], charges: Sequence[Fees]) -> Iterator[_Way]:
    modes: list[list[tuple[int, int] | None]] = []
    for fee in charges:
        free = (max(fee.minimum_order_paise, fee.free_delivery_from_paise), fee.handling_paise)
        paid = (fee.minimum_order_paise, fee.handling_paise + fee.delivery_paise)
        modes.append([None, free] if free[0] == paid[0] else [None, free, paid])
    for way in product(*modes):
        used = tuple(p for p, mode in enumerate(way) if mode)
        kept = {i: tuple((p, c) for p, c in row if way[p]) for i, row in enumerate(rows)}
        kept = {i: row for i, row in kept.items() if row}
        sums = list(accumulate(sorted(min(c for _, c in row) for row in kept.values()), initial=0))
        floors = tuple(mode[0] if mode else 0 for mode in way)
        yield _Way(used, sum(mode[1] for mode in way if mode), floors, kept, sums)


def search(rows: Sequence[Row], charges: Sequence[Fees], budget: int | None) -> Picks:
    """Give the platform number of each line of the optimum; costs and the budget are in paise, None for no budget."""
    ways = list(_ways(rows, charges))
    if budget is None:
        budget = sum(max(c for _, c in row) for row in rows)
        budget += sum(fee.delivery_paise + fee.handling_paise for fee in charges)
    for count in range(len(rows), 0, -1):
        best = _cheapest([way for way in ways if len(way.sums) > count], count, budget)
        if best:
            return best
    return {}


def _cheapest(ways: Sequence[_Way], count: int, limit: int) -> Picks | None:
    """Search the way with the least bound a little above it, again and again, until none can be better."""
    best: Picks | None = None
    best_key: tuple[float, tuple[int, ...]] = (inf, ())
    weights: dict[int, list[int]] = {}
    slack = [max(8, limit // 20000)] * len(ways)
    queue = [(w.fee + w.sums[count], len(w.platforms), w.platforms, at) for at, w in enumerate(ways)]
    heapify(queue)
    while queue and queue[0][0] <= limit:
        bound, *_, at = heappop(queue)
        way, key = ways[at], (len(ways[at].platforms), ways[at].platforms)
        cap = limit if key < best_key else limit - 1
        if at not in weights:
            weights[at], dual = _weights(way, count, cap - way.fee)
            bound = dual + way.fee
        else:
            near, slack[at] = min(cap, bound + slack[at]), 2 * slack[at]
            found = _dive(way, count, weights[at], near - way.fee)
            if found:
                limit, best_key, best = found[0] + way.fee, key, found[1]
                continue
            bound = near + 1
        if bound <= cap:
            heappush(queue, (bound, *key, at))
    return best


def _dive(way: _Way, count: int, weights: Sequence[int], cap: int) -> tuple[int, Picks] | None:
    # Goods are multiples of the prices' common divisor: rounding to it prunes more and loses nothing.
    step = gcd(*(c for row in way.rows.values() for _, c in row)) or 1
    floors, cap = tuple(-(-floor // step) * step for floor in way.floors), cap // step * step
    lines = _by_regret(way.rows, weights, count)
    rows = [tuple(sorted(way.rows[i], key=lambda o: ((_UNIT - weights[o[0]]) * o[1], o[0]))) for i in lines]
    best = _descend(rows, weights, floors, count, (cap, step))
    return (best[0], {lines[at]: p for at, p in best[1].items()}) if best else None


def _descend(
    rows: Sequence[Row], weights: Sequence[int], floors: tuple[int, ...], count: int, top: tuple[int, int]
) -> tuple[int, Picks] | None:
    """Go down the tree of lines depth first; `top` is the most that may be spent and the step to the next better."""
    (cap, step), asked = top, sum(floors)
    tails: dict[tuple[int, ...], list[list[int]]] = {}
    seen: dict[tuple[int, int, tuple[int, ...]], int] = {}
    trail: Picks = {}
    best: tuple[int, Picks] | None = None

    def dive(at: int, left: int, spent: int, goods: tuple[int, ...]) -> None:
        nonlocal best, cap
        # A floor once met asks nothing more of the later lines, which then bound better at full cost.
        live = tuple([w if g < f else 0 for w, g, f in zip(weights, goods, floors, strict=True)])
        if live not in tails:
            tails[live] = _tails(rows, live)
        owed = sum([w * (f - g) for w, g, f in zip(live, goods, floors, strict=True)])
        # What is short of the floors is still to be paid, each paisa of it once: that alone may be too much.
        if spent + asked - sum(goods) > cap or _UNIT * spent + owed + tails[live][at][left] > _UNIT * cap:
            return
        if left == 0:
            if goods == floors:
                best, cap = (spent, dict(trail)), spent - step
            return
        state = (at, left, goods)
        if seen.get(state, spent + 1) <= spent:
            return
        seen[state] = spent
        for p, cost in rows[at]:
            trail[at] = p
            after = min(goods[p] + cost, floors[p])
            dive(at + 1, left - 1, spent + cost, (*goods[:p], after, *goods[p + 1 :]))
        trail.pop(at)
        if len(rows) - at > left:
            dive(at + 1, left, spent, goods)

    dive(0, count, 0, (0,) * len(floors))
    return best


def _by_regret(rows: Mapping[int, Row], weights: Sequence[int], count: int) -> list[int]:
    # Clear choices first: the tree then stays narrow until only near-ties are left to decide.
    costs = {i: sorted((_UNIT - weights[p]) * c for p, c in row) for i, row in rows.items()}
    least = sorted(cost[0] for cost in costs.values())
    edge = (least[count - 1] + least[count]) // 2 if count < len(least) else None

    def regret(i: int) -> float:
        others = costs[i][1:2] + ([] if edge is None else [edge])
        return min((abs(other - costs[i][0]) for other in others), default=inf)

    return sorted(rows, key=lambda i: (-regret(i), i))


def _tails(rows: Sequence[Row], weights: Sequence[int]) -> list[list[int]]:
    """Give, per line, the least weighted cost of buying 0, 1, 2... of the lines from there on."""
    least = [min((_UNIT - weights[p]) * c for p, c in row) for row in rows]
    return [list(accumulate(sorted(least[at:]), initial=0)) for at in range(len(rows) + 1)]


def _weights(way: _Way, count: int, cap: int) -> tuple[list[int], int]:
    """Ascend the dual by subgradients; give its weights and bound, above `cap` if no way costs as little."""
    floors = way.floors
    if sum(floors) > cap:
        return [], cap + 1
    for some in chain.from_iterable(combinations(way.platforms, size) for size in range(1, 1 + len(way.platforms))):
        reach = sorted([max([c for p, c in row if p in some], default=0) for row in way.rows.values()], reverse=True)
        if sum(reach[:count]) < sum([floors[p] for p in some]):
            return [], cap + 1
    weights = best = [0] * len(floors)
    top, pace, widest = -1, 1.0, max(c for row in way.rows.values() for _, c in row)
    for _ in range(_ROUNDS):
        shares = [_UNIT - w for w in weights]
        least = sorted([min([(shares[p] * c, p, c) for p, c in row]) for row in way.rows.values()])[:count]
        value = sum([v for v, _, _ in least]) + sum(map(mul, weights, floors))
        if value > _UNIT * cap:
            return [], cap + 1
        if value > top:
            top, best = value, weights
        else:
            pace *= 0.85
        if pace < _LEAST_PACE:
            break
        short = list(floors)
        for _, p, c in least:
            short[p] -= c
        short = [s if s > 0 or w > 0 else 0 for s, w in zip(short, weights, strict=True)]
        norm = sum(s * s for s in short)
        if norm == 0:
            break
        step = pace * (min(_UNIT * cap, top + _UNIT * widest) - value + 1) / norm
        weights = [max(0, w + round(step * s)) for w, s in zip(weights, short, strict=True)]
    return best, -(-top // _UNIT)
