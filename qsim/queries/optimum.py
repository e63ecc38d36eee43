"""The cheapest way to buy a shopping list: on one app, or split over several, with every fee.

The module holds exact optimisation over plain values: lines, what each platform asks for them, what
each platform charges for an order. It refuses to hold where these come from: it reads no market, no
catalogue and no file, chooses no listing (a caller passes the offers that may be bought) and knows no
platform by name. All money is in integer paise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from qsim.errors import QsimError, UsageError
from qsim.queries.optimum_program import program
from qsim.queries.optimum_solver import Picks, Row, search

SEARCH_LINES = 30
SEARCH_PLATFORMS = 5


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
    picks = _solve(rows, charges, budget_paise)
    _settle(rows, charges, picks)
    chosen = {wanted[row]: names[p] for row, p in picks.items()}
    plan = _plan(lines, offers, fees, chosen, set(names))
    if any(order.goods_paise < fees[order.platform].minimum_order_paise for order in plan.orders) or (
        budget_paise is not None and plan.total_paise > budget_paise
    ):
        raise QsimError("best_split: the solver's plan breaks a minimum order or the budget; split the list")
    return plan


def split_over(
    lines: Sequence[Line], fees: Mapping[str, Fees], names: Collection[str], budget_paise: int | None = None
) -> Plan:
    """Return what `best_split` gives where only the platforms of these names may be ordered from."""
    own = [Line(line.name, line.quantity, tuple(o for o in line.offers if o.platform in names)) for line in lines]
    return best_split(own, {name: fees[name] for name in names}, budget_paise)


def worth(plan: Plan) -> tuple[int, int, int]:
    """Order plans as `best_split` does: most lines, then least total, then fewest orders."""
    return -sum(len(order.items) for order in plan.orders), plan.total_paise, len(plan.orders)


def bought(plan: Plan) -> set[str]:
    """Give the names of the lines that a plan buys."""
    return {item.name for order in plan.orders for item in order.items}


def _solve(rows: Sequence[Row], charges: Sequence[Fees], budget: int | None) -> Picks:
    if len(rows) <= SEARCH_LINES and len(charges) <= SEARCH_PLATFORMS:
        return search(rows, charges, budget)
    try:
        return program(rows, charges, budget)
    except ImportError:
        raise UsageError(
            f"best_split: {len(rows)} lines on {len(charges)} platforms; allowed: {SEARCH_LINES} on {SEARCH_PLATFORMS};"
            ' shorten the list and name five platforms at most, or run: pip install "quickcommerce-sim[opt]"'
        ) from None


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
                if alone:
                    del goods[old]
                break
