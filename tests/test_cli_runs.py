"""The command line in full runs: settings that a run took over, queries over what it left, and how it is stopped."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.cli import main
from qsim.storage import log


def parameters(market: Path) -> dict[str, Any]:
    """What the newest epoch of a market runs under."""
    found: dict[str, Any] = log.read(market).epochs[-1]["parameters"]
    return found


@pytest.mark.parametrize("said", ["all", "ALL", "0"])
def test_batch_size_all_takes_up_every_active_listing_each_tick(market: Path, said: str) -> None:
    assert main(["run", str(market), "--ticks", "3", "--batch-size", said]) == 0
    connection = qsim.connect(market)
    (active,) = connection.sql("SELECT count(*) FROM prices WHERE is_active").fetchall()[0]
    attempted = connection.sql("SELECT attempted FROM metrics WHERE tick > 10").fetchall()
    assert attempted == [(active,)] * 3


def test_interval_holds_from_the_next_tick_on(market: Path) -> None:
    assert main(["run", str(market), "--ticks", "2", "--interval", "600"]) == 0
    assert main(["run", str(market), "--ticks", "1"]) == 0
    assert qsim.status(market)["market_time"] == "2026-01-01 00:30:50"


def test_duration_is_minutes_of_market_time(market: Path) -> None:
    assert main(["run", str(market), "--duration", "2"]) == 0
    assert qsim.status(market)["tick"] == 10 + 24
    assert main(["run", str(market), "--duration", "0.5", "--interval", "10"]) == 0
    assert qsim.status(market)["market_time"] == "2026-01-01 00:03:20"


def test_until_is_a_tick_and_does_nothing_when_repeated(market: Path) -> None:
    assert main(["run", str(market), "--until", "20"]) == 0
    before = qsim.status(market)
    assert before["tick"] == 20
    assert main(["run", str(market), "--until", "20"]) == 0
    assert qsim.status(market) == before


def test_config_show_of_a_preset_is_toml_that_makes_the_same_market(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "show", "--preset", "classic"]) == 0
    (tmp_path / "all.toml").write_text(capsys.readouterr().out)
    plain, given = (tmp_path / name for name in ("plain", "given"))
    assert main(["generate", str(plain)]) == main(["generate", str(given), "--config", str(tmp_path / "all.toml")]) == 0
    assert qsim.status(plain)["digest"] == qsim.status(given)["digest"]


def test_config_show_of_a_market_round_trips_through_config(market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(market), "--ticks", "1", "--set", "category_volatility.fruits=1.25"]) == 0
    capsys.readouterr()
    assert main(["config", "show", str(market)]) == 0
    shown = capsys.readouterr().out
    assert tomllib.loads(shown) == parameters(market)
    assert tomllib.loads(shown)["category_volatility"]["fruits"] == 1.25
    (market.parent / "all.toml").write_text(shown)
    epochs = len(log.read(market).epochs)
    assert main(["run", str(market), "--ticks", "1", "--config", str(market.parent / "all.toml")]) == 0
    assert len(log.read(market).epochs) == epochs
    capsys.readouterr()
    assert main(["config", "show", str(market), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == parameters(market)


ORIGINAL = """
update_interval_seconds = 3
batch_size = 10
max_price_change_percent = 12.5
discount_probability = 0.2
surge_probability = 0.1
max_workers = 1
[category_volatility]
fruits = 0.9
vegetables = 0.7
dairy = 0.4
snacks = 0.3
staples = 0.2
"""


def test_the_original_field_names_are_accepted_in_a_file_by_generate_and_run(market: Path, tmp_path: Path) -> None:
    (tmp_path / "original.toml").write_text(ORIGINAL)
    new = tmp_path / "new"
    config = ["--config", str(tmp_path / "original.toml")]
    assert main(["generate", str(new), "--products", "12", *config]) == 0
    assert main(["run", str(market), "--ticks", "1", *config]) == 0
    expected = tomllib.loads(ORIGINAL)
    del expected["max_workers"]
    for place in (new, market):
        found = parameters(place)
        volatility = expected["category_volatility"] | {"other": 0.3}
        assert {key: found[key] for key in expected} == expected | {"category_volatility": volatility}


def test_a_later_file_wins_over_an_earlier_one_and_set_over_both(market: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("batch_size = 3\nsurge_probability = 0.5\n")
    (tmp_path / "b.toml").write_text("batch_size = 4\n")
    files = [word for name in "ab" for word in ("--config", str(tmp_path / f"{name}.toml"))]
    assert main(["run", str(market), "--ticks", "1", *files]) == 0
    assert (parameters(market)["batch_size"], parameters(market)["surge_probability"]) == (4, 0.5)
    assert main(["run", str(market), "--ticks", "1", *files, "--set", "batch_size=5"]) == 0
    assert parameters(market)["batch_size"] == 5


def test_max_workers_changes_nothing_of_the_market(ran: Path, tmp_path: Path) -> None:
    heads = set()
    for options in (["--max-workers", "1"], ["--max-workers", "999"], ["--set", "max_workers=2"]):
        place = shutil.copytree(ran, tmp_path / "-".join(options))
        assert main(["run", str(place), "--ticks", "20", *options]) == 0
        heads.add(qsim.status(place)["head"])
    assert len(heads) == 1


def test_sql_changes_no_byte_of_the_market(market: Path) -> None:
    before = {path: path.read_bytes() for path in market.rglob("*") if path.is_file()}
    target = next(iter((market / "events").iterdir()))
    copy = f"COPY (SELECT 1 AS a) TO '{target}' (FORMAT parquet, USE_TMP_FILE false)"
    hidden = (
        f"/* /* */ EXPLAIN SELECT 1; -- */ EXPLAIN ANALYZE {copy}",
        f"EXPLAIN (ANALYZE /*) SELECT 1 -- */) {copy}",
        f"EXPLAIN (ANALYZE, FORMAT json) {copy}",
    )
    pivot = "PIVOT prices ON platform USING avg(price)"
    pivots = (
        f"COPY ({pivot}) TO '{target}' (FORMAT parquet, USE_TMP_FILE false)",
        f"CREATE TABLE a AS {pivot}",
        f"{pivot}; {copy}",
    )
    within = f"WITH a AS ({copy}) SELECT * FROM a"
    withs = (
        within,
        f"EXPLAIN ANALYZE {within}",
        f"/* a */ EXPLAIN ANALYZE {within}",
        f"-- a\nEXPLAIN ANALYZE {copy}",
        f"/* a */ {copy}",
        f"WITH b AS ({copy}) {pivot}",
        f"WITH b AS ({copy}) SELECT * FROM b, ({pivot})",
        f"SELECT * FROM ({pivot}), (WITH b AS ({copy}) SELECT * FROM b)",
        f"SELECT 1 IN (WITH b AS ({copy}) SELECT * FROM b)",
        f"WITH a AS (SELECT 1) SELECT * FROM ({pivot})); {copy}; SELECT * FROM (SELECT 1",
    )
    plain = ("DROP VIEW prices", copy, f"EXPLAIN ANALYZE {copy}", f"EXPLAIN (ANALYZE) {copy}")
    for query in (*plain, *hidden, *pivots, *withs):
        assert main(["sql", str(market), query]), query
    assert {path: path.read_bytes() for path in market.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "explain",
    [
        "EXPLAIN",
        " explain\n",
        "EXPLAIN ANALYZE",
        "EXPLAIN (FORMAT json)",
        "explain (analyze)",
        "-- why\n EXPLAIN",
        "/* a\n */ -- b\n\tEXPLAIN ANALYZE",
    ],
)
def test_sql_tells_the_plan_of_a_query(explain: str, market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", str(market), f"{explain} SELECT count(*) FROM price_history WHERE tick > 4", "--json"]) == 0
    [plan] = json.loads(capsys.readouterr().out)
    assert "aggregate" in plan["explain_value"].lower()


@pytest.mark.parametrize(
    "query",
    [
        "PIVOT {}",
        "pivot {}",
        "FROM (PIVOT {})",
        "SELECT * FROM (PIVOT {})",
        "-- of all\n/* platforms */ PIVOT {}",
        "(PIVOT {})",
        "WITH a AS (PIVOT {}) SELECT * FROM a;",
        "WITH a AS (SELECT 1) PIVOT {} -- by category",
    ],
)
def test_sql_finds_the_values_of_a_pivot_by_itself(
    query: str, market: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = query.format("prices ON platform USING avg(price) GROUP BY category")
    assert main(["sql", str(market), words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert (
        all(row.keys() == {"category", "blinkit", "zepto", "instamart", "bigbasket", "dunzo"} for row in rows) and rows
    )


def test_sql_names_a_copy_that_stands_in_a_with(market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", str(market), f"WITH a AS (COPY (SELECT 1) TO '{market}/a') SELECT * FROM a"]) == 2
    assert capsys.readouterr().err.startswith("qsim: sql: found COPY in a WITH; allowed is one SELECT")


def test_sql_takes_the_word_copy_in_a_query_that_copies_nothing(
    market: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", str(market), "WITH copy AS (SELECT 'COPY_QUERY_NODE' AS copy) FROM copy", "--csv"]) == 0
    assert capsys.readouterr().out.splitlines() == ["copy", "COPY_QUERY_NODE"]


def test_two_signals_at_the_same_time_are_one_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    command = import_module("qsim.cli.run")
    monkeypatch.setattr(command, "_ONE_STOP_SECONDS", 1e9)
    stop = command._stop_on_interrupt(False)
    signal.raise_signal(signal.SIGTERM)
    assert stop.is_set()
    signal.raise_signal(signal.SIGTERM)


def test_a_market_that_is_stopped_by_ctrl_c_commits_what_is_done_and_goes_on_as_if_never_stopped(
    market: Path, tmp_path: Path
) -> None:
    whole = Path(shutil.copytree(market, tmp_path / "whole"))
    words = [sys.executable, "-m", "qsim", "run", str(market), "--until", "60000", "--batch-size", "all", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        while len(list((market / "_commits").iterdir())) < 6:
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        assert run.stdout is not None
        reached = json.loads(run.stdout.read())["tick"]
    assert run.returncode == 0
    assert 10 < reached < 60_000 and reached == qsim.status(market)["tick"]
    onward = reached + 50
    assert main(["run", str(market), "--until", str(onward)]) == 0
    assert main(["run", str(whole), "--until", str(onward), "--batch-size", "all"]) == 0
    assert qsim.status(market)["digest"] == qsim.status(whole)["digest"]
