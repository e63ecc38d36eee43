"""Cells of tables of real prices: zones of time, amounts and flags as files have them, in a fit and in a reference alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from qsim.errors import InputError
from qsim.fitting.reading import read_source
from qsim.realism import cells
from qsim.realism.panel import from_long
from qsim.realism.validate import read_reference
from tests.panels import READERS, assert_refused, fitted

MONDAY = datetime(2025, 1, 6)
IST = timezone(timedelta(hours=5, minutes=30))


def read(rows: pl.DataFrame, of: Any) -> list[Any]:
    # An expression or a column.
    return rows.select(of(rows, rows.columns[0])).to_series().to_list()


def written(folder: Path, rows: str) -> Path:
    path = folder / "prices.csv"
    path.write_text(f"{rows}\n", encoding="utf-8")
    return path


@READERS
@pytest.mark.parametrize("name", ["prices[1].csv", "pri*.csv", "prices[1].parquet"])
def test_a_name_with_the_signs_of_a_pattern_is_that_of_one_file(tmp_path: Path, read: Any, name: str) -> None:
    written(tmp_path, "item,date,price\nother,2026-01-05,9\nother,2026-01-06,9")
    rows = pl.DataFrame({"item": ["a", "a"], "date": ["2026-01-05", "2026-01-06"], "price": ["1", "2"]})
    with (tmp_path / name).open("wb") as file:
        rows.write_parquet(file) if name.endswith("parquet") else rows.write_csv(file)
    assert read(tmp_path / name).price_paise.tolist() == [[100, 200]]


@READERS
@pytest.mark.parametrize("end", ["T00:00:00+05:30", "T00:00:00+0530", "", "T05:29:00+05:30"])
def test_a_midnight_with_an_offset_stays_on_its_indian_day(read: Any, end: str, tmp_path: Path) -> None:
    rows = "\n".join(f"a,2025-01-{day:02}{end},{day}" for day in range(6, 20))
    days = read(written(tmp_path, f"item,date,price\n{rows}")).days
    assert str(days[0]) == "2025-01-06" and len(days) == 14


@READERS
def test_an_evening_in_utc_is_the_next_day_in_india_whatever_zone_a_parquet_file_has(read: Any, tmp_path: Path) -> None:
    path = tmp_path / "prices.parquet"
    stamps = [datetime(2025, 1, 5, 18, 30, tzinfo=UTC) + timedelta(days=day) for day in range(3)]
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        ts = pl.Series(stamps).dt.convert_time_zone(zone)
        pl.DataFrame({"item": "a", "ts": ts, "price": [1.0, 2.0, 3.0]}).write_parquet(path)
        assert str(read(path).days[0]) == "2025-01-06", zone


TIMES = [
    "2025-01-06T00:00:00+05:30", "2025-01-05T18:30:00Z", "2025-01-05 18:30:00+00:00", "2025-01-05T10:30:00-0800",
    "2025-01-05 18:30:00 UTC", "2025-01-05T18:30+00", "2025-01-06", "2025-01-06 00:00", "2025-01-06 00:00:00.000",
    "06-01-2025", "6/1/2025", "2025/01/06", "20250106", "06.01.2025", "06-Jan-2025", "6 Jan 2025", "06-01-25", "06/01/25",
    "06-Jan-25", "6 Jan 25", "6 January 2025",
]  # fmt: skip


@pytest.mark.parametrize("text", TIMES)
def test_a_time_as_text_is_read_as_indian_wall_time(text: str) -> None:
    # Beside another: the offsets of one column may be mixed.
    assert read(pl.DataFrame({"ts": [text, "2025-01-06T05:30:00Z"]}), cells.times) == [
        MONDAY, MONDAY + timedelta(hours=11)]  # fmt: skip


def test_the_clock_of_a_time_as_text_is_kept() -> None:
    texts = ["2025-01-06T13:45:10.5", "06/01/2025 13:45", "2025-01-06 08:15:10.500000+00:00"]
    found = read(pl.DataFrame({"ts": texts}), cells.times)
    assert found == [MONDAY.replace(hour=13, minute=45, second=at, microsecond=part) for at, part in
                     ((10, 500_000), (0, 0), (10, 500_000))]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "soon", "2025-01-06 25:00", "2025-13-06", "2025-01-06 09:00 pm", "2025", "1025-01-06", None]
)
def test_what_is_no_time_is_null(text: str | None) -> None:
    assert read(pl.DataFrame({"ts": [text]}, {"ts": pl.String}), cells.times) == [None]


AMOUNTS = {"₹1,299.00": 1299, "Rs. 45": 45, "rs 45.50": 45.5, "INR 20": 20, "45/-": 45, "1,00,000": 100_000, " 7 ": 7,
           "1e3": 1000, ".5": 0.5, "-3": -3, "12,50": None, "1,2345": None, "0,299": None, "12%": None,
           "inf": None, "NaN": None, "abc": None, "": None}  # fmt: skip


@pytest.mark.parametrize("text", AMOUNTS)
def test_amounts_are_read_as_they_are_written_and_none_is_guessed(text: str) -> None:
    assert read(pl.DataFrame({"price": [text]}), cells.numbers) == [AMOUNTS[text]]


def test_dear_prices_with_thousands_marks_are_not_left_out_of_a_fit(tmp_path: Path) -> None:
    source = read_source(written(tmp_path, 'item,date,price\na,2025-01-06,"1,299.00"\na,2025-01-07,₹999'), {})
    assert source.frame["price"].to_list() == [1299, 999] and not any("left out" in note for note in source.notes)


FLAGS = {
    "yes": 1,
    "No": 0,
    " TRUE ": 1,
    "f": 0,
    "1": 1,
    "0": 0,
    "12": 1,
    "In stock": 1,
    "out of stock": 0,
    "maybe": None,
}


@pytest.mark.parametrize("text", FLAGS)
def test_flags_are_words_or_counts(text: str) -> None:
    assert read(pl.DataFrame({"on_sale": [text]}), cells.flags) == [FLAGS[text]]


@pytest.mark.parametrize(("values", "wanted"), [([True, False], [1, 0]), ([3, 0], [1, 0]), ([None, 0.5], [None, 1])])
def test_flags_may_be_booleans_or_numbers(values: list[Any], wanted: list[int | None]) -> None:
    assert read(pl.DataFrame({"in_stock": values}), cells.flags) == wanted


@READERS
def test_a_year_of_two_digits_is_of_this_century(read: Any, tmp_path: Path) -> None:
    assert str(read(written(tmp_path, "item,date,price\na,06-01-25,5\na,07-01-25,6")).days[0]) == "2025-01-06"


def test_a_slip_in_a_year_makes_no_panel_of_centuries(tmp_path: Path) -> None:
    path = written(tmp_path, "item,date,price\na,2025-01-06,5\na,1025-01-07,6\na,2025-01-08,6")
    assert fitted(path).price_paise.tolist() == [[500, 0, 600]]
    with pytest.raises(InputError, match="found no time in 1 text for ts, such as '1025-01-07'"):
        read_reference(path)


def test_prices_that_are_no_numbers_are_counted_among_the_rows_left_out(tmp_path: Path) -> None:
    source = read_source(written(tmp_path, "item,date,price\na,2025-01-06,5\na,2025-01-07,NaN\na,2025-01-08,inf"), {})
    assert len(source.frame) == 1 and "2 rows without" in source.notes[0]
    source = read_source(written(tmp_path, "item,date,price\na,2025-01-06,5\na,2025-01-07,NaN"), {})
    assert source.notes[0].startswith("1 row without")


@READERS
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"item;date;price\na;2025-01-06;12,50\n", "separated by semicolons"),
        (b"item\tdate\tprice\na\t2025-01-06\t12.50\n", "separated by tabs"),
        ("item,date,price\na,2025-01-06,5\n".encode("utf-16"), "UTF-16 text"),
        (b"PK\x03\x04rest", "a zip or Excel file"),
    ],
)
def test_a_file_of_another_delimiter_or_encoding_is_refused_by_name(
    read: Any, text: bytes, told: str, tmp_path: Path
) -> None:
    assert_refused(read, tmp_path, text, told)


@READERS
def test_yes_and_no_are_flags_in_a_fit_and_in_a_reference(read: Any, tmp_path: Path) -> None:
    rows = "item,date,price,on_sale\na,2025-01-06,5,no\na,2025-01-07,4,yes\na,2025-01-08,4,?"
    assert read(written(tmp_path, rows)).on_sale.tolist() == [[0, 1, -1]]


def test_a_reference_with_text_for_an_amount_is_refused_and_told_what_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, "item,date,price\na,2025-01-06,5\na,2025-01-07,n/a")
    with pytest.raises(InputError, match="1 texts for price that are no amount, such as 'n/a'"):
        read_reference(path)


def test_a_reference_whose_time_is_a_number_is_refused() -> None:
    with pytest.raises(InputError, match="found ts as Int64"):
        from_long(pl.DataFrame({"item": ["a"], "ts": [20250106], "price": [5.0]}))


@READERS
def test_items_of_digits_stay_what_is_written(read: Any, tmp_path: Path) -> None:
    rows = "item,date,price\n0012,2025-01-06,5\n12,2025-01-06,7\n12,2025-01-07,8"
    found = read(written(tmp_path, rows))
    assert found.item.tolist() == ["0012", "12"] and found.price_paise.tolist() == [[500, 0], [700, 800]]


@READERS
def test_what_a_column_holds_is_not_guessed_from_its_first_rows(read: Any, tmp_path: Path) -> None:
    rows = "\n".join(f"{number},2025-01-06,{number}" for number in range(1, 10_002))
    found = read(written(tmp_path, f"item,date,price\n{rows}\nA1,2025-01-06,12.5"))
    assert len(found.item) == 10_002 and found.price_paise[found.item == "A1"].tolist() == [[1250]]


@READERS
def test_days_of_eight_digits_are_read(read: Any, tmp_path: Path) -> None:
    assert str(read(written(tmp_path, "item,date,price\na,20250106,5\na,20250107,6")).days[0]) == "2025-01-06"


@READERS
def test_dates_with_the_month_first_are_refused_and_not_half_read(read: Any, tmp_path: Path) -> None:
    rows = "item,date,price\na,01/06/2025,5\na,01/07/2025,6\na,01/13/2025,7"
    with pytest.raises(InputError, match=r"month first.*01/13/2025|01/13/2025.*month first"):
        read(written(tmp_path, rows))


@READERS
@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["a", "2025-01-06", "5.5", "yes"])])
def test_columns_of_categories_are_read_as_their_texts(read: Any, kind: Any, tmp_path: Path) -> None:
    row = pl.DataFrame({"item": ["a"], "date": ["2025-01-06"], "price": ["5.5"], "on_sale": ["yes"]})
    row.select(pl.all().cast(kind)).write_parquet(tmp_path / "prices.parquet")
    found = read(tmp_path / "prices.parquet")
    assert found.price_paise.tolist() == [[550]] and found.on_sale.tolist() == [[1]]


@READERS
@pytest.mark.parametrize("field", ["item", "price", "on_sale"])
def test_a_column_of_lists_is_refused_in_one_line(read: Any, field: str, tmp_path: Path) -> None:
    rows = pl.DataFrame({"item": ["a"], "date": ["2025-01-06"], "price": [5.5], "on_sale": [1]})
    rows.with_columns(pl.concat_list(field)).write_parquet(tmp_path / "prices.parquet")
    with pytest.raises(InputError, match=r"prices\.parquet") as refused:
        read(tmp_path / "prices.parquet")
    assert "\n" not in str(refused.value)


def test_a_price_that_is_no_number_is_left_out_of_a_reference_as_of_a_fit(tmp_path: Path) -> None:
    path = written(tmp_path, "item,date,price\na,2025-01-06,5\na,2025-01-07,nan\na,2025-01-08,6")
    assert read_reference(path).price_paise.tolist() == [[500, 0, 600]]


def test_a_file_without_a_usable_row_shows_its_first(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the first is a, 1740787200, 5;"):
        fitted(written(tmp_path, "item,date,price\na,1740787200,5"))


def test_a_reference_with_volatility_groups_has_produce_and_packaged_goods(tmp_path: Path) -> None:
    rows = "item,date,price,group\na,2025-01-06,5,Fruits\nb,2025-01-06,5,dairy\nc,2025-01-06,5,F\nd,2025-01-06,5,"
    assert read_reference(written(tmp_path, rows)).group.tolist() == ["F", "P", "F", "?"]


@READERS
def test_a_time_of_day_in_a_column_of_its_own_leaves_the_days_to_theirs(read: Any, tmp_path: Path) -> None:
    rows = "item,date,time,price\na,2025-01-06,10:30,5\na,2025-01-07,10:30,6"
    assert str(read(written(tmp_path, rows)).days[0]) == "2025-01-06"


@READERS
def test_two_columns_of_one_name_are_refused(read: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two columns named 'price'"):
        read(written(tmp_path, 'item,"date",price, price\na,2025-01-06,5,6'))


@READERS
def test_a_file_whose_first_line_is_no_header_is_refused_in_one_line(read: Any, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"prices\.csv: found a first line that is no header: .*; allowed: names of columns"
    ):
        read(written(tmp_path, f"{'x' * 200_000},date\na,2025-01-06"))


def test_prices_above_the_highest_and_below_a_paisa_are_left_out_and_told_of(tmp_path: Path) -> None:
    rows = "item,date,price\na,2025-01-06,5\nb,2025-01-06,30000000\nc,2025-01-06,0.004"
    source = read_source(written(tmp_path, rows), {})
    assert source.frame["item"].to_list() == ["a"]
    assert source.notes[0].startswith("2 rows without")
    assert source.notes[1] == "1 of these cost more than 21,474,836.47, the most there is"
