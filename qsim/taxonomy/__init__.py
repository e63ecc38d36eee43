"""What a generated market is made of, as data: goods with their brands and packs, places, word lists.

The lists are files beside this module; `make_words.py` there writes the word lists. Nothing here is random.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from qsim.taxonomy.packs import pack_size, plainly

__all__ = ["GOODS_FILES", "Goods", "goods", "namesakes", "pack_size", "places", "plainly", "sayings", "words"]

GOODS_FILES = ("fruits_vegetables", "dairy_eggs", "snacks_beverages", "pantry_staples")


@dataclass(frozen=True)
class Goods:
    """A kind of good in all brands, variants and packs that it is sold in; prices in rupees for the first pack.

    `is_own`: its words are the brand's own, as Taaza is; another brand than those named never has it.
    """

    category: str
    subcategory: str
    group: str
    kind: str
    is_loose: bool
    unit: str
    packs: tuple[tuple[str, float], ...]
    price: float
    brands: tuple[tuple[str, float], ...]
    variants: tuple[tuple[str, float], ...]
    is_core: bool
    is_own: bool

    @property
    def combinations(self) -> int:
        """Count the products that this kind of good can be sold as."""
        return len(self.brands) * len(self.variants) * len(self.packs)


def _factors(text: str) -> tuple[tuple[str, float], ...]:
    pairs = (part.partition(":") for part in text.split("|"))
    return tuple((name.strip(), float(factor or 1)) for name, _, factor in pairs)


def _packs(text: str) -> tuple[tuple[str, float], ...]:
    sizes = ((pack.strip(), pack_size(pack)) for pack in text.split("|"))
    return tuple((pack, size[1]) for pack, size in sizes if size)


def _rows(*path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files("qsim").joinpath("taxonomy", *path).read_text("utf-8"), newline="")))


@cache
def goods() -> tuple[Goods, ...]:
    """Read all kinds of goods, in the order of their files."""
    return tuple(
        Goods(
            row["category"],
            row["subcategory"],
            row["group"],
            row["kind"],
            row["form"] == "loose",
            row["unit"],
            _packs(row["packs"]),
            float(row["price"]),
            _factors(row["brands"]),
            _factors(row["variants"]),
            row["core"] == "1",
            row["own"] == "1",
        )
        for name in GOODS_FILES
        for row in _rows("goods", f"{name}.csv")
    )


@cache
def places() -> tuple[tuple[str, str, str], ...]:
    """Read the localities of dark stores as (city, pincode, area), the largest cities first."""
    return tuple((row["city"], row["pincode"], row["area"]) for row in _rows("cities.csv"))


@cache
def sayings() -> tuple[tuple[str, str], ...]:
    """Read what goods are called in Hindi, Marathi, Tamil, Telugu, and otherwise in English, as (goods, name)."""
    return tuple((row["goods"], said) for row in _rows("said.csv") for said in row["said"].split("|"))


@cache
def namesakes() -> tuple[tuple[str, str], ...]:
    """Read which words before the name of goods make it the name of others, as (goods, word): soy milk is no milk, iced tea no tea."""
    return tuple((row["goods"], word) for row in _rows("namesakes.csv") for word in row["before"].split("|"))


@cache
def words(name: str) -> tuple[str, ...]:
    """Read a list of made-up names: `brands` or `farms`."""
    return tuple(files("qsim").joinpath("taxonomy", "words", f"{name}.txt").read_text("utf-8").split("\n")[:-1])
