"""The cheapest way to buy a shopping list: on one app, or split over several, with every fee.

The module holds exact optimisation over plain values: lines, what each platform asks for them, what
each platform charges for an order. It refuses to hold where these come from: it reads no market, no
catalogue and no file, chooses no listing (a caller passes the offers that may be bought) and knows no
platform by name. All money is in integer paise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import accumulate, product
from math import gcd, inf

from qsim.errors import QsimError, UsageError

SEARCH_LINES = 30
SEARCH_PLATFORMS = 5
_UNIT = 1 << 20
_ROUNDS = 150

Row = tuple[tuple[int, int], ...]
Picks = dict[int, int]
_OPTIONS = {"output_flag": False, "mip_rel_gap": 0.0, "mip_abs_gap": 0.0, "mip_feasibility_tolerance": 1e-9}


@dataclass(frozen=True)
class Offer:
    """What a platform asks, in paise, for one unit of a line."""

    platform: str
    listing_id: int
    price_paise: int


@dataclass(frozen=True)
class Line:
    """One line of the list; of several offers by one platform only the cheapest is considered."""

    name: str
    quantity: int
    offers: tuple[Offer, ...]


@dataclass(frozen=True)
class Fees:
    """What a platform adds to an order, and from which goods, in paise, it delivers (free of charge)."""

    delivery_paise: int
    handling_paise: int
    free_delivery_from_paise: int
    minimum_order_paise: int


@dataclass(frozen=True)
class Item:
    """One line as bought: its cost is the offer's price times the quantity, in paise."""

    name: str
    quantity: int
    offer: Offer
    cost_paise: int


@dataclass(frozen=True)
class Order:
    """What one platform delivers, in the order of the list, with the order's parts in paise."""

    platform: str
    items: tuple[Item, ...]
    goods_paise: int
    delivery_paise: int
    handling_paise: int


@dataclass(frozen=True)
class Plan:
    """Orders by platform name; `unavailable` lines nobody in the plan's reach offers, `left_out` lines
    that are offered but that the budget or a minimum order does not allow. Money is in paise."""

    orders: tuple[Order, ...]
    goods_paise: int
    fees_paise: int
    total_paise: int
    unavailable: tuple[str, ...]
    left_out: tuple[str, ...]


def one_app(lines: Sequence[Line], fees: Mapping[str, Fees]) -> Plan | None:
    """Return the best plan on a single platform, or None when no platform can take any order.

    The best app is the one that covers the most lines, then asks the lowest total in paise, then has
    the first name. All that it offers is bought; what it lacks is in `unavailable`. An app whose goods
    stay below its minimum order is out. Raises UsageError for values that cannot be.
    """
    names, offers = _offers(lines, fees)
    best: tuple[tuple[int, int, str], Plan] | None = None
    for name in names:
        picks = {index: name for index, row in enumerate(offers) if name in row}
        plan = _plan(lines, offers, fees, picks, {name})
        if plan.goods_paise >= fees[name].minimum_order_paise:
            key = (-len(picks), plan.total_paise, name)
            best = min(best, (key, plan), key=lambda pair: pair[0]) if best else (key, plan)
    return best[1] if best else None


def best_split(lines: Sequence[Line], fees: Mapping[str, Fees], budget_paise: int | None = None) -> Plan:
    """Return the exact optimum over any set of platforms: most lines bought, then least total in paise.

    Every order meets its platform's minimum, and goods plus fees stay within `budget_paise` if given;
    lines that these rules keep from being bought are in `left_out`, and a plan may have no orders. Of
    equal totals the fewest orders win, then the platforms that come first by name, then no line can go
    to an earlier-named platform of the plan at the same cost. Up to SEARCH_LINES offered lines and
    SEARCH_PLATFORMS platforms a branch and bound finds it: for every way to leave, use, or use with
    free delivery each platform, the rest is an assignment with a least amount of goods per platform,
    bounded by its Lagrangian dual (Fisher, Management Science 27(1), 1981). Above, integer programming
    does, where equal totals are settled by line only. Raises UsageError for values that cannot be, and
    above the limits when highspy is not installed.
    """
    if budget_paise is not None and budget_paise < 0:
        raise UsageError(f"best_split: budget {budget_paise} paise; allowed: 0 or more; give a budget or none")
    names, offers = _offers(lines, fees)
    wanted = [index for index, row in enumerate(offers) if row]
    rows = [tuple((p, offers[i][n][0]) for p, n in enumerate(names) if n in offers[i]) for i in wanted]
    charges = [fees[name] for name in names]
    small = len(rows) <= SEARCH_LINES and len(names) <= SEARCH_PLATFORMS
    picks = (_search if small else _program)(rows, charges, budget_paise)
    _settle(rows, charges, picks)
    chosen = {wanted[row]: names[p] for row, p in picks.items()}
    plan = _plan(lines, offers, fees, chosen, set(names))
    if any(order.goods_paise < fees[order.platform].minimum_order_paise for order in plan.orders) or (
        budget_paise is not None and plan.total_paise > budget_paise
    ):
        raise QsimError("best_split: the solver's plan breaks a minimum order or the budget; split the list")
    return plan


def _offers(lines: Sequence[Line], fees: Mapping[str, Fees]) -> tuple[list[str], list[dict[str, tuple[int, Offer]]]]:
    """Check the values; give the platforms by name and per line its cheapest offer, with the line's cost."""
    table: list[dict[str, tuple[int, Offer]]] = []
    for line in lines:
        if line.quantity < 1:
            raise UsageError(f"line '{line.name}': quantity {line.quantity}; allowed: 1 or more; correct it")
        row: dict[str, tuple[int, Offer]] = {}
        for offer in sorted(line.offers, key=lambda o: (o.price_paise, o.listing_id)):
            where = f"line '{line.name}', platform '{offer.platform}'"
            if offer.price_paise < 0:
                raise UsageError(f"{where}: {offer.price_paise} paise; allowed: 0 or more; correct the price")
            if offer.platform not in fees:
                raise UsageError(f"{where}: no fees; allowed: {', '.join(sorted(fees))}; add its fees")
            row.setdefault(offer.platform, (offer.price_paise * line.quantity, offer))
        table.append(row)
    for name, fee in sorted(fees.items()):
        least = min(fee.delivery_paise, fee.handling_paise, fee.free_delivery_from_paise, fee.minimum_order_paise)
        if least < 0:
            raise UsageError(f"fees of '{name}': {least} paise; allowed: 0 or more; correct the fee")
    return sorted({name for row in table for name in row}), table


def _delivery(fee: Fees, goods: int) -> int:
    return 0 if goods >= fee.free_delivery_from_paise else fee.delivery_paise


def _plan(
    lines: Sequence[Line],
    offers: Sequence[Mapping[str, tuple[int, Offer]]],
    fees: Mapping[str, Fees],
    picks: Mapping[int, str],
    reach: set[str],
) -> Plan:
    orders = []
    for name in sorted(set(picks.values())):
        items = tuple(
            Item(lines[i].name, lines[i].quantity, offers[i][name][1], offers[i][name][0])
            for i in sorted(picks)
            if picks[i] == name
        )
        goods = sum(item.cost_paise for item in items)
        orders.append(Order(name, items, goods, _delivery(fees[name], goods), fees[name].handling_paise))
    goods = sum(order.goods_paise for order in orders)
    charged = sum(order.delivery_paise + order.handling_paise for order in orders)
    missed = [(line.name, reach.isdisjoint(offers[i])) for i, line in enumerate(lines) if i not in picks]
    unavailable = tuple(name for name, absent in missed if absent)
    return Plan(
        tuple(orders), goods, charged, goods + charged, unavailable, tuple(n for n, absent in missed if not absent)
    )


def _settle(rows: Sequence[Row], charges: Sequence[Fees], picks: Picks) -> None:
    """Move each line to the first-named platform in use that keeps its cost and the plan's fees."""
    goods: dict[int, int] = {}
    for row, p in picks.items():
        goods[p] = goods.get(p, 0) + dict(rows[row])[p]
    for row in sorted(picks):
        old, costs = picks[row], dict(rows[row])
        for p in sorted(q for q in goods if q < old and costs.get(q) == costs[old]):
            rest, fee = goods[old] - costs[old], charges[old]
            alone = list(picks.values()).count(old) == 1
            if alone or (rest >= fee.minimum_order_paise and _delivery(fee, rest) == _delivery(fee, goods[old])):
                goods[old], goods[p], picks[row] = rest, goods[p] + costs[old], p
                break


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


def _search(rows: Sequence[Row], charges: Sequence[Fees], budget: int | None) -> Picks:
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
    best_key: tuple[int, tuple[int, ...]] = (SEARCH_PLATFORMS + 1, ())
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
    rows = [sorted(way.rows[i], key=lambda o: ((_UNIT - weights[o[0]]) * o[1], o[0])) for i in lines]
    tails: dict[tuple[int, ...], list[list[int]]] = {}
    seen: dict[tuple[int, int, tuple[int, ...]], int] = {}
    trail: Picks = {}
    best: tuple[int, Picks] | None = None

    def dive(at: int, left: int, spent: int, goods: tuple[int, ...]) -> None:
        nonlocal best, cap
        # A floor once met asks nothing more of the later lines, which then bound better at full cost.
        live = tuple([w if g < f else 0 for w, g, f in zip(weights, goods, floors)])
        if live not in tails:
            tails[live] = _tails(rows, live)
        owed = sum([w * (f - g) for w, g, f in zip(live, goods, floors)])
        if _UNIT * spent + owed + tails[live][at][left] > _UNIT * cap:
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
            trail[lines[at]] = p
            after = min(goods[p] + cost, floors[p])
            dive(at + 1, left - 1, spent + cost, (*goods[:p], after, *goods[p + 1 :]))
        trail.pop(lines[at])
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


def _tails(rows: Sequence[Sequence[tuple[int, int]]], weights: Sequence[int]) -> list[list[int]]:
    """Give, per line, the least weighted cost of buying 0, 1, 2... of the lines from there on."""
    least = [min((_UNIT - weights[p]) * c for p, c in row) for row in rows]
    return [list(accumulate(sorted(least[at:]), initial=0)) for at in range(len(rows) + 1)]


def _weights(way: _Way, count: int, cap: int) -> tuple[list[int], int]:
    """Ascend the dual by subgradients; give its weights and bound, above `cap` if no way costs as little."""
    floors = way.floors
    if sum(floors) > cap:
        return [], cap + 1
    for mask in product((False, True), repeat=len(floors)):
        reach = sorted((max((c for p, c in row if mask[p]), default=0) for row in way.rows.values()), reverse=True)
        if sum(reach[:count]) < sum(f for f, m in zip(floors, mask) if m):
            return [], cap + 1
    weights = best = [0] * len(floors)
    top, pace, widest = -1, 1.0, max(c for row in way.rows.values() for _, c in row)
    for _ in range(_ROUNDS):
        least = sorted(min(((_UNIT - weights[p]) * c, p, c) for p, c in row) for row in way.rows.values())
        value = sum(v for v, _, _ in least[:count]) + sum(w * f for w, f in zip(weights, floors))
        if value > _UNIT * cap:
            return [], cap + 1
        if value > top:
            top, best = value, weights
        else:
            pace *= 0.85
        short = list(floors)
        for _, p, c in least[:count]:
            short[p] -= c
        short = [s if s > 0 or w > 0 else 0 for s, w in zip(short, weights)]
        norm = sum(s * s for s in short)
        if norm == 0:
            break
        step = pace * (min(_UNIT * cap, top + _UNIT * widest) - value + 1) / norm
        weights = [max(0, w + round(step * s)) for w, s in zip(weights, short)]
    return best, -(-top // _UNIT)


@contextmanager
def _silence() -> Iterator[None]:
    # HiGHS writes its banner from C when first made, before any option can be set.
    sys.stdout.flush()
    kept, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(sink)


def _program(rows: Sequence[Row], charges: Sequence[Fees], budget: int | None) -> Picks:
    try:
        import highspy
    except ImportError:
        raise UsageError(
            f"best_split: {len(rows)} lines on {len(charges)} platforms; allowed: {SEARCH_LINES} on "
            f'{SEARCH_PLATFORMS}; shorten the list or run: pip install "quickcommerce-sim[opt]"'
        ) from None
    with _silence():
        model = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in _OPTIONS.items():
        model.setOptionValue(option, value)
    buy = {(i, p): model.addBinary() for i, row in enumerate(rows) for p, _ in row}
    use, free = [model.addBinary() for _ in charges], [model.addBinary() for _ in charges]
    for i, row in enumerate(rows):
        model.addConstr(model.qsum(buy[i, p] for p, _ in row) <= 1)
        for p, _ in row:
            model.addConstr(buy[i, p] <= use[p])
    total = model.qsum(buy[i, p] * c for i, row in enumerate(rows) for p, c in row)
    for p, fee in enumerate(charges):
        goods = model.qsum(buy[i, p] * dict(row)[p] for i, row in enumerate(rows) if (i, p) in buy)
        model.addConstr(goods >= fee.minimum_order_paise * use[p])
        model.addConstr(goods >= fee.free_delivery_from_paise * free[p])
        model.addConstr(free[p] <= use[p])
        total += (fee.handling_paise + fee.delivery_paise) * use[p] - fee.delivery_paise * free[p]
    if budget is not None:
        model.addConstr(total <= budget)
    bought = model.qsum(buy.values())
    model.maximize(bought)
    model.addConstr(bought >= round(model.getObjectiveValue()))
    model.minimize(total)
    if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise QsimError(f"best_split: HiGHS stopped with {model.getModelStatus()}; split the list")
    return {i: p for (i, p), variable in buy.items() if model.val(variable) > 0.5}
