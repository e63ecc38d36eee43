"""SQL on the command line: the same rows in every form, the market that it is put to, queries that are refused."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import qsim
from tests.commands import Shell

QUERY = "SELECT listing_id, price, product, updated_at, NULL AS nothing FROM prices ORDER BY listing_id LIMIT 3"


@pytest.mark.parametrize("how", [[], ["--guarded"]])
def test_a_query_may_begin_with_a_comment(shell: Shell, ran: Path, how: list[str]) -> None:
    for words in ([ran, "-- one\nSELECT 1 AS a", "--csv", *how], [*how, "--csv", ran, "--one\nSELECT 1 AS a"]):
        assert shell("sql", *words).out == "a\n1\n"


def test_a_wrong_option_beside_a_query_is_no_comment(shell: Shell, ran: Path) -> None:
    assert "No such option '--jsn'" in shell.refused(2, "sql", ran, "--jsn", "-- one\nSELECT 1")


@pytest.mark.parametrize("name", ["stocks[place]", "[/off]", ":apple:"])
def test_the_name_of_a_column_stands_in_a_table_as_it_is(shell: Shell, ran: Path, name: str) -> None:
    assert name in shell("sql", ran, f'SELECT 1 AS "{name}"').out


def test_sql_gives_the_same_rows_as_table_json_and_csv(shell: Shell, ran: Path) -> None:
    expected = qsim.connect(ran).sql(QUERY).fetchall()
    as_json = json.loads(shell("sql", ran, QUERY, "--json").out)
    as_csv = list(csv.DictReader(io.StringIO(shell("sql", ran, QUERY, "--csv").out)))
    table = shell("sql", ran, QUERY).out
    assert [row["price"] for row in as_json] == [float(row[1]) for row in expected]
    assert [row["updated_at"] for row in as_json] == [str(row[3]) for row in expected]
    assert [row["nothing"] for row in as_json] == [None] * 3
    assert [(row["listing_id"], row["price"], row["nothing"]) for row in as_csv] == [
        (str(row[0]), str(row[1]), "") for row in expected
    ]
    assert all(name in table for name in (*as_json[0], expected[0][2], str(expected[2][1])))


def strict(text: str) -> Any:
    """Read JSON as a browser does, which knows no NaN."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("how", [[], ["--guarded"]])
def test_sql_as_json_is_json_whatever_the_values(how: list[str], shell: Shell, ran: Path) -> None:
    query = """SELECT 'nan'::DOUBLE AS x, ['inf'::DOUBLE, 1.5] AS y, MAP {DATE '2026-01-01': 1} AS m,
        MAP {2.50: '-inf'::DOUBLE} AS amounts, {'a': 'nan'::FLOAT} AS s, 'ab'::BLOB AS b"""
    wanted = {
        "x": None,
        "y": [None, 1.5],
        "m": {"2026-01-01": 1},
        "amounts": {"2.50": None},
        "s": {"a": None},
        "b": "6162",
    }
    assert strict(shell("sql", ran, query, "--json", *how).out) == [wanted]


@pytest.mark.parametrize("how", [[], ["--guarded"]])
def test_sql_keeps_columns_of_the_same_name_apart_in_every_form(how: list[str], shell: Shell, ran: Path) -> None:
    query = "SELECT 1 AS a, 2 AS a, 3 AS a_1"
    with qsim.connect(ran) as connection:
        names = connection.sql(f"FROM ({query})").columns
    assert shell("sql", ran, query, "--csv", *how).out == f"{','.join(names)}\n1,2,3\n"
    assert strict(shell("sql", ran, query, "--json", *how).out) == [dict(zip(names, (1, 2, 3), strict=True))]
    assert all(name in shell("sql", ran, query, *how).out.split() for name in names)


@pytest.mark.parametrize("how", [(), ("--guarded",)])
def test_sql_as_csv_without_rows_has_its_columns(shell: Shell, ran: Path, how: tuple[str, ...]) -> None:
    assert shell("sql", ran, "SELECT 1 AS a, 2 AS b WHERE false", "--csv", *how).out == "a,b\n"


@pytest.mark.parametrize("how", [[], ["--guarded"]])
def test_who_gives_a_query_for_a_time_is_told_how_it_is_given(shell: Shell, ran: Path, how: list[str]) -> None:
    last = "(SELECT max(ts) AS t FROM price_history)"
    told = shell.refused(1, "sql", ran, f"SELECT * FROM prices_at({last})", *how)
    assert told.endswith(
        "take the time from a table, as in FROM (SELECT max(ts) AS t FROM orders) AS a, prices_at(a.t)\n"
    )
    query = f"SELECT count(*) AS n FROM {last} AS a, prices_at(a.t)"
    assert shell("sql", ran, query, "--csv", *how).out == f"n\n{qsim.status(ran)['listings']}\n"


PARTS = """SELECT [1.50::DECIMAL(5, 2), NULL] AS a, {'b': TIMESTAMP '2026-01-01', 'c': 'नम'} AS b, 'AB'::BLOB AS c,
    INTERVAL '-1 hour' AS d, INTERVAL 90 MINUTE AS e"""


WRITTEN = ["[1.5, null]", '{"b": "2026-01-01 00:00:00", "c": "नम"}', "4142", "-1:00:00", "1:30:00"]


@pytest.mark.parametrize("how", [[], ["--guarded"]])
def test_lists_structs_bytes_and_intervals_are_written_alike_in_every_form(
    shell: Shell, ran: Path, how: list[str]
) -> None:
    assert list(csv.reader(io.StringIO(shell("sql", ran, PARTS, "--csv", *how).out)))[1] == WRITTEN
    table = shell("sql", ran, PARTS, *how).out
    assert all(f"│ {text} │" in table for text in WRITTEN[::2]) and WRITTEN[1] in table and WRITTEN[3] in table
    [row] = json.loads(shell("sql", ran, PARTS, "--json", *how).out)
    assert [*map(json.loads, WRITTEN[:2]), *WRITTEN[2:]] == [*row.values()]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@x", "\tx"])
def test_sql_as_csv_does_not_hand_a_formula_to_a_spreadsheet(shell: Shell, ran: Path, text: str) -> None:
    out = shell("sql", ran, f"SELECT '{text}' AS a, -5 AS b", "--csv").out
    assert list(csv.reader(io.StringIO(out))) == [["a", "b"], [f"'{text}", "-5"]]


def test_the_help_of_sql_tells_that_csv_marks_what_a_spreadsheet_would_run(shell: Shell) -> None:
    assert "with a ' before text that begins as a formula" in " ".join(shell("sql", "--help").out.split())


def test_sql_of_one_argument_is_the_query_over_the_market_of_qsim_dir(
    shell: Shell, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QSIM_DIR", str(ran))
    assert json.loads(shell("sql", "SELECT count(*) AS n FROM prices", "--json").out) == [{"n": 60}]
    assert json.loads(shell("status", "--json").out)["directory"] == str(ran)


def test_the_market_named_wins_over_qsim_dir(shell: Shell, ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QSIM_DIR", "nowhere")
    assert json.loads(shell("status", ran, "--json").out)["directory"] == str(ran)


def test_without_a_directory_named_the_market_is_data_market(shell: Shell, tmp_path: Path) -> None:
    assert shell("generate", "--products", 5).code == 0
    assert (tmp_path / "data" / "market" / "market.toml").is_file()
    assert json.loads(shell("status", "--json").out)["products"] == 5


def test_a_faulty_query_is_told_in_one_line(shell: Shell, ran: Path) -> None:
    assert "pricez" in shell.refused(1, "sql", ran, "SELECT *\nFROM pricez")


def test_sql_of_three_words_or_two_forms_is_refused(shell: Shell, ran: Path) -> None:
    assert "quote the query" in shell.refused(2, "sql", ran, "SELECT", "1")
    assert "one of --json and --csv" in shell.refused(2, "sql", ran, "SELECT 1", "--json", "--csv")
