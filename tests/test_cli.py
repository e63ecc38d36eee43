"""The command line: help, words that are none, status, where a market is made and found, one line for every refusal."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import qsim
from qsim.cli import COMMANDS
from tests.commands import Shell, program


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
    assert facts["made_by"] == f"qsim {qsim.__version__}"
    assert (facts["tick"], facts["market_time"], facts["listings"]) == (10, "2026-01-01 00:00:50", 60)
    assert (done.code, done.err) == (0, "")


def test_status_as_text_has_a_line_a_fact(shell: Shell, ran: Path) -> None:
    lines = dict(line.split("  ", 1) for line in shell("status", ran).out.splitlines() if "  " in line)
    assert lines["tick"].strip() == "10" and lines["digest"].strip() == qsim.status(ran)["digest"]


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


def test_an_unknown_option_names_the_nearest(shell: Shell, market: Path) -> None:
    assert "--ticks" in shell.refused(2, "run", market, "--tick", 5)


def test_an_unknown_command_names_the_nearest(shell: Shell) -> None:
    assert "no command 'genrate'; nearest is 'generate'" in shell.refused(2, "genrate")
    assert "allowed are demo, generate" in shell.refused(2, "xyzzy")


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
