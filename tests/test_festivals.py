"""The calendar: what its file may say, what it does in which hour, and that a market keeps it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

import qsim
from qsim import calendars, festivals
from qsim.errors import InputError, UsageError
from qsim.festivals import Entry
from qsim.runs.opening import _as_arrow

HEADER = "name,date,days,from_hour,to_hour,city,demand,sales,deeper_percent"
SHIPPED = calendars.read_calendar(None)
START = date(2026, 1, 1)


def entry(**changes: object) -> Entry:
    neutral = {"name": "x", "date": "2026-01-02", "days": 1, "from_hour": 0, "to_hour": 24, "city": "",
               "demand": 1.0, "sales": 1.0, "deeper_bps": 0}  # fmt: skip
    return Entry(**{**neutral, **changes})  # type: ignore[arg-type]


def hours(first: int, count: int) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.int64)


def calendar(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def of_day(name: str, year: int) -> list[str]:
    return [one.date for one in SHIPPED if one.name == name and one.date.startswith(str(year))]


# Computed apart from the file: by lunar day at dusk, midday or morning in India, and by public lists of holidays.
@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("Dhanteras", ["2024-10-29", "2025-10-18", "2026-11-06", "2027-10-27", "2028-10-15"]),
        ("Diwali", ["2024-10-31", "2025-10-20", "2026-11-08", "2027-10-29", "2028-10-17"]),
        ("Holi", ["2024-03-25", "2025-03-14", "2026-03-04", "2027-03-22", "2028-03-11"]),
        ("Raksha Bandhan", ["2024-08-19", "2025-08-09", "2026-08-28", "2027-08-17", "2028-08-05"]),
        ("Eid al-Adha", ["2024-06-17", "2025-06-07", "2026-05-27", "2027-05-17", "2028-05-06"]),
    ],
)
def test_the_shipped_calendar_has_the_movable_days_of_2024_to_2028(name: str, days: list[str]) -> None:
    assert [day for year in range(2024, 2029) for day in of_day(name, year)] == days


def test_the_shipped_calendar_starts_more_sales_and_deepens_them_within_the_bounds_of_the_model() -> None:
    assert all(1 <= one.demand <= 2 and one.sales in (1, 2, 3, 4) and one.deeper_bps in (0, 500) for one in SHIPPED)


def test_factors_are_those_of_going_through_the_days_one_by_one() -> None:
    days = (date(2029, 1, 1) - date(2024, 1, 1)).days
    wanted = np.ones((days, 24)), np.ones((days, 24)), np.zeros((days, 24))
    for one in SHIPPED:
        if one.city not in ("", "Mumbai"):
            continue
        year, month, of_month = one.date.split("-")
        covered = set()
        for number in range(-400, days):
            day = date(2024, 1, 1) + timedelta(number)
            if year in ("*", str(day.year)) and month in ("*", f"{day.month:02d}") and int(of_month) == day.day:
                covered |= set(range(number, number + one.days))
        for number in covered & set(range(days)):
            place = number, slice(one.from_hour, one.to_hour)
            wanted[0][place] *= one.demand
            wanted[1][place] *= one.sales
            wanted[2][place] = np.maximum(wanted[2][place], one.deeper_bps)
    made = festivals.factors(SHIPPED, date(2024, 1, 1), hours(0, days * 24), "Mumbai")
    assert np.array_equal(made.demand, wanted[0].ravel())
    assert np.array_equal(made.sales, wanted[1].ravel())
    assert np.array_equal(made.deeper_bps, wanted[2].ravel())


def test_hours_asked_for_in_pieces_have_the_factors_of_all_at_once() -> None:
    whole = festivals.factors(SHIPPED, START, hours(0, 8760), "Pune")
    pieces = [festivals.factors(SHIPPED, START, hours(at, min(85, 8760 - at)), "Pune") for at in range(0, 8760, 85)]
    for part in ("demand", "sales", "deeper_bps"):
        assert np.array_equal(getattr(whole, part), np.concatenate([getattr(piece, part) for piece in pieces])), part


def test_an_entry_holds_in_its_hours_of_its_days() -> None:
    made = festivals.factors([entry(days=2, from_hour=19, to_hour=23, demand=2.0)], START, hours(0, 96), "")
    assert np.flatnonzero(made.demand == 2).tolist() == [24 + 19, 24 + 20, 24 + 21, 24 + 22, 67, 68, 69, 70]
    assert (np.delete(made.demand, [43, 44, 45, 46, 67, 68, 69, 70]) == 1).all()


def test_an_entry_that_began_before_the_market_goes_on_in_it() -> None:
    made = festivals.factors([entry(date="*-12-30", days=4, sales=3.0)], START, hours(0, 72), "")
    assert made.sales.tolist() == [3.0] * 48 + [1.0] * 24


def test_a_day_that_a_month_lacks_is_left_out() -> None:
    made = festivals.factors([entry(date="*-*-31", demand=2.0)], date(2026, 2, 1), hours(0, 24 * 59), "")
    assert np.flatnonzero(made.demand == 2).tolist() == list(range(24 * 58, 24 * 59))


def test_an_entry_that_begins_anew_while_it_runs_counts_once() -> None:
    made = festivals.factors([entry(date="*-*-01", days=62, demand=2.0)], START, hours(0, 24 * 365), "")
    assert set(made.demand.tolist()) == {2.0}


def test_entries_that_overlap_multiply_and_the_deepest_counts() -> None:
    both = [entry(demand=1.5, sales=2.0, deeper_bps=300), entry(demand=2.0, sales=3.0, deeper_bps=500)]
    made = festivals.factors(both, START, hours(24, 24), "")
    assert (set(made.demand), set(made.sales), set(made.deeper_bps)) == ({3.0}, {6.0}, {500})


def test_an_entry_of_a_city_changes_the_demand_of_that_city_alone() -> None:
    of_city = entry(city="Pune", demand=2.0, sales=3.0, deeper_bps=500)
    there, elsewhere = (festivals.factors([of_city], START, hours(24, 24), city) for city in ("Pune", "Mumbai"))
    assert set(there.demand) == {2.0} and set(elsewhere.demand) == {1.0}
    assert set(there.sales) == {1.0} and set(there.deeper_bps) == {0}


def test_columns_may_come_in_any_order_and_what_is_not_said_changes_nothing(tmp_path: Path) -> None:
    path = calendar(tmp_path, "# a remark, with a comma", "1.5,*-*-07,Seventh,", header="demand,date,name,city")
    neutral = Entry("Seventh", "*-*-07", 1, 0, 24, "", 1.5, 1.0, 0)
    assert calendars.read_calendar(path) == (neutral,)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x,2026-02-30,1,0,24,,1,1,0", "date '2026-02-30' at line 3; allowed: YYYY-MM-DD of a real day"),
        ("x,2026-*-32,1,0,24,,1,1,0", r"date '2026-\*-32' at line 3"),
        ("x,2026-1-05,1,0,24,,1,1,0", "date '2026-1-05' at line 3"),
        (",2026-01-05,1,0,24,,1,1,0", "name '' at line 3"),
        ("x,2026-01-05,0,0,24,,1,1,0", "days '0' at line 3; allowed: a whole number from 1 to 366"),
        ("x,2026-01-05,1.5,0,24,,1,1,0", "days '1.5' at line 3"),
        ("x,2026-01-05,1,20,20,,1,1,0", "to_hour '20' at line 3; allowed: an hour after from_hour 20"),
        ("x,2026-01-05,1,0,25,,1,1,0", "to_hour '25' at line 3"),
        ("x,2026-01-05,1,0,24,Mumbay,1,1,0", "city 'Mumbay' at line 3; allowed: .*nearest is 'Mumbai'"),
        ("x,2026-01-05,1,0,24,Pune,2,2,0", "city 'Pune' at line 3; allowed: nothing, where a line changes sales"),
        ("x,2026-01-05,1,0,24,,-1,1,0", "demand '-1' at line 3; allowed: a number from 0 to 100"),
        ("x,2026-01-05,1,0,24,,1,nan,0", "sales 'nan' at line 3"),
        ("x,2026-01-05,1,0,24,,1,1,86", "deeper_percent '86' at line 3"),
        ("x,2026-01-05,1,0,24", "5 cells under 9 columns at line 3"),
    ],
)
def test_a_faulty_line_is_refused_in_one_line_with_its_number(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"mine\.csv: found {said}") as caught:
        calendars.read_calendar(calendar(tmp_path, "fine,*-01-26,1,0,24,,1,1,0", line))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("name,date,dmand", "the column 'dmand'; nearest is 'demand'"),
        ("name,days", "no column 'date'"),
        ("name,date,Date", "two columns named 'date'"),
    ],
)
def test_a_faulty_header_is_refused(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        calendars.read_calendar(calendar(tmp_path, "x,*-01-26,1", header=header))


def test_a_calendar_without_an_entry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found no entry"):
        calendars.read_calendar(calendar(tmp_path, "# nothing,,,,,,,,"))


@pytest.mark.parametrize(
    ("text", "said"), [("", "found an empty file; allowed: a header row and at least one row below it; fill it"),
                       ("name,date\n", "found a header and no row; allowed: at least one row below the header; fill it")],
)  # fmt: skip
def test_an_empty_calendar_is_told_of_rows_and_not_of_products(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(InputError, match=rf"mine\.csv: {said}"):
        calendars.read_calendar(tmp_path / "mine.csv")


def test_a_table_gives_back_the_entries() -> None:
    assert festivals.from_table(_as_arrow("calendar", calendars.to_table(SHIPPED))) == SHIPPED


def test_a_market_keeps_its_calendar_and_names_the_file(tmp_path: Path) -> None:
    path = calendar(tmp_path, "Founders,*-*-01,2,8,20,,1.5,2,7.5")
    market = tmp_path / "m"
    qsim.generate(market, products=12, calendar=path)
    path.unlink()
    assert qsim.status(market)["calendar"] == "mine.csv"
    rows = qsim.connect(market).sql("SELECT * EXCLUDE entry_id FROM calendar").fetchall()
    assert [(*row[:-1], float(row[-1])) for row in rows] == [("Founders", "*-*-01", 2, 8, 20, "", 1.5, 2.0, 7.5)]


def test_classic_has_no_calendar_and_the_realistic_preset_that_of_india(tmp_path: Path) -> None:
    classic, realistic, without = (tmp_path / name for name in ("c", "r", "w"))
    qsim.generate(classic, products=12)
    qsim.generate(realistic, products=12, preset="realistic")
    qsim.generate(without, products=12, preset="realistic", calendar="none")
    kept = [
        len(qsim.connect(market).sql("SELECT * FROM calendar").fetchall()) for market in (classic, realistic, without)
    ]
    assert kept == [0, len(SHIPPED), 0]
    assert not (classic / "catalog" / "calendar.parquet").exists()


def test_the_calendar_of_a_market_cannot_change_in_a_run(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=12)
    with pytest.raises(UsageError, match=r"^calendar: found 'india'.*fixed"):
        qsim.run(tmp_path / "m", ticks=1, calendar="india")


def test_a_calendar_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^calendar: found 'indai', no such file; allowed are india, none or a CSV file"
    ):
        qsim.generate(tmp_path / "m", products=12, calendar="indai")
    assert not (tmp_path / "m").exists()


def test_the_last_dated_day_is_that_of_entries_that_name_their_year_where_these_are_of_several() -> None:
    fixed = entry(date="*-12-31", days=5)
    assert festivals.last_dated([fixed, entry(date="2026-03-04")]) is None
    assert festivals.last_dated([entry(date="2027-*-30", days=3), fixed, entry(date="2026-03-04")]) == date(2028, 1, 1)
    assert festivals.last_dated(SHIPPED) == date(2028, 10, 17)
    assert festivals.last_dated([entry(date="2026-03-04"), entry(date="9999-12-30", days=5)]) == date.max


def test_the_run_that_passes_the_last_dated_day_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = {"preset": "realistic", "products": 8, "update_interval_seconds": 3_600}
    qsim.generate(tmp_path / "m", start="2028-10-16", **made)
    told = []
    for ticks in (24, 24, 1, 5):
        qsim.run(tmp_path / "m", ticks=ticks)
        told.append(len(caplog.records))
    assert told == [0, 0, 1, 1]
    assert "dated up to 2028-10-17" in caplog.records[0].getMessage()


def test_a_market_that_opens_after_the_last_dated_day_is_told_at_its_first_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=8, start="2030-01-01", update_interval_seconds=3_600)
    qsim.run(tmp_path / "m", ticks=1)
    qsim.run(tmp_path / "m", ticks=1)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
