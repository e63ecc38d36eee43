"""Settings on the command line and from files: what is refused names key, found and allowed, and what is kept is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import qsim
from tests.commands import Shell


def toml(place: Path, text: str) -> Path:
    (place / "given.toml").write_text(text)
    return place / "given.toml"


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
