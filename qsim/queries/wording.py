"""The words of a text as names are compared: lower case, singular, without signs, in Latin and in Indian scripts.

It holds what a word is. It refuses to hold which product a word means.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from qsim.queries.texts import letters

Words = tuple[str, ...]

_ODD = {
    "loaves": "loaf", "leaves": "leaf", "knives": "knife", "halves": "half", "calves": "calf", "shelves": "shelf",
    "cookies": "cookie", "brownies": "brownie", "smoothies": "smoothie", "veggies": "veggie", "candies": "candy",
    "chillies": "chilli", "chilies": "chilli", "chilis": "chilli", "chili": "chilli", "chilly": "chilli",
    "dahls": "dal", "dahl": "dal", "daal": "dal", "daals": "dal", "yoghurt": "yogurt", "yoghurts": "yogurt",
    "pies": "pie", "geese": "goose", "gas": "gas", "shoes": "shoe",
}  # fmt: skip
_SAME = ("ss", "us", "is")
_DROP_ES = ("oes", "shes", "ches", "xes", "sses", "zzes")
_WORD = re.compile(r"[^\W_]+|[&+]")
_MARKS, _BETWEEN = ("Mn", "Mc", "Me"), {"&": " & ", "+": " + "}


@lru_cache(maxsize=1 << 13)
def singular(word: str) -> str:
    """Give the singular of a lower-case word; a singular stays as it is, and so does a word that is no noun's plural."""
    if word in _ODD:
        return _ODD[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(_SAME):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(_DROP_ES) else word[:-1]


def words(text: str) -> Words:
    """Split a text into lower-case singular words; `&` and `+` are the word `and`, apostrophes are dropped.

    A word holds letters, digits and the marks on them, which vowels are in Indian scripts.
    """
    plain = letters(text)
    found = _WORD.findall(plain) if plain.isascii() else _split(plain)
    return tuple(["and" if word in "&+" else singular(word) for word in found])


def _split(plain: str) -> list[str]:
    """Split a text that is not of ASCII alone."""
    signs = (
        sign if sign.isalnum() or unicodedata.category(sign) in _MARKS else _BETWEEN.get(sign, " ") for sign in plain
    )
    return "".join(signs).split()
