"""What a market is made of, as columns in memory: its products by number, the words of their names, its dark stores, its campaigns.

None of it changes with a commit. A column of texts holds each of them once, in order, so that rows sort by numbers.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qsim.arrays import Mask
from qsim.queries import names, wording
from qsim.queries.asked import Asked, readings
from qsim.queries.known import Known, known_of
from qsim.queries.names import Meaning

Ints = NDArray[np.integer[Any]]
NONE = -(1 << 31)
# Products that the meanings of all names at hand may hold together.
_MEANT_MOST = 1 << 22
# Of how many products the names are looked at to tell the commonest.
_LOOKED_AT = 5_000
# Products that names may mean which are read ahead, all together.
_READ_AHEAD = 50_000
_NUMBERS = ("mrp", "mrp_discount_bps", "pack_units", "is_loose", "is_active")
_TEXTS = ("product", "brand", "category", "subcategory", "pack", "unit", "volatility_group")


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of texts: the different ones in order, and for each row which of them it has."""

    values: Sequence[str]
    codes: Ints

    def of(self, rows: Ints) -> list[str]:
        """Give the texts of some rows."""
        return [self.values[code] for code in self.codes[rows].tolist()]

    def among(self, wanted: Iterable[str]) -> Mask:
        """Tell for each row whether its text is one of those."""
        chosen = set(wanted)
        having: Mask = np.array([value in chosen for value in self.values], np.bool_)[self.codes]
        return having


def texts_of(column: pa.ChunkedArray) -> Texts:
    """Make a column of texts of Arrow's."""
    coded = column.combine_chunks().dictionary_encode()
    values = coded.dictionary.to_pylist()
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = np.empty(len(values), np.int32)
    ranks[order] = np.arange(len(values))
    return Texts([values[at] for at in order], ranks[coded.indices.to_numpy()])


@dataclass(frozen=True, eq=False)
class Words:
    """Where the words of products' names occur: all different words in one text, where each begins in it, and the rows of each."""

    text: str
    starts: Ints
    firsts: Ints
    rows: Ints

    def rows_with(self, stem: str, count: int, chosen: Callable[[str], bool]) -> Mask:
        """Tell for each of `count` rows whether a word of it that is chosen contains a stem, which has no blank."""
        places = [found.start() for found in re.finditer(re.escape(stem), self.text)]
        having = np.zeros(count, np.bool_)
        for word in np.unique(np.searchsorted(self.starts, places, side="right") - 1).tolist():
            if chosen(self.text[self.starts[word] : self.starts[word + 1] - 1]):
                having[self.rows[self.firsts[word] : self.firsts[word + 1]]] = True
        return having


def words_of(rows: Ints, words: pa.ChunkedArray) -> Words:
    """Make the index of words from the row and the text of each occurrence."""
    column = texts_of(words)
    order = np.argsort(column.codes, kind="stable")
    starts = np.cumsum([0, *(len(word) + 1 for word in column.values)])
    firsts = np.searchsorted(column.codes[order], np.arange(len(column.values) + 1))
    return Words(" ".join(column.values), starts, firsts, rows[order].astype(np.int32))


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of campaigns in the order of their listings: listing_id, campaign_id, discount_bps; and the campaigns' names."""

    listing: Ints
    campaign: Ints
    discount: Ints
    names: dict[int, str]


@dataclass(frozen=True, eq=False)
class Goods:
    """A market's products as columns by their number, and what else of it stays as it is.

    `mrp` is in paise, NONE for none; `mrp_discount_bps` is 0 for none. `place` orders products by name and pack; those that are
    alike in both share one.
    """

    known: Known
    texts: dict[str, Texts]
    mrp: Ints
    mrp_discount_bps: Ints
    pack_units: NDArray[np.float64]
    is_loose: Mask
    is_active: Mask
    place: Ints
    words: Words
    lines: Lines
    meanings: OrderedDict[tuple[Asked, ...], Meaning] = field(default_factory=OrderedDict)
    turn: Lock = field(default_factory=Lock)

    @property
    def count(self) -> int:
        """Count the products."""
        return len(self.is_active)

    @property
    def per(self) -> int:
        """Count the listings of a product, which are one for each dark store."""
        return len(self.known.stores)

    @cached_property
    def platform_order(self) -> Ints:
        """Give for each dark store where its platform stands in the order of their ids."""
        order = sorted({store.platform for store in self.known.stores})
        return np.array([order.index(store.platform) for store in self.known.stores], np.int32)

    @cached_property
    def contents(self) -> list[dict[str, Any]]:
        """Tell of each category its subcategories, where they have names, and how many products it has."""
        categories, shelves = self.texts["category"], self.texts["subcategory"]
        found = []
        for code, category in enumerate(categories.values):
            here = shelves.codes[categories.codes == code]
            names = [name for at in np.unique(here).tolist() if (name := shelves.values[at])]
            found.append({"category": category, "subcategories": names, "products": len(here)})
        return found

    def stores_of(self, platform: str | None) -> Ints:
        """Give the numbers of a platform's dark stores, or of all."""
        stores = self.known.stores
        return np.array([s.store_id for s in stores if platform is None or s.platform == platform], np.int64)

    def shelf(self, column: str, values: Iterable[str]) -> Mask:
        """Tell for each product whether it is on a shelf: in `column` one of the values."""
        return self.texts[column].among(values)

    def having(self, asked: wording.Words, has: Callable[[str, str], bool]) -> Mask:
        """Tell for each product whether its name or brand has all words asked for; `has` tells whether a text has a word."""
        found = np.ones(self.count, np.bool_)
        for word, stem in zip((word for word in asked if word != "and"), names.stems_of(asked), strict=True):
            found &= self.words.rows_with(stem, self.count, partial(has, word))
        return found

    def meaning(self, name: str) -> Meaning:
        """Tell which products a name means, as `names.meaning` does; what was asked before is at hand."""
        asked = readings(name)
        with self.turn:
            found = self.meanings.get(asked)
        if found is None:
            read = names.nearest_reading(name, self._meaning_in)
            found = Meaning(tuple(array("I", group) for group in read.groups), read.kin)
            with self.turn:
                self.meanings[asked] = found
                while sum(one.count for one in self.meanings.values()) > _MEANT_MOST:
                    self.meanings.popitem(last=False)
        return found

    def read_ahead(self) -> None:
        """Find out what the commonest names of goods mean, which most will ask for."""
        left = _READ_AHEAD
        step = 1 + self.count // _LOOKED_AT
        texts = (self.texts[column].of(np.arange(0, self.count, step)) for column in ("product", "brand"))
        common = Counter(names.kind(name, brand) for name, brand in zip(*texts, strict=True))
        for word, count in common.most_common():
            if left < count * step:
                return
            left -= count * step
            self.meaning(word)

    def _meaning_in(self, asked: Asked) -> Meaning:
        return names.meaning(names.kins_among(asked.words, self._candidates(asked)))

    def _candidates(self, asked: Asked) -> Iterable[tuple[int, str, str, str]]:
        if not names.stems_of(asked.words):
            return ()
        found = self.having(asked.words, _may_have)
        if asked.size:
            found &= self.texts["unit"].among([asked.size[0]]) & np.isclose(self.pack_units, asked.size[1], 1e-9, 0.0)
        rows = np.flatnonzero(found)
        texts = (self.texts[column].of(rows) for column in ("product", "brand", "subcategory"))
        return zip(rows.tolist(), *texts, strict=True)


def _may_have(word: str, text: str) -> bool:
    # What SQL lowers otherwise than Python is left to be read.
    return not text.isascii() or word in wording.words(text)


def goods_of(connection: duckdb.DuckDBPyConnection) -> Goods:
    """Read what a market is made of into memory."""

    def arrow(query: str) -> pa.Table:
        return connection.sql(query).to_arrow_table()

    found = arrow(
        f"""SELECT {", ".join(_TEXTS)}, coalesce((100 * mrp)::INTEGER, {NONE}) AS mrp, mrp_discount_bps, pack_units,
            is_loose, is_active FROM raw.goods ORDER BY product_id"""
    )
    texts = {name: texts_of(found.column(name)) for name in _TEXTS}
    words = arrow("SELECT product_id, unnest(string_split(words, ' ')) AS word FROM raw.searchable")
    alike = texts["product"].codes.astype(np.int64) * len(texts["pack"].values) + texts["pack"].codes
    made = Goods(
        known=known_of(connection),
        texts=texts,
        place=np.unique(alike, return_inverse=True)[1].astype(np.int32),
        words=words_of(words.column("product_id").to_numpy(), words.column("word")),
        lines=_lines(connection),
        **{name: found.column(name).to_numpy().copy() for name in _NUMBERS},
    )
    del found, words
    # What was read by the way is several times what stays.
    pa.default_memory_pool().release_unused()
    return made


def _lines(connection: duckdb.DuckDBPyConnection) -> Lines:
    query = "SELECT listing_id, campaign_id, discount_bps FROM raw.campaign_lines ORDER BY listing_id, campaign_id"
    columns = connection.execute(query).fetchnumpy()
    listing, campaign, discount = (np.asarray(columns[name]) for name in ("listing_id", "campaign_id", "discount_bps"))
    called = connection.execute("SELECT campaign_id, campaign FROM raw.campaigns").fetchall()
    return Lines(listing, campaign, discount, dict(called))
