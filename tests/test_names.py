"""Behaviour of names: what a product's name means, unknown names."""

from __future__ import annotations

import duckdb
import pytest

from qsim.errors import UsageError
from qsim.queries.names import Kin, groups, kin, kind, known_products, nearest, products_named
from qsim.queries.texts import letters_of
from qsim.queries.wording import words
from tests.listed import by_hand


@pytest.mark.parametrize(
    ("asked", "name", "brand", "degree"),
    [
        ("onions", "Onion", "", Kin.PLAIN),
        ("onion", "Onions", "", Kin.PLAIN),
        ("ONION", "Onion (Loose)", "Fresho", Kin.PLAIN),
        ("onion", "Onion - Sambar", "", Kin.EXACT),
        ("onion", "Onion - Sliced", "", Kin.KIND),
        ("onion", "Red Onion", "", Kin.KIND),
        ("onion", "American Style Cream & Onion Potato Chips", "Lay's", Kin.MENTION),
        ("onion", "Potato Crisps - Cream 'N' Onion", "Parle", Kin.MENTION),
        ("onion", "Cheese & Onion", "", Kin.MENTION),
        ("onion", "Onion Powder", "Keya", Kin.MENTION),
        ("walnuts", "Tulsi Chilean Walnut Kernels", "Tulsi", Kin.FORM),
        ("black pepper", "Black Pepper Whole", "", Kin.FORM),
        ("cashew", "Nutraj Cashews Split", "Nutraj", Kin.FORM),
        ("walnut", "Walnut Brownie", "", Kin.MENTION),
        ("pepper", "Salt & Pepper Whole", "", Kin.MENTION),
        ("whole", "Black Pepper Whole", "", Kin.KIND),
        ("onion", "Tomato 1kg + Onion", "", Kin.MENTION),
        ("onion", "Potato", "", None),
        ("toned milk", "Nandini Toned Milk", "Nandini", Kin.PLAIN),
        ("nandini toned milk", "Nandini Toned Milk", "Nandini", Kin.PLAIN),
        ("amul toned milk", "Toned Milk", "Amul", Kin.PLAIN),
        ("milk", "Nandini Toned Milk", "Nandini", Kin.KIND),
        ("milk", "So Good Soy Milk", "So Good", Kin.NAMESAKE),
        ("milk", "Bonn Milk Rusk", "Bonn", Kin.MENTION),
        ("chocolate milk", "Milk Chocolate", "", Kin.MENTION),
        ("toor dal", "Toor/Arhar Dal", "", Kin.PLAIN),
        ("arhar dal", "Toor/Arhar Dal", "", Kin.PLAIN),
        ("toor dals", "Toor Dal/Togari Bele - Desi", "", Kin.EXACT),
        ("tea", "Chai/Tea/Coffee Bone China Mug", "", Kin.MENTION),
        ("shimla apple", "Apple - Shimla", "", Kin.EXACT),
        ("palak", "Spinach (Palak)", "", Kin.PLAIN),
        ("spinach", "Spinach (Palak)", "", Kin.PLAIN),
        ("", "Onion", "", None),
    ],
)
def test_kin_of_a_name(asked: str, name: str, brand: str, degree: Kin | None) -> None:
    assert kin(words(asked), name, brand) == degree


def test_mentions_answer_only_alone() -> None:
    kins = [
        (1, Kin.MENTION, False),
        (2, Kin.KIND, False),
        (3, Kin.EXACT, False),
        (4, Kin.PLAIN, True),
        (5, Kin.KIND, True),
    ]
    assert groups(kins) == [[4], [3], [5], [2]]
    assert groups(kins[:1]) == [[1]] and groups([]) == []


def test_forms_answer_where_there_is_no_thing_itself_and_mentions_then_do_not() -> None:
    kins = [(1, Kin.MENTION, True), (2, Kin.FORM, False), (3, Kin.KIND, False)]
    assert groups(kins) == [[3]] and groups(kins[:2]) == [[2]]


def test_goods_sold_in_a_form_are_meant_before_what_has_their_flavour_and_after_goods_called_so() -> None:
    con = by_hand(
        {"product": "Walnut Brownie"},
        {"product": "Walnut Kernels"},
        {"product": "Kaju Mixture"},
        {"product": "Cashews Whole"},
        {"product": "Moong Dal"},
        {"product": "Green Moong Whole"},
    )
    assert products_named(con, "walnut") == [[1]]
    assert products_named(con, "kaju") == [[3]]
    assert products_named(con, "moong") == [[4]]


# Where no pack is given, one of a kilogram.
GOODS = [
    ("Onion", "", "Vegetables", None), ("Onion - Sambar", "", "Vegetables", None), ("Red Onion", "", "Vegetables", None),
    ("Lay's Cream & Onion Chips", "Lay's", "Chips & Crisps", None), ("Amul Toned Milk", "Amul", "Milk", None),
    ("So Good Soy Milk", "So Good", "Health Drinks", None), ("Onion's Best Rings", "", "Namkeen", None),
    ("Ginger Tea", "", "Tea", None), ("Amul Butter", "Amul", "Butter", ("100 g", "kg", 0.1)),
    ("Amul Butter", "Amul", "Butter", ("500g", "kg", 0.5)), ("Aloo Bhujia", "", "Namkeen", None),
    ("Potato", "", "Vegetables", None), ("Kara Sev 150 g", "", "Namkeen", ("", "", 0.0)), ("Methi Khakhra", "", "Namkeen", None),
]  # fmt: skip


@pytest.fixture
def shop() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute(
        """CREATE TABLE products (product_id UINTEGER, product VARCHAR, brand VARCHAR, subcategory VARCHAR, pack VARCHAR,
            unit VARCHAR, pack_units DOUBLE)"""
    )
    connection.execute("CREATE SCHEMA raw")
    connection.execute(
        f"""CREATE VIEW raw.searchable AS SELECT product_id, {letters_of("product || ' ' || brand")} AS words
            FROM products"""
    )
    rows = [(at, *good, *(pack or ("1 kg", "kg", 1.0))) for at, (*good, pack) in enumerate(GOODS)]
    connection.executemany("INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return connection


def test_plain_good_comes_before_its_kind_and_flavours_do_not_come(shop: duckdb.DuckDBPyConnection) -> None:
    assert products_named(shop, "onions") == [[0], [1], [2]]


def test_flavour_answers_where_there_is_nothing_else(shop: duckdb.DuckDBPyConnection) -> None:
    assert products_named(shop, "cream") == [[3]]


def test_subcategory_of_the_name_comes_first(shop: duckdb.DuckDBPyConnection) -> None:
    assert products_named(shop, "milk") == [[4], [5]]


def test_subcategory_of_the_name_comes_first_behind_a_brand_too() -> None:
    con = by_hand(
        {"product": "Amul Condensed Milk", "brand": "Amul", "subcategory": "Baking"},
        {"product": "Amul Toned Milk", "brand": "Amul", "subcategory": "Milk"},
        {"product": "Nandini Toned Milk", "brand": "Nandini", "subcategory": "Milk"},
    )
    assert products_named(con, "amul milk") == [[1], [0]]


def test_other_goods_called_after_a_name_come_after_what_is_of_the_kind_and_after_its_forms() -> None:
    con = by_hand(
        {"product": "So Good Vanilla Soy Milk", "brand": "So Good", "subcategory": "Milk"},
        {"product": "Nandini Toned Milk", "brand": "Nandini", "subcategory": "Milk"},
        {"product": "Lemon Ice Tea"},
        {"product": "Leaf Tea"},
        {"product": "Salted Peanuts"},
        {"product": "Peanuts Raw"},
        {"product": "White Peas"},
        {"product": "Green Peas"},
        {"product": "Quail Eggs"},
    )
    assert products_named(con, "milk") == products_named(con, "doodh") == [[1], [0]]
    assert products_named(con, "soy milk") == [[0]]
    assert products_named(con, "tea") == [[3], [2]] and products_named(con, "ice tea") == [[2]]
    assert products_named(con, "peanuts") == [[5], [4]]
    assert products_named(con, "peas") == [[7], [6]]
    assert products_named(con, "eggs") == [[8]]


def test_goods_that_are_cut_up_come_after_sorts_of_them() -> None:
    con = by_hand({"product": "Watermelon - Cubes"}, {"product": "Watermelon - Striped"}, {"product": "Guava - Cut"})
    assert products_named(con, "watermelon") == products_named(con, "tarbooj") == [[1], [0]]
    assert products_named(con, "watermelon cubes") == [[0]] and products_named(con, "guava") == [[2]]


def test_subcategory_named_after_several_goods_is_of_the_name_of_each() -> None:
    con = by_hand(
        {"product": "Unsalted Butter", "subcategory": "Butter & Cream"},
        {"product": "Peanut Butter", "subcategory": "Honey & Spreads"},
        {"product": "Rock Salt", "subcategory": "Salt, Sugar and Jaggery"},
        {"product": "Bath Salt", "subcategory": "Bath"},
    )
    assert products_named(con, "butter") == [[0], [1]]
    assert products_named(con, "salt") == [[2], [3]]


def test_query_is_never_pasted_into_sql(shop: duckdb.DuckDBPyConnection) -> None:
    assert products_named(shop, "x'; DROP TABLE products; --") == []
    assert products_named(shop, "'") == []
    assert len(shop.sql("SELECT * FROM products").fetchall()) == len(GOODS)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("amul butter 500g", [[9]]),
        ("100 gm butter", [[8]]),
        ("1kg onion", [[0], [1], [2]]),
        ("butter", [[8, 9]]),
        ("kara sev 150g", [[12]]),
        ("potato 1kg", [[11]]),
    ],
)
def test_pack_told_with_a_name_chooses_the_products_in_it(
    name: str, found: list[list[int]], shop: duckdb.DuckDBPyConnection
) -> None:
    assert products_named(shop, name) == found


def test_pack_that_goods_do_not_come_in_is_answered_with_those_that_they_do(shop: duckdb.DuckDBPyConnection) -> None:
    told = r"^product 'butter 2 kg': this market has none; nearest: butter 100 g, butter 500g; correct the name$"
    with pytest.raises(UsageError, match=told):
        known_products(shop, "butter 2 kg")


def test_goods_are_known_by_their_names_in_languages_of_india(shop: duckdb.DuckDBPyConnection) -> None:
    assert products_named(shop, "pyaz") == products_named(shop, "வெங்காயம்") == [[0], [1], [2]]


def test_name_of_another_language_comes_after_goods_called_so_and_before_goods_that_only_mention_it(
    shop: duckdb.DuckDBPyConnection,
) -> None:
    assert products_named(shop, "aloo bhujia") == [[10]] and products_named(shop, "aloo") == [[11]]
    assert products_named(shop, "methi") == [[13]]


def test_goods_of_a_list_in_another_language_are_known_by_their_english_names_and_others() -> None:
    con = by_hand(
        {"product": "प्याज", "pack": "500 g", "pack_units": 0.5},
        {"product": "Mother Dairy Dahi", "brand": "Mother Dairy"},
        {"product": "Egg Noodles"},
        {"product": "Anda Curry Masala Mix"},
    )
    assert [products_named(con, said) for said in ("onions", "kanda", "onion 500 g", "onion 1 kg")] == [[[0]]] * 3 + [
        []
    ]
    assert (
        products_named(con, "curd") == products_named(con, "दही") == products_named(con, "mother dairy curd") == [[1]]
    )
    assert products_named(con, "eggs") == [[2]]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("cornflakes", [[0]]),
        ("corn flakes", [[0]]),
        ("bread crumbs", [[2]]),
        ("milk shakes", [[3]]),
        ("kit kat", [[4]]),
        ("kitkat 38 g", [[4]]),
        ("kit kat 38 g", [[4]]),
        ("corn starch", []),
        ("toothpaste", []),
    ],
)
def test_words_are_known_written_together_or_apart(said: str, found: list[list[int]]) -> None:
    con = by_hand(
        {"product": "Kellogg's Corn Flakes", "brand": "Kellogg's"},
        {"product": "Cornflakes Mixture"},
        {"product": "Breadcrumbs"},
        {"product": "Chocolate Milkshake"},
        {"product": "Nestle KitKat Wafer Chocolate Bar", "brand": "Nestle", "pack": "38 g", "pack_units": 0.038},
    )
    assert products_named(con, said) == found


@pytest.mark.parametrize("said", ["nescafe", "nescafé", "NESCAFÉ", "nescafe\u0301"])
def test_accents_make_no_difference(said: str) -> None:
    con = by_hand({"product": "Nescafé Classic", "brand": "Nescafé"}, {"product": "Nescafe Gold", "brand": "Nescafe"})
    assert sorted(at for group in products_named(con, said) for at in group) == [0, 1]


def test_unknown_name_is_answered_with_the_nearest(shop: duckdb.DuckDBPyConnection) -> None:
    assert nearest(shop, "onoin")[0] == "Onion"
    with pytest.raises(
        UsageError, match=r"^product 'onoin': this market has none; nearest: Onion, .*; correct the name$"
    ):
        known_products(shop, "onoin")


@pytest.mark.parametrize(
    ("name", "brand", "word"),
    [
        ("Amul Gold Milk", "Amul", "milk"),
        ("Fresho Onions - Red", "Fresho", "onion"),
        ("Spinach (Palak)", "", "spinach"),
        ("Millet Cookies - Pearl Millet", "Millet Cookies", "cookie"),
        ("!!!", "", ""),
    ],
)
def test_the_kind_of_a_product_is_the_last_word_of_its_own_name(name: str, brand: str, word: str) -> None:
    assert kind(name, brand) == word
