"""The service and the container run commands that qsim has, and what they start can be started, stopped and started again."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import click
import pytest

import qsim
from qsim.cli import cli
from qsim.storage import log

DEPLOY = Path(__file__).parents[1] / "deploy"
COMMAND = re.compile(r"\bqsim ((?:generate|compact|vacuum|run|health|top)\b[^|;&'\"}\n]*)")


def commands(name: str) -> list[list[str]]:
    return [shlex.split(found) for found in COMMAND.findall((DEPLOY / name).read_text())]


@pytest.mark.parametrize("name", ["qsim.service", "Containerfile"])
def test_every_command_is_one_that_qsim_takes(name: str) -> None:
    found = [words for words in commands(name) if words]
    assert {words[0] for words in found} >= {"generate", "compact", "vacuum", "run"}
    for words in found:
        command = cli.get_command(click.Context(cli), words[0])
        assert command is not None
        command.make_context(words[0], [word for word in words[1:] if word != "]"])


def test_the_unit_has_the_sections_and_keys_of_one() -> None:
    unit = RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "qsim.service")
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert (unit["Service"]["KillSignal"], unit["Service"]["Restart"]) == ("SIGTERM", "always")


def _shell(tmp_path: Path) -> dict[str, str]:
    """The environment in which the commands of the container and the service find qsim and their market."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "qsim").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m qsim "$@"\n')
    (tmp_path / "bin" / "qsim").chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "QSIM_DIR": str(tmp_path / "market"), "LOG_LEVEL": "INFO"}


def _container() -> list[str]:
    [line] = [line for line in (DEPLOY / "Containerfile").read_text().splitlines() if line.startswith("CMD")]
    return list(json.loads(line.removeprefix("CMD ")))


def test_what_the_container_starts_goes_on_after_each_stop(tmp_path: Path) -> None:
    environment = _shell(tmp_path)
    for _ in range(2):
        with subprocess.Popen(_container(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as run:
            assert run.stderr is not None
            assert any(b"listings in 1 blocks" in line for line in run.stderr)
            run.send_signal(signal.SIGTERM)
            run.stderr.read()
        assert run.returncode == 0
    assert qsim.status(tmp_path / "market")["tick"] < 5
    assert qsim.verify(tmp_path / "market")["passed"]


@pytest.mark.parametrize("name", ["qsim.service", "Containerfile"])
def test_a_generation_that_was_killed_is_done_again_at_the_next_start(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    environment, market = _shell(tmp_path), tmp_path / "market"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(log, "append", killed)
        qsim.generate(market, products=10)
    assert (market / "market.toml").exists()
    if name == "Containerfile":
        begin = _container()[-1].partition(" && ")[0]
    else:
        [begin] = re.findall(r"ExecStartPre=/bin/sh -c '(.*generate)'", (DEPLOY / name).read_text())
    begin = begin.replace("/opt/qsim/bin/", "")
    for _ in range(2):
        subprocess.run(["/bin/sh", "-c", begin], env=environment, stdout=subprocess.DEVNULL, timeout=60, check=True)
    assert qsim.status(market)["tick"] == 0
