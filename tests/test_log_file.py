"""The log file of a command: rotated, moved, removed and full, by one process or two, it ends nothing and loses what it must alone."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from qsim.cli import logs
from qsim.cli.logs import LogFile
from qsim.storage import lock
from tests.commands import Shell

_logger = logging.getLogger("qsim")


@pytest.fixture
def command() -> Iterator[click.Context]:
    with click.Context(click.Command("any")) as context:
        yield context


def said(file: Path) -> list[str]:
    return [json.loads(line)["message"] for line in file.read_text().splitlines()]


def words(lines: str) -> list[str]:
    return [json.loads(line)["message"] for line in lines.splitlines()]


def test_a_log_that_was_moved_away_goes_on_at_its_place(command: click.Context, tmp_path: Path) -> None:
    logs.set_up("INFO", str(tmp_path / "q.log"))
    _logger.info("one")
    (tmp_path / "q.log").rename(tmp_path / "q.log.old")
    _logger.info("two")
    assert (said(tmp_path / "q.log.old"), said(tmp_path / "q.log")) == (["one"], ["two"])


def test_what_ends_a_command_is_told_in_its_log_too(market: Path, tmp_path: Path, shell: Shell) -> None:
    file = tmp_path / "q.log"
    with lock.writer_lock(market):
        line = shell.refused(4, "run", market, "--ticks", 1, "--log-file", file)
    assert f"qsim: {said(file)[-1]}" == line.strip()
    assert json.loads(file.read_text().splitlines()[-1])["level"] == "ERROR"
    assert shell("run", market, "--ticks", 1, "--log-file", file).code == 0 and len(said(file)) == 1


def test_two_who_write_one_log_begin_its_new_files_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_FILE_BYTES", 300)
    writers = [LogFile(str(tmp_path / "q.log")) for _ in range(2)]
    for number in range(30):
        for writer in writers:
            writer.emit(logging.makeLogRecord({"msg": "x" * 90, "levelno": logging.INFO, "number": number}))
    for writer in writers:
        writer.close()
    # Each file holds three lines, and none was begun by one writer behind the other's back.
    assert {len(file.read_text().splitlines()) for file in tmp_path.iterdir()} == {3}


def test_a_log_whose_folder_is_gone_is_told_once_and_goes_on_when_it_is_back(
    command: click.Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    logs.set_up("ERROR", str(folder / "q.log"))
    shutil.rmtree(folder)
    for number in range(3):
        _logger.error("lost %d", number)
    folder.mkdir()
    _logger.error("kept")
    told = [line for line in words(capsys.readouterr().err) if "lost" not in line.split()[0]]
    assert len(told) == 2 and "the log cannot be kept: No such file or directory" in told[0]
    assert said(folder / "q.log") == ["kept"]


def test_a_log_whose_folder_may_not_be_written_goes_on_in_its_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: LogFile, source: str, target: str) -> None:
        raise PermissionError(13, "Permission denied", source)

    monkeypatch.setattr(logs, "_FILE_BYTES", 50)
    monkeypatch.setattr(LogFile, "rotate", denied)
    writer = LogFile(str(tmp_path / "q.log"))
    for _ in range(3):
        writer.emit(logging.makeLogRecord({"msg": "x" * 40}))
    writer.close()
    assert len((tmp_path / "q.log").read_text().splitlines()) == 3


def test_a_name_that_is_no_text_is_logged_as_json(
    command: click.Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What pytest keeps of logs it may have to send to another process, as text.
    monkeypatch.setattr(_logger, "propagate", False)
    name = os.fsdecode(b"shop\xff")
    logs.set_up("INFO", str(tmp_path / "q.log"))
    _logger.info("%s: opened", name)
    assert said(tmp_path / "q.log") == [f"{name}: opened"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_log_on_a_full_disk_fails_no_run_and_is_told_in_one_line(market: Path) -> None:
    asked = ["run", str(market), "--ticks", "2", "--log-level", "DEBUG", "--log-file", "/dev/full"]
    done = subprocess.run([sys.executable, "-m", "qsim", *asked], capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode == 0 and len(lines) == 1 and lines[0].startswith("2 ticks")
    assert done.stderr.count("/dev/full: the log cannot be kept: No space left on device") == 1
