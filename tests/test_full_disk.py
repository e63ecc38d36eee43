"""A disk that is full or fails ends a command with exit code 6 in one line, and given again the command completes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import qsim
from tests.commands import in_process


def command_with_file_limit(limit: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line where no file can grow past `limit` bytes."""
    code = """
        import resource, sys
        limit = int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        from qsim.cli import main
        sys.exit(main(sys.argv[2:]))
    """
    return in_process(code, limit, *arguments)


def is_one_line(text: str) -> bool:
    return text.endswith("\n") and text.count("\n") == 1 and "Traceback" not in text


@pytest.mark.parametrize("limit", [10, *(pytest.param(n, marks=pytest.mark.nightly) for n in (100, 1000)), 3000])
def test_a_full_disk_at_generation_is_exit_6_in_one_line_and_the_same_command_works_later(
    tmp_path: Path, limit: int
) -> None:
    market = tmp_path / "m"
    full = command_with_file_limit(limit, "generate", market, "--products", 20)
    assert (full.returncode, full.stdout) == (6, ""), full.stderr
    assert is_one_line(full.stderr) and str(market) in full.stderr and "File too large" in full.stderr
    later = command_with_file_limit(1 << 30, "generate", market, "--products", 20)
    assert later.returncode == 0, later.stderr


def test_a_full_disk_in_a_run_is_exit_6_and_the_run_repeated_is_as_if_nothing_had_been(tmp_path: Path) -> None:
    for name in "ab":
        qsim.generate(tmp_path / name, products=20, seed=5)
    before = qsim.status(tmp_path / "a")
    full = command_with_file_limit(2500, "run", tmp_path / "a", "--ticks", 60)
    assert (full.returncode, full.stdout) == (6, ""), full.stderr
    assert is_one_line(full.stderr) and "cannot write" in full.stderr
    assert qsim.status(tmp_path / "a") == before
    done, clean = (qsim.run(tmp_path / name, ticks=60) for name in "ab")
    assert (done["digest"], done["head"]) == (clean["digest"], clean["head"])
    tree = {entry.relative_to(tmp_path / "b") for entry in (tmp_path / "b").rglob("*")}
    assert {entry.relative_to(tmp_path / "a") for entry in (tmp_path / "a").rglob("*")} == tree


def test_a_run_that_the_disk_fails_still_exports_a_report_of_what_was_committed(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=600, batch_size=0)
    given = "run", tmp_path / "m", "--ticks", 400, "--export-report", tmp_path / "r.json"
    full = command_with_file_limit(200_000, *given)
    assert full.returncode == 6 and "cannot write" in full.stderr and "Traceback" not in full.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["health"]["status"], found["status"]["tick"]) == ("failing", 0)
