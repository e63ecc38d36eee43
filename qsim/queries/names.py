"""Which products a user means by a name such as `onions`: words, singular and plural, and degrees of likeness.

It holds the reading of names and one query that fetches likely products. It refuses to hold prices, stock and
what is done with the products found: a caller gets product ids, the closest kin first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache, partial
from itertools import chain
from typing import NamedTuple

import duckdb

from qsim.errors import UsageError
from qsim.queries.asked import AS_A_WHOLE, Asked, in_other_words, joined, pack_in, parted, readings
from qsim.queries.connection import rows_of
from qsim.queries.namesakes import is_namesake, is_prepared
from qsim.queries.spelling import ALIKE, respelled
from qsim.queries.texts import letters, letters_of
from qsim.queries.wording import Words, words

_JOINING = {"and", "n", "with", "no", "or", "without"}
# What may follow the name of goods and only says in which form they come: `Walnut Kernels` are walnuts, a walnut brownie is none.
_FORMS = {"whole", "kernel", "split", "half", "piece", "broken", "raw"}
_SUFFIX = re.compile(r"\s+[-–]\s+|\s*\(")
# Without these a name has one reading.
_MARKED = re.compile(r"[-–(/]")
# What stands between the goods that a subcategory is named after.
_LISTED = re.compile(r"[,&+/]|\band\b", re.IGNORECASE)
_DASH, _BRACKET = re.compile(r"\s[-–]\s"), re.compile(r"\(([^)]*)\)")
# What stands on one side of a slash; the signs of vowels in Indian scripts, and marks above letters, are no \w.
_SIDE = r"([\w\u0300-\u036f\u0900-\u0dff]+)"


class Kin(IntEnum):
    """How near a product is to the name asked for: it and no more, a sort of it, of that kind, a form of it, other goods that are
    called after it, or with its words.
    """

    PLAIN = 1
    EXACT = 2
    KIND = 3
    FORM = 4
    NAMESAKE = 5
    MENTION = 6


def _either_side(text: str) -> Iterable[str]:
    """Read `Toor/Arhar Dal` as both `Toor Dal` and `Arhar Dal`, and `Toor Dal/Togari Bele` as each side alone."""
    yield text
    sides = re.split(r"\s*/+\s*", text)
    if len(sides) > 1:
        # Sides of unlike length are no two names of one thing: `Chai/Coffee Bone China Mug`.
        if len(sides) == 2 and abs(len(words(sides[0])) - len(words(sides[1]))) < 2:
            yield from sides
        yield re.sub(rf"{_SIDE}\s*/+\s*{_SIDE}", r"\1", text)
        yield re.sub(rf"{_SIDE}\s*/+\s*{_SIDE}", r"\2", text)


_maker = lru_cache(maxsize=1 << 12)(words)


class _Read(NamedTuple):
    """A product's name as read: all words, the heads, and every form that is the name."""

    full: Words
    heads: tuple[Words, ...]
    names: Collection[Words]


# Reading a name is most of what finding products costs, and the names of a market stay the same.
@lru_cache(maxsize=1 << 12)
def _read(name: str, maker: Words) -> _Read:
    full = words(name)
    if not _MARKED.search(name):
        head = _unbranded(full, maker)
        return _Read(full, (head,), (full, head))
    parts = _SUFFIX.split(name, maxsplit=1)
    heads = tuple(_unbranded(words(side), maker) for side in _either_side(parts[0]))
    rest = words(parts[1]) if len(parts) > 1 else ()
    brackets = {words(side) for inside in _BRACKET.findall(name) for side in _either_side(inside)}
    names = {*heads, *brackets, full, *(rest + head for head in heads), *(head + rest for head in heads)}
    return _Read(full, heads, names)


def _shared(name: str, brand: str, maker: Words) -> tuple[str, Words]:
    """Leave out a brand that a name begins with, since what follows is the same in many names, unless it is the goods' own name."""
    begin = len(brand) + 1
    if brand and name.startswith(f"{brand} ") and not _MARKED.match(name, begin):
        return name[begin:], ()
    return name, maker


def kin(asked: Words, name: str, brand: str = "") -> Kin | None:
    """Tell how near a product's name is to the words asked for, or None where a word is missing.

    EXACT: the name without brand, without bracket and without what follows a dash, or these turned round
    (`Apple - Shimla` is `shimla apple`), or a bracket alone (`Spinach (Palak)` is `palak`); PLAIN where there is
    no dash. KIND: it is cut up, as `Onion - Sliced`, or that name ends with the words, as `Red Onion` does and `Onion Rings`
    or `Cream & Onion` does not. FORM: it does but for a word behind that tells a form, as `Black Pepper Whole`. NAMESAKE: it
    does, but names other goods, as `Soy Milk`. MENTION: anything else that has the words, such as a flavour, and sets of
    several goods, joined by `+`.
    """
    maker = _maker(brand)
    read = _read(*_shared(name, brand, maker))
    if not asked or not all(word in read.full or word in maker for word in asked):
        return None
    if "+" in name:
        return Kin.MENTION
    asked = _unbranded(asked, maker)
    if asked in read.names:
        return Kin.PLAIN if not (sort := _DASH.split(name, 1)[1:]) else Kin.KIND if is_prepared(sort[0]) else Kin.EXACT
    if kinds := [head for head in read.heads if _ends_with(head, asked)]:
        return Kin.NAMESAKE if all(is_namesake(head, asked) for head in kinds) else Kin.KIND
    formed = (head[:-1] for head in read.heads if head and head[-1] in _FORMS)
    return Kin.FORM if any(head == asked or _ends_with(head, asked) for head in formed) else Kin.MENTION


def _ends_with(name: Words, asked: Words) -> bool:
    """Tell whether a name is of that kind: it ends with the words, and what stands before them joins nothing to them."""
    before = len(name) - len(asked)
    return before > 0 and name[before:] == asked and name[before - 1] not in _JOINING


def _unbranded(name: Words, maker: Words) -> Words:
    return name[len(maker) :] if maker and name != maker and name[: len(maker)] == maker else name


def kind(name: str, brand: str) -> str:
    """Give the word that says what a product is: the last of its name without brand, bracket and what follows a dash."""
    read = _read(*_shared(name, brand, _maker(brand)))
    return (read.heads[0] or read.full or ("",))[-1]


def groups(kins: Sequence[tuple[int, Kin, bool]]) -> list[list[int]]:
    """Order product ids into groups, nearest first: (id, kin, whether its subcategory has the name asked for).

    The thing itself; sorts of it; those of that kind in the subcategory of that name (`milk` is first of all what lies under Milk);
    others of that kind. Forms answer only where there is nothing of these; then come namesakes, and mentions alone.
    """
    near = [
        [at for at, degree, _ in kins if degree == Kin.PLAIN],
        [at for at, degree, _ in kins if degree == Kin.EXACT],
        [at for at, degree, shelf in kins if degree == Kin.KIND and shelf],
        [at for at, degree, shelf in kins if degree == Kin.KIND and not shelf],
    ]
    forms, others = ([at for at, degree, _ in kins if degree == far] for far in (Kin.FORM, Kin.NAMESAKE))
    found = [group for group in (*near, [] if any(near) else forms, others) if group]
    return found or ([[at for at, _, _ in kins]] if kins else [])


class UnknownNameError(UsageError):
    """A name of which a market has no product; SQL finds the nearest ones to tell of."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name means: groups of product ids, nearest first, and how near the nearest is; None without any."""

    groups: tuple[Sequence[int], ...]
    kin: Kin | None

    @property
    def is_near(self) -> bool:
        """Tell whether there is the thing itself, a sort of it or one of its kind."""
        return self.kin is not None and self.kin <= Kin.KIND

    @property
    def count(self) -> int:
        """Count the products, and one for the name itself."""
        return 1 + sum(map(len, self.groups))


def meaning(kins: Sequence[tuple[int, Kin, bool]]) -> Meaning:
    """Tell what a name means by the products that have its words."""
    return Meaning(tuple(groups(kins)), min((degree for _, degree, _ in kins), default=None))


def nearest_reading(text: str, meaning_in: Callable[[Asked], Meaning]) -> Meaning:
    """Tell what a text means: its first reading with near products, else one in other words, or in words written together or
    apart, else the first with forms of it, with namesakes, with any.
    """
    meaning_in, found = cache(meaning_in), Meaning((), None)
    for reading in readings(text):
        read = meaning_in(reading)
        if read.is_near:
            return read
        if read.kin is not None and (found.kin is None or read.kin < found.kin):
            found = read
    others = map(meaning_in, chain(in_other_words(text), joined(text), parted(text)))
    if near := next((read for read in others if read.is_near), None):
        return near
    # Brands are mentions alone: `kit kat`.
    return found if found.kin else next((read for read in map(meaning_in, joined(text)) if read.kin), found)


def meaning_of(connection: duckdb.DuckDBPyConnection, name: str) -> Meaning:
    """Tell what a name means in a market."""
    return nearest_reading(name, partial(_meaning_in, connection))


def products_named(connection: duckdb.DuckDBPyConnection, name: str) -> list[list[int]]:
    """Find the ids of the products that a name means, in groups, nearest first; an unknown name gives none."""
    return [list(group) for group in meaning_of(connection, name).groups]


def stems_of(asked: Words) -> list[str]:
    """Give the first letters that every form of each word shares, so that a sieve goes before what is read word by word."""
    return [word[: max(3, len(word) - 2)] for word in asked if word != "and"]


def _meaning_in(connection: duckdb.DuckDBPyConnection, asked: Asked) -> Meaning:
    """Tell what a reading means by the products that have its words, and its pack where it has one."""
    stems = stems_of(asked.words)
    if not stems:
        return Meaning((), None)
    have = [f"contains(words, ${number})" for number in range(1, 1 + len(stems))]
    if asked.size:
        have.append(f"unit = ${1 + len(stems)} AND abs(pack_units / ${2 + len(stems)} - 1) < 1e-9")
    rows = connection.execute(
        f"""SELECT product_id, product, brand, subcategory FROM products JOIN raw.searchable USING (product_id)
            WHERE {" AND ".join(have)} ORDER BY product_id""",
        [*stems, *(asked.size or ())],
    ).fetchall()
    return meaning(kins_among(asked.words, rows))


def kins_among(asked: Words, products: Iterable[tuple[int, str, str, str]]) -> list[tuple[int, Kin, bool]]:
    """Choose of (id, name, brand, subcategory) what has the words asked for: (id, kin, whether the subcategory is called so)."""
    return [
        (number, degree, _unbranded(asked, _maker(brand)) in _called(subcategory))
        for number, product, brand, subcategory in products
        if (degree := kin(asked, product, brand)) and (degree < Kin.MENTION or asked not in AS_A_WHOLE)
    ]


@lru_cache(maxsize=1 << 10)
def _called(subcategory: str) -> frozenset[Words]:
    """Give what a subcategory is called: its whole name, and each good of `Butter & Cream`, where peanut butter does not lie."""
    return frozenset(words(part) for part in (subcategory, *_LISTED.split(subcategory)))


def nearest(connection: duckdb.DuckDBPyConnection, name: str, count: int = 3) -> list[str]:
    """Give the packs that there are of what a name means, else the name as the market spells its words and the product names that
    look most like it, without brand, bracket and what follows a dash; none where none looks like it.
    """
    if found := pack_in(name):
        name = found[2]
        packs = packs_of(connection, name)
        if packs:
            return [f"{name} {pack}" for pack in packs[:count]]
    rows = rows_of(
        connection,
        rf"""SELECT head, greatest(jaro_winkler_similarity({letters_of("head")}, $1), 0.98 * list_max(list_transform(
                string_split({letters_of("head")}, ' '), lambda word: jaro_winkler_similarity(word, $1)))) AS likeness FROM (
                SELECT DISTINCT regexp_replace(CASE WHEN brand <> '' AND starts_with(product, brand || ' ')
                    THEN product[length(brand) + 2:] ELSE product END, '\s+[-–]\s.*|\s*\(.*', '') AS head FROM products)
            WHERE head <> '' AND likeness >= $3 ORDER BY likeness DESC, length(head), head LIMIT $2""",
        [letters(name).strip(), count, ALIKE],
    )
    heads, right = [row["head"] for row in rows], respelled(connection, name)
    told = right is not None and right not in map(str.lower, heads) and products_named(connection, right)
    return [right, *heads][:count] if right and told else heads


def packs_of(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Give the packs of the nearest products that a name means, the commonest first."""
    ids = [at for group in meaning_of(connection, name).groups[:1] for at in group]
    rows = connection.execute(
        """SELECT pack FROM products WHERE list_contains($1::UINTEGER[], product_id) AND pack <> ''
            GROUP BY pack ORDER BY count(*) DESC, pack""",
        [ids],
    ).fetchall()
    return [pack for (pack,) in rows]


def known_products(connection: duckdb.DuckDBPyConnection, name: str) -> list[list[int]]:
    """Find products as `products_named` does; UsageError with the nearest names where there are none."""
    found = products_named(connection, name)
    if not found:
        near = ", ".join(nearest(connection, name))
        allowed = f"nearest: {near}" if near else "allowed are those of the view products, none of them alike"
        raise UsageError(f"product '{name:.60}': this market has none; {allowed}; correct the name")
    return found


def nearest_of(name: str, allowed: Sequence[str]) -> str:
    """Write the allowed words of a short list for an error, the likely one first where there is one."""
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), [word.lower() for word in allowed], n=1)
    first = [word for word in allowed if word.lower() in close]
    rest = [word for word in allowed if word not in first]
    return ", ".join([*first, *rest][:12]) + (", ..." if len(allowed) > 12 else "")
