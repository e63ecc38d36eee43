"""The command line's streams and surroundings: outputs that end or take nothing, folders, locales, levels of the log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.cli import logs, main
from qsim.queries import connection
from tests.commands import shell


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


@pytest.mark.parametrize("_", range(3))
def test_ctrl_c_during_a_query_is_one_line_and_no_traceback(
    market: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], _: int
) -> None:
    fetched = connection.fetched

    def interrupted(*asked: Any) -> Any:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        return fetched(*asked)

    monkeypatch.setattr(connection, "fetched", interrupted)
    assert main(["sql", str(market), "SELECT max(hash(range)) FROM range(1000000000000)"]) == 130
    out, err = capsys.readouterr()
    assert (out, err.strip()) == ("", "qsim: stopped")


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
