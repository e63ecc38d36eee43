"""The command line's settings and streams in full runs: what a run took over, and what happens where output ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.cli import logs, main
from qsim.queries import connection
from qsim.storage import log
from tests.commands import signals_kept


@pytest.fixture(autouse=True)
def _keep_signals() -> Iterator[None]:
    with signals_kept():
        yield


def parameters(market: Path) -> dict[str, Any]:
    """What the newest epoch of a market runs under."""
    found: dict[str, Any] = log.read(market).epochs[-1]["parameters"]
    return found


def shell(words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, where `qsim` is the command line and a failure anywhere in a pipe is one."""
    line = f'set -o pipefail; qsim() {{ "{sys.executable}" -m qsim "$@"; }}; {words}'
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False, env=os.environ | environment
    )


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


@pytest.mark.parametrize("query", ["SELECT * FROM price_history, range(20)", "SELECT 1"])
@pytest.mark.parametrize("reader", ["true", "head -1"])
def test_standard_output_closed_early_is_quiet_and_no_failure(ran: Path, query: str, reader: str) -> None:
    done = shell(f'qsim sql "{ran}" "{query}" --csv | {reader}')
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["status", "config show"])
def test_standard_output_that_takes_nothing_is_a_fault_of_the_disk_in_one_line(ran: Path, words: str) -> None:
    done = shell(f'qsim {words} "{ran}" > /dev/full')
    assert done.returncode == 6, done.stderr
    assert done.stderr.count("\n") == 1 and "No space left on device" in done.stderr


@pytest.mark.parametrize("form", ["", "--json"])
def test_the_exit_code_of_a_verdict_that_nobody_reads_is_the_verdicts(market: Path, form: str) -> None:
    [events, *_] = sorted((market / "events").glob("*.parquet"))
    events.write_bytes(events.read_bytes()[:-1] + b"?")
    done = shell(f'qsim verify "{market}" {form} | true')
    assert (done.returncode, done.stderr) == (5, "")


def test_a_standard_error_that_takes_nothing_changes_no_exit_code_and_no_output(market: Path, tmp_path: Path) -> None:
    assert shell(f'qsim status "{tmp_path / "none"}" 2> /dev/full').returncode == 4
    done = shell(f'qsim run "{market}" --ticks 2 --json 2> /dev/full')
    assert (done.returncode, json.loads(done.stdout)["tick"]) == (0, 12)


@pytest.mark.parametrize(
    "words",
    [
        'report "{market}" --out "{market}/_commits/0000000001.json"',
        'run "{market}" --ticks 1 --export-report "{market}/events/page.html"',
        'run "{market}" --ticks 1 --log-file "{market}/market.toml"',
        'fit prices.csv --out "{market}/market.toml"',
        'fit prices.csv --goods "{market}/LOCK"',
    ],
)
def test_no_output_is_written_over_what_a_market_is_made_of(market: Path, words: str) -> None:
    before = {path: path.read_bytes() for path in market.rglob("*") if path.is_file()}
    done = shell("qsim " + words.format(market=market))
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "is made of" in done.stderr, done.stderr
    assert {path: path.read_bytes() for path in market.rglob("*") if path.is_file()} == before


def test_a_directory_without_a_name_is_refused(ran: Path) -> None:
    done = shell('qsim run "" --ticks 1', QSIM_DIR=str(ran))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "directory: found ''" in done.stderr


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_run_is_done_where_a_standard_stream_is_closed(market: Path, closed: str) -> None:
    done = shell(f'qsim run "{market}" --ticks 2 --stdout {closed}>&-')
    assert (done.returncode, "Error" in done.stderr) == (0, False), done.stderr
    assert qsim.status(market)["tick"] == 12
    assert qsim.verify(market)["passed"]


def test_what_standard_output_cannot_write_is_shown_as_a_question_mark(ran: Path) -> None:
    done = shell(f"""qsim sql "{ran}" "SELECT '₹ 5' AS paid" """, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "") and "? 5" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_programs_read_is_utf_8_in_any_locale(ran: Path, encoding: str) -> None:
    query = f"""qsim sql "{ran}" "SELECT '₹ 5 \u0906\u0932\u0942' AS paid" """
    for form in ("--csv", "--json"):
        done = subprocess.run(
            query.replace("qsim", f'"{sys.executable}" -m qsim', 1) + form,
            shell=True, capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding},
        )  # fmt: skip
        assert "₹ 5 \u0906\u0932\u0942" in done.stdout.decode("utf-8"), done.stderr


def test_a_removed_working_directory_is_told_in_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = shell(f'cd "{gone}" && rmdir "{gone}" && qsim status m')
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("qsim: m: is below a working directory that was removed")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("level", "told"), [("debug", True), ("INFO", True), ("WARNING", False)])
def test_log_level_of_the_environment_decides_what_is_told_on_standard_error(
    market: Path, level: str, told: bool
) -> None:
    done = shell(f'qsim run "{market}" --ticks 2 --json', LOG_LEVEL=level)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tick"] == 12
    assert ('"level": "INFO"' in done.stderr) == told


def test_log_level_of_qsims_own_variable_goes_before_that_of_all_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "error")
    assert logs.level_of(None) == "ERROR"
    monkeypatch.setenv("QSIM_LOG_LEVEL", "debug")
    assert logs.level_of(None) == "DEBUG"
    assert logs.level_of("info") == "INFO"


@pytest.mark.parametrize("name", ["LOG_LEVEL", "QSIM_LOG_LEVEL"])
def test_an_unknown_log_level_of_the_environment_is_refused_in_one_line(market: Path, name: str) -> None:
    done = shell(f'qsim run "{market}" --ticks 2', **{name: "loud"})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert f"{name}: found 'loud'; allowed are DEBUG, INFO, WARNING, ERROR; mend or unset it" in done.stderr


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


def test_ctrl_c_during_a_query_is_one_line_and_no_traceback(
    market: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = connection.fetched

    def interrupted(*asked: Any) -> Any:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        return fetched(*asked)

    monkeypatch.setattr(connection, "fetched", interrupted)
    assert main(["sql", str(market), "SELECT max(hash(range)) FROM range(1000000000000)"]) == 130
    assert tuple(capsys.readouterr()) == ("", "qsim: stopped\n")


@pytest.mark.parametrize(
    "words", [("ask", "deals", "--min-discount", "1", "--dir"), ("ask", "basket", "--dir"), ("report",)], ids=lambda words: words[1:2]
)  # fmt: skip
def test_a_locale_without_rupee_signs_shows_question_marks_and_no_traceback(ran: Path, words: tuple[str, ...]) -> None:
    plain = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "qsim", *words, str(ran)], capture_output=True, env=os.environ | plain, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_query_that_the_locale_cannot_read_is_refused_in_a_line(ran: Path) -> None:
    plain = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = [sys.executable, "-m", "qsim", "sql", str(ran), "SELECT '₹'"]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | plain, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "qsim: qsim sql: found letters that this locale cannot read; allowed are those of UTF-8; set LC_ALL=C.UTF-8;"
        " see: qsim sql --help\n"
    )
