"""What each fault of a user's product list, of the file or of a row, is answered with."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import polars as pl
import pytest

from qsim.catalog.csv_rows import MAX_FILE_BYTES
from qsim.catalog.user_file import RejectedRowsError, read_user_catalog
from qsim.errors import InputError
from tests.user_rows import ABOVE_ZERO, GOOD, HEADER, PLAIN, WHOLE_PAISE, row, write

FILE_FAULTS: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": (b"", ["an empty file", "a header row and at least one row below it", "export"]),
    "mark_only": (b"\xef\xbb\xbf", ["an empty file", "a header row", "export"]),
    "header_only": (HEADER, ["a header and no row", "at least one row", "export"]),
    "utf_16": ((HEADER + GOOD).encode("utf-16"), ["UTF-16", "UTF-8 text", "save it as"]),
    "utf_16_unmarked": ((HEADER + GOOD).encode("utf-16-le"), ["UTF-16", "UTF-8 text", "save it as"]),
    "latin_1": (
        (HEADER + GOOD).encode() + "Café,Amul,Dairy,,,3,2\n".encode("latin-1"),
        ["not UTF-8 (0xE9, 'é' in Latin-1) at line 3, byte offset 99", "UTF-8 text", "save it as"],
    ),
    "nul": (
        HEADER + GOOD + "a\0b,c,Dairy,,,3,2\n",
        ["NUL byte at line 3, byte offset 97", "UTF-8", "remove"],
    ),
    "cr_only": ((HEADER + GOOD).replace("\n", "\r"), ["CR alone", "LF or CR LF", "save it with"]),
    "lone_cr": (HEADER + GOOD + "a\rb,c,Dairy,,,3,2\n", ["line 3", "carriage return", "quotes", "correct"]),
    "unclosed_quote": (
        HEADER + GOOD + '"Ghee,Amul,Dairy,,,3,2\n' + GOOD,
        ["line 3", "never closed", "quotes"],
    ),
    "stray_quote": (HEADER + '"Ghee"x,Amul,Dairy,,,3,2\n', ["line 2", "follows a closing quote", "correct"]),
    "semicolons": (
        (HEADER + GOOD).replace(",", ";"),
        ["one column", "semicolons", "comma-separated", "commas"],
    ),
    "tabs": ((HEADER + GOOD).replace(",", "\t"), ["one column", "tabs", "comma-separated", "commas"]),
    "repeated_header": ("product,mrp,mrp\na,1,2\n", ["two columns named 'mrp'", "once", "rename"]),
    "missing_column": (
        "product,brand,category,mrpp,price\na,b,Dairy,2,1\n",
        ["no column for mrp", "'mrpp'", "market_price", "--map COLUMN=mrp"],
    ),
    "competing": (
        "product,brand,category,mrp,sale price,Offer_Price\na,b,Dairy,2,1,1\n",
        ["'sale price' and 'Offer_Price'", "one column for each field", "--map COLUMN=price"],
    ),
    "no_valid_row": (
        HEADER + row(price="x"),
        ["1 faulty of 1 row", "line 2", "at least one valid", "correct"],
    ),
    "json_lines": ('{"product": "Milk", "mrp": 30}\n' * 2, ["found JSON", "comma-separated", "save it as"]),
    "json": ('[\n  {"product": "Milk"}\n]\n', ["found JSON", "comma-separated", "save it as"]),
    "excel": (b"PK\x03\x04rest", ["Excel", "comma-separated", "save it as"]),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_fault_of_the_file_refuses_it_in_one_line(fault: str, tmp_path: Path) -> None:
    text, parts = FILE_FAULTS[fault]
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_user_catalog(path, {})
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(path), "found", "allowed", *parts):
        assert part in message


ROW_FAULTS = {
    "no_product": (row(product=""), "product", "", "empty"),
    "blank_product": (row(product=" \u00a0\t"), "product", "", "empty"),
    "invisible_product": (row(product="\u200b"), "product", "\\u200b", "empty"),
    "no_brand": (row(brand=" "), "brand", "", "empty"),
    "no_category": (row(category=""), "category", "", "empty"),
    "short_row": ("Milk,Amul\n", "row", "2 cells under 7 columns", "too few"),
    "long_row": (GOOD.strip() + ",9\n", "row", "8 cells under 7 columns", "too many"),
    "comma_in_price": (row(price="12,99"), "price", "12,99", PLAIN),
    "dollar_sign": (row(mrp="$99"), "mrp", "$99", PLAIN),
    "rupees_below_zero": (row(price="₹-5"), "price", "₹-5", ABOVE_ZERO),
    "rupees_with_three_decimals": (row(price="Rs. 5.125"), "price", "Rs. 5.125", WHOLE_PAISE),
    "invisible_brand_of_loose_goods": (
        row(brand="\u200b", category="Fruits & Vegetables"),
        "brand",
        "\\u200b",
        "empty",
    ),
    "devanagari_digits": (row(price="१२"), "price", "१२", PLAIN),
    "fullwidth_digits": (row(price="１２"), "price", "１２", PLAIN),
    "nan": (row(price="NaN"), "price", "NaN", PLAIN),
    "inf": (row(mrp="inf"), "mrp", "inf", PLAIN),
    "exponent": (row(mrp="1e400"), "mrp", "1e400", PLAIN),
    "hex": (row(price="0x1F"), "price", "0x1F", PLAIN),
    "empty_price": (row(price=""), "price", "", PLAIN),
    "bare_point": (row(price="5."), "price", "5.", PLAIN),
    "plus_sign": (row(price="+5"), "price", "+5", PLAIN),
    "zero": (row(price="0.00"), "price", "0.00", ABOVE_ZERO),
    "negative": (row(price="-5"), "price", "-5", ABOVE_ZERO),
    "three_decimals": (row(price="5.125"), "price", "5.125", WHOLE_PAISE),
    "above_int32": (row(mrp="21474836.48"), "mrp", "21474836.48", "21474836.47"),
    "far_above_int32": (row(mrp="9" * 30), "mrp", "9" * 30, "21474836.47"),
    "price_above_mrp": (row(price="30.01"), "price", "30.01 > mrp 30", "at most the mrp"),
    "long_cell": (row(pack="x" * 65_537), "pack", "x" * 80, "64 KB"),
}


@pytest.mark.parametrize("fault", ROW_FAULTS)
def test_faulty_row_is_listed_and_skipped(fault: str, tmp_path: Path) -> None:
    line, field, found, reason = ROW_FAULTS[fault]
    catalog = read_user_catalog(write(tmp_path, HEADER + GOOD + line + GOOD), {})
    assert catalog.products["line"].to_list() == [2, 4]
    (listed,) = catalog.rejected.rows()
    assert listed[:3] == (3, field, found)
    assert reason in listed[3]


@pytest.mark.parametrize("fault", [name for name in ROW_FAULTS if not name.endswith("_row")])
def test_parquet_text_meets_the_rules_of_csv(fault: str, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + GOOD + ROW_FAULTS[fault][0])
    pl.read_csv(path, infer_schema=False).write_parquet(tmp_path / "list.parquet")
    from_csv, from_parquet = (read_user_catalog(p, {}) for p in (path, tmp_path / "list.parquet"))
    assert from_parquet.rejected.drop("line").equals(from_csv.rejected.drop("line"))
    assert from_parquet.products.drop("line").equals(from_csv.products.drop("line"))
    assert from_parquet.rejected["line"].to_list() == [2]


def test_strict_refuses_any_faulty_row_and_carries_the_list(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + GOOD + row(price="x") + row(brand=""))
    with pytest.raises(RejectedRowsError, match=r"2 faulty of 3 rows \(first: line 3, price 'x'") as caught:
        read_user_catalog(path, {}, strict=True)
    assert caught.value.rejected["line"].to_list() == [3, 4]
    assert "\n" not in str(caught.value) and "leave out --strict" in str(caught.value)


def test_first_fault_of_each_row_is_listed_in_file_order(tmp_path: Path) -> None:
    text = HEADER + row(price="x", mrp="y") + GOOD + row(product="", price="x") + "a\n"
    rejected = read_user_catalog(write(tmp_path, text), {}).rejected
    assert rejected["field"].to_list() == ["mrp", "product", "row"]
    assert rejected["line"].to_list() == [2, 4, 5]


@pytest.mark.parametrize("kind", ["directory", "FIFO", "device", "socket", "no usable file"])
def test_only_a_regular_file_is_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "p"
    if kind == "directory":
        path.mkdir()
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    with pytest.raises(InputError, match=rf"{path}: found .*{kind}.*; allowed: .*; "):
        read_user_catalog(path, {})


def test_file_above_two_gib_is_refused_with_the_cap(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER)
    os.truncate(path, MAX_FILE_BYTES + 1)
    with pytest.raises(InputError, match=r"2,147,483,649 bytes; allowed: at most 2 GiB .*; split"):
        read_user_catalog(path, {})


def test_broken_parquet_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pl.read_csv(write(tmp_path, HEADER + GOOD)).write_parquet(whole)
    path = write(tmp_path, whole.read_bytes()[:-20], "list.parquet")
    with pytest.raises(InputError, match=r"found an unreadable Parquet file .*; allowed: .*; write it again"):
        read_user_catalog(path, {})


def test_parquet_column_of_dates_is_refused_for_a_price(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    frame = pl.read_csv(write(tmp_path, HEADER + GOOD)).with_columns(price=pl.date(2024, 1, 1))
    frame.write_parquet(path)
    with pytest.raises(InputError, match="type Date for price; allowed: text or numbers"):
        read_user_catalog(path, {})


@pytest.mark.parametrize("kind", [pl.Float64, pl.Float32, pl.Decimal(12, 3), pl.String])
def test_parquet_number_types_give_exact_paise(kind: pl.DataType, tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    frame = pl.read_csv(write(tmp_path, HEADER + row(mrp="149.99", price="0.07")), infer_schema=False)
    frame.with_columns(pl.col("mrp", "price").cast(kind)).write_parquet(path)
    assert read_user_catalog(path, {}).products.select("mrp_paise", "price_paise").row(0) == (14_999, 7)


def test_parquet_floats_that_are_no_whole_paise_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    prices = [10.0, 0.1 + 0.2, 1.005, float("nan"), float("inf"), 1e300, -1.5, 1e-5, None]
    frame = (
        pl.read_csv(write(tmp_path, HEADER + GOOD))
        .drop("price")
        .join(pl.DataFrame({"price": prices}), how="cross", maintain_order="left_right")
    )
    frame.write_parquet(path)
    catalog = read_user_catalog(path, {})
    assert catalog.products["price_paise"].to_list() == [1000, 30]
    assert catalog.rejected["line"].to_list() == [3, 4, 5, 6, 7, 8, 9]
    assert catalog.rejected["found"].to_list()[:3] == ["1.005", "NaN", "Infinity"]
    reasons = (WHOLE_PAISE, PLAIN, PLAIN, "too high", ABOVE_ZERO, WHOLE_PAISE, PLAIN)
    assert all(part in reason for part, reason in zip(reasons, catalog.rejected["reason"], strict=True))
