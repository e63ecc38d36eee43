"""Goods whose names or prices are out of the ordinary, in a market of a user's catalog: found by name, and asked of like others."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import qsim
from qsim.errors import UsageError
from qsim.queries import board_states, boards, questions, ranked, served, shown
from qsim.queries.basket import basket
from qsim.queries.wording import words
from qsim.storage import log

GOODS = """product,brand,category,pack,mrp,price
काली मिर्च,MDH,मसाले,100 g,120,110
केला,Fresho,फल,1 kg,60,55
प्याज़ लाल,Fresho,सब्ज़ी,1 kg,60,55
माला,Fresho,पूजा,1 pc,50,40
मूली,Fresho,सब्ज़ी,500 g,30,25
{cafe},Nescafé,Drinks,100 g,300,280
D’lecta Cream Cheese,D’lecta,Dairy,180 g,225,200
Lay`s Chips,Lay`s,Snacks,50 g,20,20
Huge,Amul,Dairy,0.1 g,21474836.47,21474836.47
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("odd")
    # With its accent apart from its letter, as some systems write it.
    (place / "goods.csv").write_text(GOODS.format(cafe=unicodedata.normalize("NFD", "Café Roast")), encoding="utf-8")
    qsim.generate(place / "m", catalog=place / "goods.csv", inactive_percent=0, seed=3)
    return place / "m"


@pytest.fixture(scope="module")
def now(market: Path) -> served.Now:
    return served.opened(market).now


@pytest.fixture(scope="module")
def connection(market: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with qsim.connect(market) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(market: Path) -> board_states.Boards:
    return board_states.open_boards(market, log.read(market))


ASKED = [
    ("केला", "केला"), ("मूली", "मूली"), ("काली मिर्च", "काली मिर्च"), ("मिर्च", "काली मिर्च"), ("के\u200dला", "केला"), ("CAFÉ", "Café Roast"),
    ("d'lecta cream cheese", "D’lecta Cream Cheese"), ("D‘lecta", "D’lecta Cream Cheese"), ("dlecta", "D’lecta Cream Cheese"),
    ("lays chips", "Lay`s Chips"), ("प्याज लाल", "प्याज़ लाल"), ("Lay’s Chips", "Lay`s Chips"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "name"), ASKED)
def test_goods_are_found_by_name_in_any_script_and_with_any_apostrophe(
    asked: str, name: str, connection: duckdb.DuckDBPyConnection, page: board_states.Boards, now: served.Now
) -> None:
    rows = questions.cheapest(connection, asked)
    assert {unicodedata.normalize("NFC", row["product"]) for row in rows} == {name}
    found = ranked.cheapest(now, asked, None, None)
    assert found.rows(slice(0, found.count)) == rows
    assert len(shown.products(now, asked, None, -1, 10)) == 1
    seen = boards.search(page, asked)["products"]
    assert [unicodedata.normalize("NFC", row["product"]) for row in seen] == [name]


def test_a_basket_holds_goods_of_any_script(connection: duckdb.DuckDBPyConnection) -> None:
    bought = basket(connection, items=[(1, "केला"), (2, "मूली")])
    assert [line["product"] for line in bought["lines"]] == ["केला", "मूली"]


def test_a_shelf_of_another_script_is_known(connection: duckdb.DuckDBPyConnection) -> None:
    assert questions.compare(connection, "सब्ज़ी", "zepto", "blinkit")["summary"]["names"] == ["सब्ज़ी"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("केला, मूली", ("केला", "मूली")),
        ("नमक & चीनी", ("नमक", "and", "चीनी")),
        ("தக்காளி – 1", ("தக்காளி", "1")),
        ("ा", ("ा",)),
    ],
)
def test_words_hold_the_vowels_of_indian_scripts(text: str, found: tuple[str, ...]) -> None:
    assert words(text) == found


def test_a_price_of_a_kilo_beyond_billions_is_told_and_stops_no_question(
    connection: duckdb.DuckDBPyConnection, now: served.Now
) -> None:
    rows = questions.cheapest(connection, "huge")
    assert rows[0]["unit_price"] > 1e10 and rows[0]["unit"] == "kg"
    assert ranked.cheapest(now, "huge", None, None).rows(slice(0, 9)) == rows
    assert len(questions.deals(connection, min_discount=0, limit=1000)) > 0
    assert connection.sql("SELECT count(unit_price) FROM prices").fetchall() == [(45,)]


@pytest.mark.parametrize("text", ["?", " ", "🧅", "price"])
def test_what_says_nothing_is_no_shelf_where_goods_have_no_subcategory(
    now: served.Now, connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    with pytest.raises(UsageError, match="not in this market"):
        shown.prices(now, text, None, -1, 10)
    with pytest.raises(UsageError, match="not in this market"):
        questions.deals(connection, category=text, min_discount=0)
    with pytest.raises(UsageError, match="name one"):
        questions.compare(connection, text, "zepto", "dunzo")


def test_a_subcategory_without_a_name_is_not_told_as_one(now: served.Now) -> None:
    told = {row["category"]: row["subcategories"] for row in shown.status(now)["categories"]}
    assert told["Dairy"] == told["फल"] == []
