"""Behaviour of readings: packs told with a name, and goods called by their names in languages of India."""

from __future__ import annotations

import pytest

from qsim import taxonomy
from qsim.queries.asked import pack_in, readings
from qsim.queries.names import Kin, kin
from qsim.queries.wording import words


@pytest.mark.parametrize(
    ("text", "rest", "size"),
    [
        ("1kg atta", "atta", ("kg", 1.0)),
        ("amul butter 500 g", "amul butter", ("kg", 0.5)),
        ("Amul Butter 500g", "Amul Butter", ("kg", 0.5)),
        ("1.5 litres of milk", "milk", ("l", 1.5)),
        ("500 g pack of butter", "butter", ("kg", 0.5)),
        ("1 kg bottle gourd", "bottle gourd", ("kg", 1.0)),
        ("750 ml bottle of Pepsi", "Pepsi", ("l", 0.75)),
        ("butter 500 gm packet", "butter", ("kg", 0.5)),
        ("a dozen eggs", "eggs", ("piece", 12.0)),
        ("2 x 500 ml milk", "milk", ("l", 1.0)),
        ("1/2 kg onion", "onion", ("kg", 0.5)),
        ("½ kg onion", "onion", ("kg", 0.5)),
        ("half kg onion", "onion", ("kg", 0.5)),
        ("half a dozen eggs", "eggs", ("piece", 6.0)),
        ("दूध 500 मिली", "दूध", ("l", 0.5)),
        ("१ किलो प्याज", "प्याज", ("kg", 1.0)),
        ("Lay's Chips Pack of 6", "Lay's Chips", ("piece", 6.0)),
        ("pack of 2 kg atta", "atta", ("kg", 2.0)),
        ("pack of 6 x 200 ml juice", "juice", ("l", 1.2)),
        ("24 Mantra Besan 500 g", "24 Mantra Besan", ("kg", 0.5)),
    ],
)
def test_pack_is_taken_out_of_a_text(text: str, rest: str, size: tuple[str, float]) -> None:
    found = pack_in(text)
    assert found is not None and found[1:] == (size, rest)


@pytest.mark.parametrize(
    "text",
    [
        "onion",
        "7up",
        "1 kg",
        "7 no sugar drinks",
        "2 egg noodles",
        "2 pair socks",
        "20 sachets shampoo",
        "half n half",
        "0 g butter",
        "12 eggs",
        "2 packs of bread",
        "v1.5 l",
        "9" * 50 + " kg atta",
    ],
)
def test_text_without_a_pack_or_without_goods_has_none(text: str) -> None:
    assert pack_in(text) is None


def test_own_words_are_the_first_reading_and_those_of_other_languages_the_last() -> None:
    assert [(one.words, one.size) for one in readings("aloo 1kg")] == [
        (("aloo", "1kg"), None), (("aloo",), ("kg", 1.0)), (("aloo", "1", "kg"), None),
        (("potato", "1kg"), None), (("potato",), ("kg", 1.0)), (("potato", "1", "kg"), None),
    ]  # fmt: skip
    assert len(readings("onions")) == 1


@pytest.mark.parametrize(
    ("said", "goods"),
    [
        ("pyaaz", "onion"), ("प्याज़", "onion"), ("प्याज", "onion"), ("கத்தரிக்காய்", "brinjal"), ("shimla mirch", "capsicum"),
        ("hari mirch", "green chilli"), ("organic aloo", "organic potato"), ("sarson ka tel", "mustard oil"),
        ("chai patti", "tea"), ("sendha namak", "rock salt"), ("dalchini", "cinnamon"), ("tuvar dal", "toor dal"),
        ("nariyal pani", "coconut water"), ("ladi pav", "pav"), ("soya sauce", "soy sauce"), ("desi ghee", "ghee"),
    ],
)  # fmt: skip
def test_longest_run_of_words_that_is_known_is_translated(said: str, goods: str) -> None:
    assert readings(said)[-1].words == words(goods)


def test_every_name_of_other_languages_is_of_goods_that_markets_have_and_of_one_alone() -> None:
    kinds = {one.kind for one in taxonomy.goods()}
    said: dict[tuple[str, ...], str] = {}
    for goods, name in taxonomy.sayings():
        assert any((kin(words(goods), kind) or Kin.MENTION) < Kin.MENTION for kind in kinds), goods
        assert words(name) and said.setdefault(words(name), goods) == goods, name


def test_every_namesake_is_told_by_one_word_before_goods_that_markets_have() -> None:
    kinds = {one.kind for one in taxonomy.goods()}
    for goods, word in taxonomy.namesakes():
        assert len(words(word)) == 1, word
        assert any(kin(words(goods), kind) for kind in kinds), goods
