"""What a user may mean by the text that is asked for: as it stands, with a pack (`atta 5 kg`), in a language of India (`pyaz`).

It holds the readings of a text, the plainest first. It refuses to hold the products that a market has: a caller tries the
readings in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from qsim import taxonomy
from qsim.queries.wording import Words, words
from qsim.taxonomy.packs import THINGS

_PACK = re.compile(
    r"(?<![\w.])(?:[1-9]\d*\s*[x×]\s*)?(?:\d+(?:\.\d+)?|\.\d+)\s*([a-z]+)\b\.?|\b(dozen)\b|\bpack\s+of\s+\d+\s*$",
    re.IGNORECASE,
)
# Words that are units on a label and something else in a question: `7 no sugar drinks`, `2 egg noodles`.
_NO_UNITS = frozenset(
    ("n", "no", "nos", "u", "each", "count", "ct", "unit", "units", "pack", "packs", "packet", "pkt", "pair", "pairs")
) | {word for thing in THINGS.split() for word in (thing, f"{thing}s")}
# What stands between a pack and its goods, before and after it.
_BEFORE = re.compile(r"(?:\b(?:packs?|packets?|pouch(?:es)?|bottles?|of|a)\s*)+$", re.IGNORECASE)
# Only with `of` is a bottle no vegetable.
_AFTER = re.compile(r"^\s*(?:(?:\w+\s+)?of\b|(?:packs?|packets?|pouch(?:es)?)\b)", re.IGNORECASE)
# Words that may be written together or apart: how many a text has at most, and how long they are.
_MOST_PARTED, _LEAST_PART, _LONGEST_WORD = 3, 3, 20
_JOINT = re.compile(r"(?<=\d)\s*(?=[a-z])", re.IGNORECASE)
# What people call a shelf as a whole, and no product: what only has the word, as veggie stix, is not meant.
AS_A_WHOLE = {
    words(said): words(name)
    for name, called in (
        ("vegetables", "veggies|sabzi|sabji|सब्ज़ी|सब्जी|भाजी"),
        ("fruits", "phal|फल"),
        ("soft drinks", "cold drinks|कोल्ड ड्रिंक"),
        ("dairy", "dairy products|milk products"),
    )
    for said in called.split("|")
}


@dataclass(frozen=True)
class Asked:
    """A reading of a text: the words that a product must have, and its pack as (unit, units), None for any."""

    words: Words
    size: tuple[str, float] | None = None
    text: str = field(default="", compare=False)


def pack_in(text: str) -> tuple[str, tuple[str, float], str] | None:
    """Find a pack in a text: what stands for it, its size, and the text without it; None where there is no pack or nothing else."""
    text = taxonomy.plainly(text)
    for found in _PACK.finditer(text):
        size = None if (found[1] or "").lower() in _NO_UNITS else taxonomy.pack_size(found[0])
        rest = f"{_BEFORE.sub('', text[: found.start()])} {_AFTER.sub('', text[found.end() :])}"
        rest = " ".join(rest.split())
        if size and words(rest):
            return found[0], size, rest
    return None


@lru_cache(maxsize=1 << 12)
def readings(text: str) -> tuple[Asked, ...]:
    """Give the readings of a text, the plainest first: its own words, then without its pack, then these in English."""
    plain = list(dict.fromkeys(_plain(text)))
    return tuple(
        dict.fromkeys(
            (*plain, *(Asked(english, one.size, one.text) for one in plain for english in _english(one.words)))
        )
    )


def _plain(text: str) -> Iterator[Asked]:
    yield Asked(words(text), None, text)
    if found := pack_in(text):
        yield Asked(words(found[2]), found[1], found[2])
        # Where packs are told by names alone, they may be written apart or together.
        for between in ("", " "):
            yield Asked(words(text.replace(found[0], _JOINT.sub(between, found[0]))), None, text)


def _english(said: Words) -> Iterator[Words]:
    """Give the words with those of other languages translated, the longest run of words that is known first; none if none is."""
    known, at, made = _dictionary(), 0, list[str]()
    while at < len(said):
        run = next((n for n in (3, 2, 1) if said[at : at + n] in known and at + n <= len(said)), 0)
        made += known[said[at : at + run]] if run else said[at : at + 1]
        at += run or 1
    if tuple(made) != said:
        yield tuple(made)


def in_other_words(text: str) -> Iterator[Asked]:
    """Give readings in which one of the goods has another of its names: `curd` as `dahi` and `दही`, as a user's own list may say."""
    known = _said_as()
    for one in readings(text):
        runs = ((at, n) for n in (3, 2, 1) for at in range(len(one.words) - n + 1))
        at, n = next(((at, n) for at, n in runs if one.words[at : at + n] in known), (0, 0))
        for other in known[one.words[at : at + n]] if n else ():
            yield _with(one, at, n, other)


def joined(text: str) -> Iterator[Asked]:
    """Give readings in which two words that follow each other are one: `kit kat` as `kitkat`."""
    for one in _short(text):
        for at in range(1, len(one.words)):
            yield _with(one, at - 1, 2, (one.words[at - 1] + one.words[at],))


def parted(text: str) -> Iterator[Asked]:
    """Give readings in which a word is two: `cornflakes` as `corn flakes`."""
    for one in _short(text):
        for at, word in enumerate(one.words):
            for end in range(_LEAST_PART, len(word) - _LEAST_PART + 1 if len(word) <= _LONGEST_WORD else 0):
                yield _with(one, at, 1, words(f"{word[:end]} {word[end:]}"))


def _with(one: Asked, at: int, count: int, other: Words) -> Asked:
    """Give a reading with other words in the place of so many of its own."""
    return Asked((*one.words[:at], *other, *one.words[at + count :]), one.size, one.text)


def _short(text: str) -> Iterator[Asked]:
    """Give a text's own words, with and without its pack, where these are few: many can be parted in too many ways."""
    return (one for one in islice(_plain(text), 2) if len(one.words) <= _MOST_PARTED)


@lru_cache(maxsize=1)
def _said_as() -> dict[Words, list[Words]]:
    said_as: dict[Words, list[Words]] = {}
    for said, goods in _dictionary().items():
        said_as.setdefault(goods, []).append(said)
    return said_as


@lru_cache(maxsize=1)
def _dictionary() -> dict[Words, Words]:
    return {words(said): words(goods) for goods, said in taxonomy.sayings()}
