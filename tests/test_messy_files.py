"""Product lists and tables of prices as spreadsheets and tills leave them: read for what they say, or refused by the place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qsim.calendars import read_calendar
from qsim.catalog.user_file import read_user_catalog
from qsim.errors import InputError
from qsim.fitting.reading import read_source
from qsim.realism.panel import Panel
from qsim.realism.validate import read_reference
from tests.panels import READERS, assert_refused
from tests.user_rows import GOOD, HEADER, row

DAYS = [f"2026-02-{day:02d}" for day in range(1, 21)]
ROWS = [f"Milk,{day},45,50\n" for day in DAYS]


def prices(folder: Path, *rows: str, header: str = "item,date,price,mrp\n") -> Path:
    path = folder / "prices.csv"
    path.write_text(header + "".join(rows), encoding="utf-8", newline="")
    return path


@READERS
def test_rows_that_an_open_quote_takes_in_are_not_lost_unsaid(read: Callable[[Path], Panel], tmp_path: Path) -> None:
    path = prices(tmp_path, '"Pan,2026-02-01,5,6\n', *ROWS, 'Tawa",2026-02-01,5,6\n', *ROWS)
    with pytest.raises(InputError, match=r"a quote that takes 21 more lines into the cell 'Pan,.*' of item"):
        read(path)


@READERS
def test_a_name_in_two_lines_is_one_name(read: Callable[[Path], Panel], tmp_path: Path) -> None:
    assert read(prices(tmp_path, *(text.replace("Milk", '"Milk,\nfresh"') for text in ROWS))).item == ["Milk,\nfresh"]


def test_rows_of_a_list_that_an_open_quote_takes_in_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    path.write_text(HEADER + GOOD + '"' + GOOD + GOOD.replace(",", '",', 1) + row(product="Tea\nstrong"), newline="")
    found = read_user_catalog(path, {})
    assert found.products["line"].to_list() == [2, 5]
    assert found.rejected.select("line", "field").rows() == [(3, "product")]
    assert "close the quote in its own line" in found.rejected["reason"][0]


def test_times_that_cannot_be_read_are_not_left_out_of_a_reference_unsaid(tmp_path: Path) -> None:
    path = prices(tmp_path, *ROWS, "Milk,46047,45,50\n", "Milk,46048,45,50\n", "Total,,90,\n")
    with pytest.raises(InputError, match="found no time in 2 texts for ts, such as '46047'"):
        read_reference(path)


@pytest.mark.parametrize(
    ("row_of", "told"),
    [
        ("Milk,46047,45,50\n", "time: 1 cells are no time, such as '46047', and say nothing; write 2026-01-31"),
        (
            "Milk,2026-02-28,45 INR,50\n",
            "price: 1 cells are no amount, such as '45 INR', and say nothing; write rupees",
        ),
        ("Milk,2026-02-28,45,10%\n", "mrp: 1 cells are no amount, such as '10%', and say nothing; write rupees"),
    ],
)
def test_a_fit_tells_of_cells_that_it_cannot_read_and_shows_one(row_of: str, told: str, tmp_path: Path) -> None:
    notes = read_source(prices(tmp_path, *ROWS, row_of, "Total,,,\n"), {}).notes
    assert [note for note in notes if note.startswith(told)]


@READERS
def test_blanks_and_composed_letters_make_no_second_item(read: Callable[[Path], Panel], tmp_path: Path) -> None:
    names = ["Café", " Café ", "Cafe\u0301", "Café\u00a0"] * 5
    panel = read(prices(tmp_path, *(f"{name},{day},45,50\n" for name, day in zip(names, DAYS, strict=True))))
    assert panel.item.tolist() == ["Café"] and (panel.price_paise == 4500).all()


@READERS
@pytest.mark.parametrize("name", ["#N/A", "NULL", '""', "   ", "NaN"])
def test_what_a_missing_value_leaves_is_no_item(name: str, read: Callable[[Path], Panel], tmp_path: Path) -> None:
    assert read(prices(tmp_path, *ROWS, f"{name},2026-02-01,45,50\n")).item.tolist() == ["Milk"]


def test_what_a_missing_value_leaves_is_no_name_in_a_list(tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    lost = [row(product="#N/A"), row(brand="NULL"), row(category="#REF!")]
    path.write_text(HEADER + "".join([*lost, row(product="Nan", brand="NAN")]))
    found = read_user_catalog(path, {})
    assert found.products["product"].to_list() == ["Nan"]
    assert found.rejected["field"].to_list() == ["product", "brand", "category"]
    assert "write the name" in found.rejected["reason"][1]


@READERS
def test_a_quote_inside_a_cell_is_part_of_it_as_in_a_product_list(
    read: Callable[[Path], Panel], tmp_path: Path
) -> None:
    path = prices(tmp_path, '9" Pan,2026-02-01,5,6\n', *ROWS, 'Tawa 12",2026-02-01,"1,205.50",\n')
    panel = read(path)
    assert panel.item.tolist() == ['9" Pan', "Milk", 'Tawa 12"']
    assert panel.price_paise[:, 0].tolist() == [500, 4500, 120_550] and panel.mrp_paise[2, 0] == 0


@READERS
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "item,date,price\nMilk,2026-02-01,5\nCafé,2026-02-01,5\n".encode("cp1252"),
            "0xE9, 'é' in Latin-1.* at line 3",
        ),
        (b"item,date,price\nMilk,2026-02-01,5\nMilk, toned,2026-02-01,5\n", "4 cells under 3 columns at line 3"),
        (
            b"My shop\n\nitem,date,price\nMilk,2026-02-01,5\n",
            "3 cells under 1 column at line 3.* lines over the header",
        ),
        (b'item,date,price\n"9" Pan",2026-02-01,5\n', "bad quoting in the row at line 2"),
        (
            b'item,date,price\nMilk,2026-02-01,5\n"Pan,2026-02-01,5\n',
            "line 3: the row opens a quote that is never closed",
        ),
    ],
)
def test_a_table_of_prices_that_cannot_be_taken_is_refused_with_the_line(
    read: Callable[[Path], Panel], text: bytes, told: str, tmp_path: Path
) -> None:
    assert_refused(read, tmp_path, text, told)


@READERS
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"sep=;\r\nitem;date;price\r\nMilk;2026-02-01;5\r\n", "the line 'sep=;' over the header.*; remove that line"),
        (b"\xef\xbb\xbfsep=,\r\nitem,date,price\r\nMilk,2026-02-01,5\r\n", "the line 'sep=,' over the header"),
        (b"<html><table><tr><td>item</td></tr></table>\n", "found HTML or XML; .*; save it as"),
        (b'<?xml version="1.0"?>\n<Workbook>\n', "found HTML or XML"),
        (
            b"PAR1\x15\x04\x15\x10,\nPAR1",
            r"found a Parquet file under another name; .*; give it a name that ends in \.parquet",
        ),
    ],
)
def test_what_only_looks_like_csv_is_told_by_its_name(
    read: Callable[[Path], Panel], text: bytes, told: str, tmp_path: Path
) -> None:
    assert_refused(read, tmp_path, text, told)


def test_a_row_of_blank_cells_is_a_blank_line_of_a_list_and_of_a_calendar(tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    path.write_text(",,,,,,\n" + HEADER + ",,,,,,\n" + GOOD + " , ,,,,\u00a0,\n,,,,,,\n", encoding="utf-8")
    found = read_user_catalog(path, {}, strict=True)
    assert found.products["line"].to_list() == [4] and found.rejected.is_empty()
    path.write_text("name,date,days\n\nDiwali,2026-11-08,2\n,,\n")
    assert [entry.name for entry in read_calendar(path)] == ["Diwali"]


def test_a_fit_of_a_catalog_tells_of_prices_that_it_cannot_read(tmp_path: Path) -> None:
    path = prices(tmp_path, "Milk,45 INR,50\n", "Curd,30,5%\n", "Total,,\n", header="product,price,mrp\n")
    source = read_source(path, {})
    assert source.kind == "catalog" and source.frame["product"].to_list() == ["Curd"]
    assert [note.partition(", such")[0] for note in source.notes] == [
        "2 rows without positive price left out", "price: 1 cells are no amount", "mrp: 1 cells are no amount"
    ]  # fmt: skip


def test_prices_over_time_whose_days_bear_another_name_are_told_to_be_taken_for_a_catalog(tmp_path: Path) -> None:
    source = read_source(prices(tmp_path, *ROWS, header="item name,created at,price,mrp\n"), {})
    assert source.kind == "catalog" and len(source.notes) == 1
    assert "1 product in 20 rows and no column of time" in source.notes[0] and "--map COLUMN=time" in source.notes[0]


def test_packs_that_share_a_name_are_told_of_where_the_last_price_stands(tmp_path: Path) -> None:
    packs = [f"{text[:-1]},1 l\n{text[:-1].replace('45', '24')},500 ml\n" for text in ROWS]
    notes = read_source(prices(tmp_path, *packs, header="item,date,price,mrp,pack\n"), {}).notes
    told = "40 rows have the item, seller and time of another and not its price, such as 'Milk' at 2026-02-01 00:00"
    assert [note for note in notes if note.startswith(told)]
    assert not [note for note in read_source(prices(tmp_path, *ROWS, *ROWS), {}).notes if "of another" in note]


def test_a_title_over_the_header_of_a_list_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    path.write_text("ABC Provision Stores,,,,,,\n" + HEADER + GOOD)
    with pytest.raises(InputError, match=r"unused columns: 'ABC Provision Stores'.*; .* remove lines over the header"):
        read_user_catalog(path, {})
