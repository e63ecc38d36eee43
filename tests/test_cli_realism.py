"""`qsim validate --realism`: its options, what it prints on wide and narrow terminals, its JSON, and its exit code."""

from __future__ import annotations

import csv
import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import qsim
from qsim.cli import verdict
from qsim.errors import InputError, UsageError
from qsim.fitting.reading import read_source
from qsim.realism.panel import from_long, long_columns
from qsim.realism.validate import read_reference
from tests.commands import Shell
from tests.terminals import terminal

START = date(2026, 1, 1)


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market of 20 products over 30 days."""
    place = tmp_path_factory.mktemp("aged") / "m"
    qsim.generate(place, products=20, seed=5, update_interval_seconds=14_400)
    qsim.run(place, ticks=6 * 30)
    return place


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A change log of two shops under names of its own: store, id, date, price; a price changes one day in ten."""
    random = np.random.Generator(np.random.Philox(1))
    moves = random.random((2, 40, 45)) < 0.1
    moves[:, :, 0] = True
    path = tmp_path_factory.mktemp("reference") / "log.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["store", "id", "date", "price"])
        for store, item, day in zip(*np.nonzero(moves), strict=True):
            writer.writerow(["one" if store else "two", item, START + timedelta(int(day)), random.integers(20, 400)])
    return path


LONE = [["--reference", "x.csv"], ["--min-score", "50"], ["--min-score", "0"], ["--carry"], ["--since", "2026-01-01"],
        ["--charts", "c"], ["--map", "a=price"]]  # fmt: skip


@pytest.mark.parametrize("words", LONE, ids=lambda words: words[0])
def test_an_option_of_realism_is_refused_without_it(shell: Shell, market: Path, words: list[str]) -> None:
    assert words[0] in shell.refused(2, "validate", market, *words)
    if words[0] in ("--carry", "--since", "--map"):
        assert "--reference" in shell.refused(2, "validate", market, "--realism", *words)


def test_a_market_too_young_for_a_score_is_refused_in_one_line(shell: Shell, market: Path) -> None:
    assert "noons" in shell.refused(2, "validate", market, "--realism")


def test_the_score_is_printed_with_all_that_it_is_made_of(shell: Shell, aged: Path) -> None:
    done = shell("validate", aged, "--realism")
    assert done.code == 0, done
    for text in ("mean abs. dlog", "ACF1", "PnP", "lo", "hi", "se", "price points", "left out: out of stock", "note: "):
        assert text in done.out
    assert " = 100 M, M 0." in done.out and "0 failed" in done.out and "classifier" not in done.out


def test_below_the_least_score_the_exit_code_is_1_and_the_line_says_so(shell: Shell, aged: Path) -> None:
    done = shell("validate", aged, "--realism", "--min-score", "99")
    assert done.code == 1 and "at least 99 is asked for" in done.out
    assert shell("validate", aged, "--realism", "--min-score", "1").code == 0


def test_a_least_score_that_is_no_number_is_refused(shell: Shell, aged: Path) -> None:
    assert "found nan" in shell.refused(2, "validate", aged, "--realism", "--min-score", "nan")


def test_json_has_the_checks_and_the_score_with_its_moments(shell: Shell, aged: Path) -> None:
    done = shell("validate", aged, "--realism", "--min-score", "99", "--json")
    found = json.loads(done.out)
    assert done.code == 1 and found["passed"] is False and 0 < found["score"] < 99
    assert {"moment", "scope", "target_lo", "target_hi", "simulated", "se", "score", "basis"} <= set(
        found["moments"][0]
    )
    assert all(check["passed"] for check in found["checks"]) and set(found["groups"]) >= {"frequency", "sales"}
    assert "moments" not in json.loads(shell("validate", aged, "--json").out)


def test_a_price_above_an_mrp_fails_the_run(shell: Shell, aged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qsim.realism import validate

    real = validate.from_market

    def dearer(connection: Any) -> Any:
        panel = real(connection)
        panel.price_paise[panel.mrp_paise > 0] = 10 * panel.mrp_paise[panel.mrp_paise > 0]
        return panel

    monkeypatch.setattr(validate, "from_market", dearer)
    done = shell("validate", aged, "--realism")
    assert done.code == 1 and "FAIL above MRP" in done.out


def test_a_reference_brings_the_classifier_with_its_floor_and_the_other_retailer(
    shell: Shell, aged: Path, prices: Path
) -> None:
    pytest.importorskip("sklearn", reason="the extra ml is not installed")
    done = shell("validate", aged, "--realism", "--reference", prices, "--carry", "--since", "2026-01-03", "--json")
    assert done.code == 0, done
    found = json.loads(done.out)
    verdict.realism(found)
    printed = shell.capture.readouterr().out
    for text in ("this market and one", "one and itself", "one and two", "boosted", "logistic", "real", "D 0."):
        assert text in printed
    assert found["auc"]["boosted"] > 0.9 and abs(found["floor"]["boosted"] - 0.5) < 0.25
    assert found["other_name"] == "two" and 0.05 < found["moments"][0]["reference"] < 0.2
    parts = 0.7 * found["M"] + 0.3 * found["D"]
    assert found["score"] == pytest.approx(100 * parts)


def test_on_a_narrow_terminal_every_line_fits_and_the_basis_gives_way(aged: Path) -> None:
    with terminal("validate", aged, "--realism", columns=80) as run:
        assert run.ended() == 0
        printed = run.text
    drawn = [line for line in printed.splitlines() if line[:1] in "┏┃┡│└"]
    assert len(drawn) > 30 and max(map(len, drawn)) <= 80
    assert "basis" not in printed and " 0.100 " in printed


def test_columns_are_found_by_their_usual_names_or_as_mapped() -> None:
    rows = pl.DataFrame({"Date": [START], "Centre": ["Pune"], "Commodity": ["Rice"], "Price": [40.0], "extra": [1]})
    assert long_columns(rows).columns == ["item", "ts", "price", "seller"]
    rows = pl.DataFrame({"day": [START], "what": ["Rice"], "price": [40.0], "paid": [38.0]})
    panel = from_long(long_columns(rows, {"what": "item", "paid": "price"}))
    assert panel.price_paise.tolist() == [[3800]] and panel.item.tolist() == ["Rice"]


@pytest.mark.parametrize("field", ["ts", "time"])
def test_a_column_of_times_is_mapped_by_either_of_its_names_for_the_score_and_for_a_fit(
    field: str, tmp_path: Path
) -> None:
    rows = pl.DataFrame({"seen": [START], "item": ["Rice"], "price": [40.0]})
    assert set(long_columns(rows, {"seen": field}).columns) == {"item", "ts", "price"}
    rows.write_parquet(tmp_path / "prices.parquet")
    assert read_source(tmp_path / "prices.parquet", {"seen": field}).columns["time"] == "seen"


@pytest.mark.parametrize("columns", [{"wht": "item"}, {"what": "itm"}, {"what": "item", "paid": "item"}])
def test_a_column_or_field_that_is_not_there_is_refused(columns: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--map"):
        long_columns(pl.DataFrame({"what": ["Rice"], "paid": [38.0]}), columns)


def test_a_table_without_a_time_names_what_to_map() -> None:
    with pytest.raises(InputError, match="map ts"):
        from_long(long_columns(pl.DataFrame({"product": ["Rice"], "sale_price": [38.0]})))


REAL = {
    "austria_price_changes": ({"carry": True, "since": date(2023, 6, 7)}, 2),
    "india_retail_prices": ({}, 12),
    "bigbasket_daily_vegetables": ({}, 1),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read_as_they_are(name: str) -> None:
    folder = os.environ.get("QSIM_SHARED_DATA")
    if not folder:
        pytest.skip("QSIM_SHARED_DATA names no folder of real prices")
    given, sellers = REAL[name]
    panel = read_reference(Path(folder) / f"{name}.parquet", **given)
    assert len(panel.sellers()) == sellers and panel.step_days == 1 and (panel.price_paise > 0).mean() > 0.3
