"""The command line: what goes to which stream, exit codes, one line for every refusal, settings from files and options."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.cli import COMMANDS
from tests.commands import Shell, program


def toml(place: Path, text: str) -> Path:
    (place / "given.toml").write_text(text)
    return place / "given.toml"


@pytest.mark.parametrize("words", [[], *[[name] for name in COMMANDS], ["ask", "cheapest"], ["config", "show"]])
def test_every_commands_help_has_an_example(shell: Shell, words: list[str]) -> None:
    done = shell(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert "Example: qsim" in done.out


def test_help_names_every_command(shell: Shell) -> None:
    assert all(f"  {name} " in shell("--help").out for name in COMMANDS)


@pytest.mark.parametrize("words", [[], ["ask"], ["config"]], ids=str)
def test_help_is_shown_as_it_is_where_a_command_is_needed_and_none_is_given(shell: Shell, words: list[str]) -> None:
    done = shell(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err == shell(*words, "--help").out


def test_help_of_the_program_imports_no_heavy_library() -> None:
    code = """
import sys
from qsim.cli import main
main(["--help"])
print(*sorted({"numpy", "polars", "duckdb", "pyarrow", "pydantic", "rich"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: qsim" in done.stdout and done.stderr == "\n"


def test_a_word_that_is_no_option_is_told_in_one_sentence(shell: Shell) -> None:
    assert shell.refused(2, "run", "-q") == "qsim: qsim run: No such option '-q'; see: qsim run --help\n"


def test_status_reads_the_log_without_duckdb(ran: Path) -> None:
    code = "import sys; from qsim.cli import main; main(['status', sys.argv[1]]); sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, str(ran)], capture_output=True, check=False).returncode == 0


def test_a_run_imports_no_library_that_it_has_no_use_for(ran: Path, tmp_path: Path) -> None:
    market = shutil.copytree(ran, tmp_path / "m")
    program = "import atexit, sys; from qsim.cli import entry; sys.argv = ['qsim', 'run', sys.argv[1], '--ticks', '1']"
    told = "print(*sorted({'pandas', 'polars', 'duckdb'} & set(sys.modules)), file=sys.stderr)"
    code = f"{program}; atexit.register(lambda: {told}); entry()"
    done = subprocess.run([sys.executable, "-c", code, market], capture_output=True, text=True, check=True)
    assert done.stderr.endswith("\n\n"), done.stderr


def test_the_library_leaves_imports_of_pandas_as_they_are(ran: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is missing: install the extra 'bench'")
    market = shutil.copytree(ran, tmp_path / "m")
    code = "import sys, qsim, qsim.cli; qsim.run(sys.argv[1], ticks=1); import pandas"
    subprocess.run([sys.executable, "-c", code, market], check=True)


def test_status_as_json_tells_the_promised_facts(shell: Shell, ran: Path) -> None:
    done = shell("status", ran, "--json")
    facts = json.loads(done.out)
    assert facts == qsim.status(ran)
    assert {"tick", "market_time", "listings", "events", "bytes", "digest", "head"} <= set(facts)
    assert (facts["tick"], facts["market_time"], facts["listings"]) == (10, "2026-01-01 00:00:50", 60)
    assert (done.code, done.err) == (0, "")


def test_status_as_text_has_a_line_a_fact(shell: Shell, ran: Path) -> None:
    lines = dict(line.split("  ", 1) for line in shell("status", ran).out.splitlines() if "  " in line)
    assert lines["tick"].strip() == "10" and lines["digest"].strip() == qsim.status(ran)["digest"]


QUERY = "SELECT listing_id, price, product, updated_at, NULL AS nothing FROM prices ORDER BY listing_id LIMIT 3"


@pytest.mark.parametrize("how", [[], ["--guarded"]])
def test_a_query_may_begin_with_a_comment(shell: Shell, ran: Path, how: list[str]) -> None:
    for words in ([ran, "-- one\nSELECT 1 AS a", "--csv", *how], [*how, "--csv", ran, "--one\nSELECT 1 AS a"]):
        assert shell("sql", *words).out == "a\n1\n"


def test_a_wrong_option_beside_a_query_is_no_comment(shell: Shell, ran: Path) -> None:
    assert "No such option '--jsn'" in shell.refused(2, "sql", ran, "--jsn", "-- one\nSELECT 1")


def test_a_product_of_several_words_needs_no_quotes(shell: Shell, questioned: Path) -> None:
    unquoted, quoted = (
        shell("ask", "cheapest", *words, "--dir", questioned).out for words in (["toned", "milk"], ["toned milk"])
    )
    assert unquoted == quoted and unquoted.startswith("Cheapest toned milk")


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


@pytest.mark.parametrize("budget", ["₹1,234", "Rs. 1234", "1234/-", "1,234.00", "1.234e3"])
def test_a_budget_may_be_written_as_amounts_are(budget: str, shell: Shell, ran: Path) -> None:
    done = shell("ask", "basket", "--budget", budget, "--dir", str(ran))
    assert (done.code, done.err) == (0, "") and done.out.startswith("Basket within ₹1,234.00, to Bengaluru 560034\n")


def test_deals_that_are_none_tell_the_deepest_there_is(shell: Shell, ran: Path) -> None:
    [deal] = json.loads(shell("ask", "deals", "--min-discount", "0", "--limit", "1", "--dir", ran, "--json").out)
    done = shell("ask", "deals", "--min-discount", "99", "--dir", ran)
    depth = f"{deal['discount_pct']:g}"
    assert (done.code, done.out) == (0, "99 % off and more: no rows\n")
    assert done.err == f"the deepest now is {depth} % off, on {deal['platform']}; --min-discount {depth} shows it\n"
    assert shell("ask", "deals", "--min-discount", "99", "--dir", ran, "--json").err == ""


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_what_a_name_is_taken_for_is_told_beside_the_answer(
    shell: Shell, questioned: Path, as_json: tuple[str, ...]
) -> None:
    done = shell("ask", "compare", "veggies", "zepto", "instamart", "--dir", questioned, *as_json)
    assert "veggies is taken as the subcategory Vegetables\n" in (done.err if as_json else done.out)
    assert shell("ask", "compare", "vegetables", "zepto", "instamart", "--dir", questioned, *as_json).err == ""
    found = shell("ask", "cheapest", "fruits", "--dir", questioned, *as_json)
    assert found.err.startswith("fruits is also the subcategory Fruits, of which this shows "), found.err
    assert shell("ask", "cheapest", "onions", "--dir", questioned, *as_json).err == ""


@pytest.mark.parametrize("budget", ["nan", "inf", "-inf", "0", "-5"])
def test_a_budget_that_is_no_amount_is_refused(budget: str, shell: Shell, ran: Path) -> None:
    assert "allowed is more than 0" in shell.refused(2, "ask", "basket", f"--budget={budget}", "--dir", ran)


def test_percents_may_have_their_sign_and_other_texts_are_refused_in_one_line(shell: Shell, ran: Path) -> None:
    assert "45 % off and more" in shell("ask", "deals", "--min-discount", "45%", "--limit", "1", "--dir", str(ran)).out
    done = shell("ask", "deals", "--min-discount", "half", "--dir", str(ran))
    assert done.code == 2 and "found 'half'; allowed is a number, as in 30 or 30%" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_budget_is_told_in_rupees(shell: Shell, ran: Path) -> None:
    done = shell("ask", "basket", "--budget", "1234567", "--dir", str(ran))
    assert done.out.startswith("Basket within ₹12,34,567.00, to Bengaluru 560034\n")


def test_a_product_that_is_not_on_sale_is_told_so(shell: Shell, tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=100, inactive_percent=50)
    with qsim.connect(tmp_path / "m") as connection:
        query = "SELECT product FROM products GROUP BY product HAVING bool_and(NOT is_active) ORDER BY product LIMIT 1"
        ((name,),) = connection.sql(query).fetchall()
    done = shell("ask", "cheapest", name, "--dir", str(tmp_path / "m"))
    assert (done.code, done.out) == (0, f"Cheapest {name}: not on sale\n")


def test_one_product_is_no_products(shell: Shell, tmp_path: Path) -> None:
    done = shell("generate", str(tmp_path / "m"), "--products", "1")
    assert ": 1 product, 5 listings, " in done.out


def test_results_go_to_standard_output_and_progress_to_standard_error(market: Path) -> None:
    done = program("run", market, "--ticks", 5, "--json")
    assert done.code == 0 and json.loads(done.out) == qsim.status(market)
    assert done.err.startswith("5 ticks, ") and "events/s" in done.err and done.err.count("\n") == 1


def test_generate_refuses_to_overwrite_a_market(shell: Shell, market: Path) -> None:
    before = qsim.status(market)
    assert "does not overwrite" in shell.refused(4, "generate", market)
    assert qsim.status(market) == before


def test_generate_refuses_a_directory_that_holds_something_else_and_leaves_it(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    assert "'thesis.txt'" in shell.refused(4, "generate", tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_generate_at_the_place_of_a_file_is_refused(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert "is a file" in shell.refused(2, "generate", tmp_path / "file")


def test_a_market_lies_behind_a_link_to_a_directory(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert shell("generate", tmp_path / "link", "--products", 4).code == 0
    assert shell("run", tmp_path / "link", "--ticks", 2).code == 0
    assert qsim.status(tmp_path / "real")["tick"] == 2


def test_generate_at_a_link_to_nothing_is_refused(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert "neither a directory nor a link to one" in shell.refused(2, "generate", tmp_path / "link")
    assert [entry.name for entry in tmp_path.iterdir()] == ["link"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("inside", [True, False], ids=["relative", "absolute"])
def test_a_path_that_is_not_utf8_is_refused(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    folder = tmp_path / os.fsdecode(b"b\xff")
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert "b\\udcff/m: is not UTF-8" in shell.refused(2, "generate", "m" if inside else folder / "m")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("words", [["run"], ["status"], ["ask", "cheapest", "onion", "--dir"]])
def test_how_to_make_a_market_is_told_so_that_a_shell_takes_it(shell: Shell, words: list[str]) -> None:
    told = shlex.split(shell.refused(4, *words, "my shop").partition("make one with: ")[2])
    assert told[:2] == ["qsim", "generate"] and Path(told[2]).name == "my shop" and len(told) == 3


@pytest.mark.parametrize("words", [["run"], ["status"], ["config", "show"], ["validate"]])
def test_a_command_where_no_market_is_says_how_to_make_one(shell: Shell, words: list[str]) -> None:
    assert "nowhere: holds no market; name the folder of one, or make one with: qsim generate" in shell.refused(
        4, *words, "nowhere"
    )
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--ticks", "0"],
        ["--ticks", "-1"],
        ["--ticks", "1000000000000"],
        ["--ticks", "ten"],
        ["--ticks", "1.5"],
        ["--duration", "0"],
        ["--duration", "nan"],
        ["--duration", "inf"],
        ["--duration", "1e300"],
        ["--duration", "1e308"],
        ["--duration", "-1e308"],
        ["--ticks", "1" * 400],
        ["--until", "1" * 400],
        ["--until", "1000000000000"],
        ["--ticks", "5", "--duration", "2"],
        ["--ticks", "5", "--until", "20"],
        ["--batch-size", "0.5"],
        ["--batch-size", "-3"],
        ["--interval", "0"],
        ["--max-workers", "0"],
        ["--set", "max_workers=0"],
        ["--set", 'max_workers="two"'],
        ["--log-level", "loud"],
    ],
)
def test_a_run_of_no_sensible_length_or_pace_is_refused_and_nothing_runs(
    shell: Shell, market: Path, options: list[str]
) -> None:
    line = shell.refused(2, "run", market, *options)
    assert len(line) < 300
    named = {"--interval": "update-interval-seconds", "--set": "max-workers"}.get(options[0], options[0].strip("-"))
    assert named in line.replace("_", "-")
    assert qsim.status(market)["tick"] == 10


def test_an_unknown_option_names_the_nearest(shell: Shell, market: Path) -> None:
    assert "--ticks" in shell.refused(2, "run", market, "--tick", 5)


def test_an_unknown_command_names_the_nearest(shell: Shell) -> None:
    assert "no command 'genrate'; nearest is 'generate'" in shell.refused(2, "genrate")
    assert "allowed are demo, generate" in shell.refused(2, "xyzzy")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("bach_size=3", ["bach_size", "nearest is 'batch_size'"]),
        ("category_volatility.fruit=1.0", ["category_volatility", "fruit", "nearest is 'fruits'"]),
        ("surge_probability=1.5", ["surge_probability", "1.5", "less than or equal to 1"]),
        ("surge_probability=-0.1", ["surge_probability", "-0.1", "greater than or equal to 0"]),
        ("surge_probability=nan", ["surge_probability", "nan", "finite"]),
        ('discount_probability="0.1"', ["discount_probability", "0.1", "valid number"]),
        ("batch_size=true", ["batch_size", "True", "valid integer"]),
        ("update_interval_seconds=0", ["update_interval_seconds", "0", "greater than or equal to 1"]),
        ("nonsense", ["nonsense", "key=value"]),
    ],
)
def test_a_bad_setting_names_key_found_and_allowed_by_option_and_by_file(
    shell: Shell, market: Path, text: str, named: list[str]
) -> None:
    lines = [shell.refused(2, "run", market, "--ticks", 1, "--set", text)]
    if "=" in text:
        lines.append(shell.refused(2, "run", market, "--ticks", 1, "--config", toml(market.parent, text)))
    assert all(word in line for line in lines for word in named), lines
    assert qsim.status(market)["tick"] == 10


@pytest.mark.parametrize("text", ["batch_size = ", "a = 1\na = 2", "\x00", "[" * 5000])
def test_a_file_that_is_no_toml_is_bad_input_and_named(shell: Shell, market: Path, text: str) -> None:
    assert "given.toml" in shell.refused(3, "run", market, "--config", toml(market.parent, text))


def test_a_preset_that_is_no_word_is_refused(shell: Shell, tmp_path: Path) -> None:
    assert "known are classic" in shell.refused(2, "generate", tmp_path / "m", "--set", "preset=5")


def test_a_missing_file_of_settings_is_bad_input_and_named(shell: Shell, market: Path) -> None:
    assert "none.toml: cannot be read" in shell.refused(3, "run", market, "--config", "none.toml")


@pytest.mark.parametrize("text", ["seed=7", "products=13", "stores=2", 'start="2026-02-02"'])
def test_what_is_fixed_at_generation_cannot_change_in_a_run(shell: Shell, market: Path, text: str) -> None:
    line = shell.refused(2, "run", market, "--ticks", 1, "--set", text)
    assert text.split("=")[0] in line and "fixed" in line and text.split("=")[1].strip('"') in line
    assert qsim.status(market)["tick"] == 10


def test_config_calendar_prints_a_file_that_generate_takes(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(shell("config", "calendar").out, "utf-8")
    entries = json.loads(shell("config", "calendar", "--json").out)
    assert shell("generate", "m", "--products", 12, "--calendar", "mine.csv").code == 0
    kept = shell("sql", "m", "SELECT * FROM calendar", "--json").out
    assert [row["date"] for row in json.loads(kept)] == [entry["date"] for entry in entries] != []


def test_config_scenario_prints_what_it_changes(shell: Shell) -> None:
    assert 'closed = ["zepto"]' in shell("config", "scenario", "outage").out
    assert json.loads(shell("config", "scenario", "outage", "--json").out)["demand"] == {"closed": ["zepto"]}
    assert "nearest is 'outage'" in shell.refused(2, "config", "scenario", "outtage")


def test_scenario_is_an_option_of_generate_and_of_run(shell: Shell) -> None:
    assert shell("generate", "m", "--products", 12, "--preset", "realistic", "--scenario", "diwali").code == 0
    assert json.loads(shell("status", "m", "--json").out)["scenario"] == "diwali"
    assert json.loads(shell("run", "m", "--ticks", 1, "--scenario", "none", "--json").out)["scenario"] == ""
    assert "scenario: found 'diwal'; nearest is 'diwali'" in shell.refused(2, "run", "m", "--scenario", "diwal")


def test_a_market_without_a_query_is_told_from_a_query(ready_market: Path, shell: Shell) -> None:
    assert "and no query; allowed are [DIR] QUERY; add one, such as" in shell.refused(2, "sql", ready_market)


def test_a_question_in_other_words_is_answered_with_the_four_there_are(shell: Shell) -> None:
    told = shell.refused(2, "ask", "which", "app", "has", "the", "cheapest", "onions")
    assert "no command 'which'; allowed are cheapest, deals, compare, basket" in told
    assert "no command 'cheepest'; nearest is 'cheapest'" in shell.refused(2, "ask", "cheepest", "onions")


def test_a_market_behind_the_query_is_told_to_go_before_it(ready_market: Path, shell: Shell) -> None:
    assert "behind the query; allowed are [DIR] QUERY; put it before" in shell.refused(
        2, "sql", "SELECT 1", ready_market
    )


def test_a_market_behind_the_product_is_told_to_be_an_option(
    ready_market: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ready_market.parent)
    told = shell.refused(2, "ask", "cheapest", "onions", ready_market.name)
    assert f"behind the product; allowed is a product; give it as --dir {ready_market.name}" in told


def test_help_as_a_command_is_answered_with_the_option(shell: Shell) -> None:
    assert "no command 'help'; nearest is '--help'" in shell.refused(2, "help")


@pytest.mark.parametrize("group", ["ask", "config"])
def test_the_list_of_a_group_tells_whole_sentences(shell: Shell, group: str) -> None:
    assert "..." not in shell(group, "--help").out.partition("Commands:")[2]


def test_one_check_is_counted_as_one(ready_market: Path, shell: Shell) -> None:
    assert shell("validate", ready_market, "--check", "2.6").out.splitlines()[-1] == (
        "1 check passed, 0 failed; 0 are not for this market"
    )


def commands() -> list[tuple[str, ...]]:
    groups = {"ask": ("cheapest", "deals", "compare", "basket"), "config": ("show", "scenario", "calendar")}
    return [
        (name, *inner) for name in COMMANDS for inner in ([(one,) for one in groups[name]] if name in groups else [()])
    ]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_but_serve_has_json_and_all_have_an_example(shell: Shell, command: tuple[str, ...]) -> None:
    told = shell(*command, "--help").out
    assert ("--json" in told) == (command != ("serve",))
    assert "Example: qsim " in told


@pytest.mark.parametrize("command", [("generate",), ("config", "show")], ids=" ".join)
def test_help_names_the_presets_that_there_are(shell: Shell, command: tuple[str, ...]) -> None:
    presets = [entry.name.removesuffix(".toml") for entry in (files("qsim") / "presets").iterdir() if entry.is_file()]
    told = shell(*command, "--help").out
    assert len(presets) > 1 and all(name in told.partition("--preset")[2][:120] for name in presets)
