"""Layers of plain values: tables laid over tables, as the parameters of a preset, a file and an option are.

Knows which tables are laws, that one layer gives whole; knows no other rule of any parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Whole(dict[str, Any]):
    """A table that takes the place of the one that it is laid over, all keys of it."""


class Part(dict[str, Any]):
    """A table of a single assignment: laid over another it changes the keys that it names alone."""


# Tables with keys of the user's own, and shares that mean something together: given, they are given whole.
_LAWS = ("time_of_day", "sales.days", "sales.depths", "demand.units", "price_points.packaged", "price_points.loose")
_LAWS_OF_EACH = (
    "price_points.platforms",
    "assortment.mrp.levels",
    "assortment.mrp.endings",
    "assortment.mrp.discounts",
)


def _is_law(place: str) -> bool:
    return place in _LAWS or place.rpartition(".")[0] in _LAWS_OF_EACH


def merge(base: Mapping[str, Any], changes: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """Lay changes over a base, tables inside tables; neither is altered. A law, such as that of the depths of sales, takes
    the place of the one below it.
    """
    merged = type(base)(base) if isinstance(base, (Whole, Part)) else dict(base)
    for key, value in changes.items():
        inner, inside = merged.get(key), f"{place}{key}"
        whole = isinstance(value, Whole) or (_is_law(inside) and not isinstance(value, Part))
        if isinstance(inner, Mapping) and isinstance(value, Mapping) and not whole:
            value = merge(inner, value, f"{inside}.")
        merged[key] = value
    return merged
