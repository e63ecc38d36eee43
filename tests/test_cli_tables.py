"""What the command line prints for people and for programs: no name that it shows is obeyed by a terminal, or by what draws tables."""

from __future__ import annotations

import json
import re
import sys

import pytest

from qsim.cli import output, tables
from qsim.cli.events import change_of

OBEYED = "a\x1b[31mb\x9b\x07\rc\u202ed\u2066e\u2028f\x7f"
ESCAPED = r"a\u001b[31mb\u009b\u0007\u000dc\u202ed\u2066e\u2028f\u007f"


@pytest.mark.parametrize("width", [80, 20])
def test_what_a_terminal_would_obey_is_shown_in_tables_as_signs(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.table([{OBEYED: OBEYED, "n": [OBEYED]}])
    out = "".join(re.sub(r"\x1b\[[0-9;]*m|[ ┃│]", "", capsys.readouterr().out).split())
    assert out.count(ESCAPED) >= 2 and all(sign.isprintable() for sign in out)


def test_letters_that_join_and_signs_of_indian_writing_are_left_as_they_are() -> None:
    assert tables.cell("श्री\u200dमती\n\tക്\u200c") == "श्री\u200dमती\n\tക്\u200c"


def test_a_heading_in_brackets_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([{"[/x]": 1, "prices[i]": 2}])
    out = capsys.readouterr().out
    assert "[/x]" in out and "prices[i]" in out


@pytest.mark.parametrize("terminal", [True, False])
def test_data_are_harmless_to_a_terminal_and_whole_for_a_program(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    output.rows_as([{"a": OBEYED}], "csv", ["a"])
    output.json_lines([{"a": "\x9b"}])
    csv_text, line = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert csv_text.removeprefix("a\n").strip('"') == (ESCAPED if terminal else OBEYED)
    assert json.loads(line) == {"a": "\x9b"} and ("\x9b" in line) != terminal


def test_an_event_is_one_line_whatever_the_name_of_its_product() -> None:
    event = {"price_before": 1.0, "price_after": 2.0, "product": "a\nb\x1b", "pack": ""}
    assert change_of(event)[1] == r"a b\u001b"
