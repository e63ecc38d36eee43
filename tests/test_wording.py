"""Behaviour of words: singular and plural, spellings, letters and accents."""

from __future__ import annotations

import duckdb
import pytest

from qsim.queries.texts import letters, letters_of
from qsim.queries.wording import singular, words

PLURALS = {
    "onion": "onions", "tomato": "tomatoes", "potato": "potatoes", "mango": "mangoes", "berry": "berries",
    "strawberry": "strawberries", "loaf": "loaves", "leaf": "leaves", "dal": "dals", "chilli": "chillies", "egg": "eggs",
    "radish": "radishes", "peach": "peaches", "box": "boxes", "grape": "grapes", "date": "dates", "cookie": "cookies",
    "biscuit": "biscuits", "spice": "spices", "cheese": "cheeses", "brownie": "brownies", "banana": "bananas",
    "olive": "olives", "pea": "peas", "oat": "oats", "glass": "glasses", "knife": "knives",
}  # fmt: skip


@pytest.mark.parametrize(("one", "many"), PLURALS.items())
def test_plural_and_singular_are_one_word(one: str, many: str) -> None:
    assert singular(many) == one and singular(one) == one


@pytest.mark.parametrize("word", ["asparagus", "hummus", "swiss", "gas", "tea", "as"])
def test_word_that_is_no_plural_stays(word: str) -> None:
    assert singular(word) == word


def test_spellings_of_chilli_and_dal_are_one() -> None:
    assert {singular(word) for word in ("chilies", "chili", "chilis", "chillies")} == {"chilli"}
    assert {singular(word) for word in ("daal", "dahl", "dals")} == {"dal"}


def test_words_ignore_case_punctuation_and_apostrophes() -> None:
    assert words("  Lay's  CREAM & Onions, 5%") == ("lay", "cream", "and", "onion", "5")
    assert words("Lady’s Finger") == ("lady", "finger")
    assert words("!!") == ()


def test_words_are_written_alike_in_python_and_in_sql() -> None:
    con = duckdb.connect()
    for text in (
        "Crème Brûlée",
        "Nescafe\u0301",
        "प्याज़",
        "फूल गोभी",
        "வெங்காயம்",
        "L’Oréal",
        "ÅNGSTRÖM",
        "Gruyère - Señor Ñ",
    ):
        assert con.execute(f"SELECT {letters_of('$1::VARCHAR')}", [text]).fetchall() == [(letters(text),)]
    assert letters("Crème Brûlée") == "creme brulee" and letters("फूल गोभी") == "फूल गोभी"
