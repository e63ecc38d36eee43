"""Product lists and tables of prices as spreadsheets and tills leave them: read for what they say, or refused by the place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qsim.catalog.user_file import read_user_catalog
from qsim.errors import InputError
from qsim.fitting.reading import panel_of, read_source
from qsim.realism.panel import Panel
from qsim.realism.validate import read_reference
from tests.user_rows import GOOD, HEADER, row

DAYS = [f"2026-02-{day:02d}" for day in range(1, 21)]
ROWS = [f"Milk,{day},45,50\n" for day in DAYS]


def fitted(path: Path) -> Panel:
    return panel_of(read_source(path, {}))[0]


READERS = pytest.mark.parametrize("read", [fitted, read_reference], ids=["fit", "reference"])


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
