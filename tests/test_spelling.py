"""Behaviour of spelling: an unknown name is answered with its words as the market spells them."""

from __future__ import annotations

import pytest

from qsim.queries.names import nearest
from tests.listed import by_hand


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("maggie", "maggi"),
        ("ashirwad atta", "aashirvaad atta"),
        ("ashirwad atta 5 kg", "aashirvaad atta"),
        ("sona masuri", "sona masoori"),
        ("amool butter", "amul butter"),
        ("yippie noodle", "yippee noodle"),
        ("thumbs up", "thums up"),
        ("battery", None),
        ("maggi battery", None),
    ],
)
def test_unknown_name_is_answered_with_its_spelling_by_the_words_of_names_and_brands(
    name: str, first: str | None
) -> None:
    con = by_hand(
        {"product": "Maggi Noodles", "brand": "Maggi"},
        {"product": "Aashirvaad Select Atta", "brand": "Aashirvaad"},
        {"product": "Sona Masoori Rice"},
        {"product": "Mango Ginger"},
        {"product": "Amul Salted Butter", "brand": "Amul"},
        {"product": "Sunfeast Yippee! Noodles", "brand": "Sunfeast"},
        {"product": "Thums Up Cola", "brand": "Thums Up"},
    )
    assert next(iter(nearest(con, name)), None) == first
