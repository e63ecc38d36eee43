"""What the README shows without its output: the calls in Python run, and its commands and their options are ones that qsim has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from qsim.cli import cli

TEXT = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `qsim (\w+)[^|]*\| (.*) \|$", TEXT, re.MULTILINE))
SHOWN = [
    *re.findall(r"^qsim ([^\n]* --[^\n]+)$", TEXT, re.MULTILINE),
    *re.findall(r"`qsim ([^`\n]* --[^`\n]*)`", TEXT),
]


def below(command: click.Command) -> dict[str, click.Command]:
    """Give the commands below a command by name; those that are not told of are left out."""
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: one for name, one in found.items() if one is not None and not one.hidden}


def options_of(command: click.Command) -> set[str]:
    """Give the options of a command, and of those below it."""
    own = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    return own.union({"--help"}, *map(options_of, below(command).values()))


def test_the_calls_in_python_run_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(import qsim\n[^`]*)```", TEXT)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["onions"].height == 5 and names["onions"]["price"].is_sorted()
    assert names["best"]["budget"] == 1000 and names["best"]["lines"]


def test_every_command_has_its_row_and_a_row_names_options_of_its_command_alone() -> None:
    commands = below(cli)
    assert commands.keys() == ROWS.keys()
    for name, said in ROWS.items():
        assert set(re.findall(r"--[a-z][a-z-]*", said)) <= options_of(commands[name]), name


def test_every_line_that_is_shown_is_one_that_qsim_takes() -> None:
    assert {line.split()[0] for line in SHOWN} >= {"fit", "generate", "run", "ask", "config", "sql"}
    for line in SHOWN:
        command: click.Command = cli
        words = shlex.split(line)
        while words[0] in (found := below(command)):
            command, words = found[words[0]], [*words[1:], ""]
        assert command is not cli, line
        assert {word for word in words if word.startswith("--")} <= options_of(command), line
