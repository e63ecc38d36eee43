"""What a user's product list may hold: prices, texts, packs and repeats that are taken, and how rows are counted."""

from __future__ import annotations

import csv
import os
import threading
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qsim
from qsim.behaviour import GROUPS
from qsim.catalog.csv_rows import read_csv
from qsim.catalog.user_file import RejectedRowsError, read_user_catalog
from tests.user_rows import GOOD, HEADER, QUICK, row, write


@QUICK
@given(st.lists(st.integers(1, 2**31 - 1), min_size=1, max_size=50))
def test_every_price_becomes_exact_paise_from_text_and_from_floats(tmp_path: Path, paise: list[int]) -> None:
    texts = [str(Decimal(value) / 100) for value in paise]
    path = write(tmp_path, HEADER + "".join(row(mrp=text, price=text) for text in texts))
    floats = pl.read_csv(path, infer_schema=False).with_columns(pl.col("mrp", "price").cast(pl.Float64))
    floats.write_parquet(tmp_path / "list.parquet")
    for source in (path, tmp_path / "list.parquet"):
        assert read_user_catalog(source, {}).products["price_paise"].to_list() == paise


@QUICK
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9), min_size=1, max_size=9))
def test_any_text_keeps_its_physical_line(tmp_path: Path, packs: list[str]) -> None:
    path, starts, line = tmp_path / "list.csv", [], 2
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(HEADER)
        for pack in packs:
            csv.writer(out, quoting=csv.QUOTE_ALL).writerow(["a", "b", "Dairy", "", pack, "2", "1"])
            starts.append(line)
            line += pack.count("\n") + 1
    products = read_user_catalog(path, {}).products
    assert products["line"].to_list() == starts
    assert products["pack"].to_list() == pl.Series(packs).str.normalize("NFC").str.strip_chars().to_list()


def test_byte_order_mark_crlf_and_blank_lines_are_accepted(tmp_path: Path) -> None:
    text = "\ufeff" + (HEADER + "\n" + GOOD).replace("\n", "\r\n")
    assert read_user_catalog(write(tmp_path, text), {}).products["line"].to_list() == [3]


def test_text_is_trimmed_nfc_and_never_read_as_a_number_or_formula(tmp_path: Path) -> None:
    text = HEADER + row(product=" Cafe\u0301 ", brand="007", pack="=1+1") + row(product="@x", brand="-1", pack="+2")
    products = read_user_catalog(write(tmp_path, text), {}).products
    expected = [("Caf\u00e9", "007", "=1+1"), ("@x", "-1", "+2")]
    assert products.select("product", "brand", "pack").rows() == expected


def test_cell_of_exactly_64_kb_is_kept(tmp_path: Path) -> None:
    catalog = read_user_catalog(write(tmp_path, HEADER + row(pack="x" * 65_536)), {})
    assert catalog.products["pack"].str.len_bytes().to_list() == [65_536]


def test_repeats_are_kept_with_a_warning_that_counts_them(tmp_path: Path) -> None:
    catalog = read_user_catalog(write(tmp_path, HEADER + GOOD + GOOD + GOOD.replace("30", "31")), {})
    assert catalog.products.height == 3
    (warning,) = catalog.warnings
    assert warning.startswith("2 rows repeat an earlier product, brand and pack, 1 of them in every field")


def test_packs_of_one_product_are_no_repeats(tmp_path: Path) -> None:
    catalog = read_user_catalog(write(tmp_path, HEADER + row(pack="500 g") + row(pack="1 kg")), {}, strict=True)
    assert (catalog.products.height, catalog.warnings) == (2, [])


@pytest.mark.parametrize(
    ("text", "paise"),
    [
        ("₹340", 34_000),
        ("Rs. 340", 34_000),
        ("340/-", 34_000),
        ("INR 45.5", 4_550),
        ("1,23,456.00", 12_345_600),
        ("1,299", 129_900),
    ],
)
def test_amounts_are_read_as_shops_write_them(text: str, paise: int, tmp_path: Path) -> None:
    catalog = read_user_catalog(write(tmp_path, HEADER + row(mrp=text, price=text)), {}, strict=True)
    assert catalog.products.select("mrp_paise", "price_paise").row(0) == (paise, paise)


def test_loose_fruit_and_vegetables_need_no_brand(tmp_path: Path) -> None:
    groups = write(tmp_path, "category,subcategory,group\nMandi,,vegetables\n", "groups.csv")
    text = HEADER + row(brand="", category="Fruits & Vegetables") + row(brand="", category="Mandi") + row(brand="")
    catalog = read_user_catalog(write(tmp_path, text), {}, groups=groups)
    assert catalog.products["brand"].to_list() == ["", ""]
    assert catalog.rejected.select("line", "field").rows() == [(4, "brand")]


def test_rows_of_a_parquet_list_are_counted_as_rows(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    pl.read_csv(write(tmp_path, HEADER + GOOD + GOOD + row(price="x")), infer_schema=False).write_parquet(path)
    told: list[str] = []
    qsim.generate(tmp_path / "m", catalog=path, warn=told.append)
    assert told[0].startswith(f"{path}: row 3: price")
    with pytest.raises(RejectedRowsError) as caught:
        read_user_catalog(path, {}, strict=True)
    assert caught.value.rejected["reason"][0].startswith("repeats row 1:")


@pytest.mark.skipif("QSIM_SHARED_DATA" not in os.environ, reason="QSIM_SHARED_DATA is not set: no real prices")
def test_bigbasket_list_is_taken_as_it_is(tmp_path: Path) -> None:
    path = Path(os.environ["QSIM_SHARED_DATA"]) / "bigbasket_catalog.parquet"
    catalog = read_user_catalog(path, {})
    assert catalog.products.height == 27_553
    assert catalog.rejected.select("line", "field").rows() == [(9766, "brand"), (14364, "product")]
    assert catalog.products["volatility_group"].unique().sort().to_list() == sorted(GROUPS)
    assert [line.split(",")[0] for line in catalog.warnings] == ["2", "columns not used: 'index'"]
    source = pl.read_parquet(path)
    prices = source["sale_price"].gather(catalog.products["line"] - 1)
    exact = [int(Decimal(str(value)) * 100) for value in prices]
    assert catalog.products["price_paise"].to_list() == exact
    source.write_csv(tmp_path / "list.csv")
    from_csv = read_user_catalog(tmp_path / "list.csv", {})
    assert from_csv.products.drop("line").equals(catalog.products.drop("line"))


def test_packs_that_are_not_understood_are_counted_with_an_example_and_refuse_nothing(tmp_path: Path) -> None:
    packs = ("500 g", "family size", "", "6 x 200 ml", "1 bunch")
    text = HEADER + "".join(row(product=f"p{i}", pack=pack) for i, pack in enumerate(packs))
    catalog = read_user_catalog(write(tmp_path, text), {}, strict=True)
    (warning,) = catalog.warnings
    assert "packs not understood in 2 rows, such as 'family size'" in warning and "price alone" in warning
    assert catalog.products["pack"].to_list() == list(packs)


def test_lists_that_are_read_by_threads_at_once_may_have_cells_of_any_size(tmp_path: Path) -> None:
    limit, path = csv.field_size_limit(), tmp_path / "long.csv"
    path.write_text(f"name\n{'x' * (limit + 1)}\n")
    begun, over, found = threading.Event(), threading.Event(), []

    def second(header: list[str]) -> dict[str, int]:
        begun.set()
        over.wait(10)
        return {"name": 0}

    thread = threading.Thread(target=lambda: found.append(read_csv(path, second)))

    def first(header: list[str]) -> dict[str, int]:
        thread.start()
        begun.wait(0.2)
        return {"name": 0}

    found.append(read_csv(path, first))
    over.set()
    thread.join()
    assert [rows.height for rows in found] == [1, 1]
    assert csv.field_size_limit() == limit
