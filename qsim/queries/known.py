"""What a user may call a market's platforms, places and shelves, found in the short lists that the market has of them.

It holds lists read once and plain functions over them. It refuses to hold products, which are `names`', and prices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb

from qsim.behaviour import GROUPS
from qsim.errors import UsageError
from qsim.given import refused
from qsim.queries import names, wording
from qsim.queries.asked import AS_A_WHOLE
from qsim.queries.connection import rows_of

GROUP_WORDS = frozenset(("price", "cost", "rate"))
SHELVES = ("subcategory", "category", "volatility_group")
_NEAR = 0.7
_GROUPS = frozenset(wording.words(group) for group in GROUPS)


@dataclass(frozen=True, slots=True)
class Store:
    """A dark store: its number, its platform's id, and where it is."""

    store_id: int
    platform: str
    city: str
    pincode: str


@dataclass(frozen=True)
class Known:
    """A market's platforms (id, display name) and dark stores in the order of their numbers, and its shelves' names by column."""

    platforms: Sequence[tuple[str, str]]
    stores: Sequence[Store]
    shelves: Mapping[str, Sequence[str]]

    @cached_property
    def called(self) -> dict[str, list[tuple[str, wording.Words]]]:
        """Give for each column the names of its shelves with the words that they are of."""
        return {column: [(value, wording.words(value)) for value in values] for column, values in self.shelves.items()}

    @cached_property
    def has_many_stores(self) -> bool:
        """Tell whether a platform has more than one store, so that answers have to say which."""
        return len(self.stores) > len({store.platform for store in self.stores})


def known_of(connection: duckdb.DuckDBPyConnection) -> Known:
    """Read the lists of a market."""
    platforms = rows_of(connection, "SELECT platform, name FROM platforms ORDER BY platform_id")
    stores = connection.execute("SELECT store_id, platform, city, pincode FROM stores ORDER BY store_id").fetchall()
    shelves = connection.execute(f"SELECT DISTINCT {', '.join(SHELVES)} FROM categories").fetchall()
    return Known(
        [(row["platform"], row["name"]) for row in platforms],
        [Store(*store) for store in stores],
        {column: sorted({row[at] for row in shelves}) for at, column in enumerate(SHELVES)},
    )


def check_place(known: Known, column: str, value: str | None) -> None:
    """Refuse a city or pincode (`column`) in which the market has no store."""
    if value is None:
        return
    places = list(dict.fromkeys(str(getattr(store, column)) for store in known.stores))
    if str(value).lower() not in {place.lower() for place in places}:
        raise UsageError(
            f"{column} '{value!s:.60}': no store there; allowed: {names.nearest_of(str(value), places)}; choose one"
        )


def check_platform(known: Known, platform: str) -> str:
    """Give the id of a platform from its id or display name, in any case; UsageError for one that is not there."""
    if not isinstance(platform, str):
        raise refused("platform", platform, "the id or name of one, as text")
    for one, name in known.platforms:
        if platform.lower() in (one.lower(), name.lower()):
            return one
    allowed = names.nearest_of(platform, [one for one, _ in known.platforms])
    raise UsageError(f"platform '{platform:.60}': not in this market; allowed: {allowed}; choose one")


def closed_of(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Read which platforms of a market take no orders now."""
    return frozenset(
        name for (name,) in connection.execute("SELECT platform FROM platforms WHERE NOT is_open").fetchall()
    )


def check_open(closed: Collection[str], *platforms: str | None) -> None:
    """Refuse a platform that takes no orders now: nothing of it is to be had. None stands for no platform in particular."""
    for platform in platforms:
        if platform is not None and platform in closed:
            raise UsageError(
                f"platform '{platform:.60}': closed now, it takes no orders; allowed is one that is open; name another"
            )


def shelf(known: Known, text: str, *, loosely: bool = False) -> tuple[str, list[str]] | None:
    """Find what a user calls a category: the column of `products` that has it, with its values, or None.

    In this order, singular or plural, with or without `price` behind: a subcategory, a category, a volatility
    group (`fruits`, `dairy`); then `veggies` are vegetables. `loosely` also takes a name that has all the words, as `Fresh
    Fruits` has `fruit`; but `Fruits & Vegetables` is not taken for a group of which the market has nothing: what lies there
    is of the other.
    """
    asked = tuple(word for word in wording.words(text) if word not in GROUP_WORDS)
    found, other = _shelf(known, asked, loosely), AS_A_WHOLE.get(asked)
    return _shelf(known, other, loosely) if found is None and other is not None else found


def _shelf(known: Known, asked: tuple[str, ...], loosely: bool) -> tuple[str, list[str]] | None:
    if not asked:
        # A user's list may have no subcategories: what says nothing does not mean that of no name.
        return None
    for column in SHELVES:
        values = [value for value, words in known.called[column] if words == asked]
        if values:
            return column, values
    for column in SHELVES[: 2 if loosely else 0]:
        named = [pair for pair in known.called[column] if set(asked) <= set(pair[1])]
        values = [value for value, words in named if asked not in _GROUPS or "and" not in words]
        if values:
            return column, values
    return None


def known_shelf(known: Known, category: str) -> tuple[str, list[str]]:
    """Find what a user calls a category as `shelf` does, loosely; UsageError where there is none."""
    where = shelf(known, category, loosely=True)
    if where is None:
        allowed = ", ".join(list(dict.fromkeys([*near_shelves(known, category), *known.shelves["category"]]))[:12])
        raise UsageError(f"category '{category:.60}': not in this market; allowed: {allowed}; choose one")
    return where


def near_shelves(known: Known, text: str) -> list[str]:
    """Give the three likeliest names of shelves that a text may be a part or a misspelling of, whole or in one of their words."""
    asked = " ".join(wording.words(text))
    if len(asked) < 2:
        return []
    likeness: dict[str, float] = {}
    for column in SHELVES[:2]:
        for name, called in known.called[column]:
            near = max((_likeness(asked, one) for one in (" ".join(called), *called)), default=0.0)
            likeness[name] = max(near, likeness.get(name, 0.0))
    close = [name for name in likeness if name and likeness[name] >= _NEAR]
    return sorted(close, key=lambda name: (-likeness[name], len(name), name))[:3]


def _likeness(asked: str, name: str) -> float:
    """Tell from 0 to 1 how like two words are; the beginning of a word is as near as can be."""
    from difflib import SequenceMatcher

    return 1.0 if name.startswith(asked) else SequenceMatcher(None, name, asked, autojunk=False).ratio()


def two_platforms(known: Known, first: str, second: str) -> tuple[str, str]:
    """Give the ids of two platforms that are to be compared; UsageError for one that is not there and for one with itself."""
    one, other = check_platform(known, first), check_platform(known, second)
    if one == other:
        raise UsageError(f"compare: '{one:.60}' with itself; allowed are two different platforms; name another")
    return one, other


@dataclass(frozen=True)
class Meant:
    """What is compared: `product` or the column of a shelf, its names, and the conditions to try in turn as (column, values)."""

    kind: str
    names: Sequence[str]
    attempts: Sequence[tuple[str, Sequence[Any]]]


def meant(known: Known, meaning: Callable[[str], names.Meaning], what: str) -> Meant | None:
    """Tell what `what` is, a shelf or a product that `meaning` knows; None where it names nothing."""
    where = shelf(known, what)
    if not where:
        asked = asked_of(what)
        found, where = meaning(asked), shelf(known, what, loosely=True)
        # Of a group that the market lacks `Mixed Fruit Jam` is none either.
        if where is None and not found.is_near and wording.words(asked) in _GROUPS:
            return None
        if found.groups and (where is None or found.is_near):
            return Meant("product", [asked], [("product_id", group) for group in found.groups])
    return None if where is None else Meant(where[0], where[1], [where])


def asked_of(what: str) -> str:
    """Give the name that is asked for, without `prices` behind it."""
    return " ".join(word for word in what.split() if wording.singular(word.lower()) not in GROUP_WORDS)
