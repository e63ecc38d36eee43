"""The benchmark at toy size gives every figure; how large they are is the machine's affair."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.figures import Figure

ROOT = Path(__file__).parents[1]
FIGURES = {
    "events",
    "events, opening included",
    "events, count",
    "events, seconds of qsim.run",
    "events, seconds of opening",
    "events, CPU time",
    "events, peak memory",
    "raw limit",
    "raw limit, CPU time",
    "events / raw limit",
    "stage, random bits",
    "stage, step (with its bits)",
    "stage, tile (filter)",
    "stage, digest",
    "stage, encode",
    "stage, sha256, write, fsync",
    "stages, sum",
    "generate",
    "generate, peak memory",
    "help",
    "status",
    "demo",
    "tick by tick",
    "tick by tick, events",
    "realistic",
    "realistic, CPU time",
    "realistic, events",
    "realistic, peak memory",
    "monitoring, CPU time",
    "monitoring, memory",
    "monitoring, large, CPU time",
    "monitoring, large, memory",
    "monitoring, realistic, CPU time",
    "monitoring, realistic, memory",
    "monitoring, disk an hour live",
}
MONITORING = {name for name in FIGURES if name.startswith("monitoring")}


def _bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.bench", "--repeat", "1", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_figure_is_there_and_positive(tmp_path: Path) -> None:
    sizes = ("--products", "300", "--ticks", "4", "--catalog", "2000", "--small-ticks", "20")
    given = json.loads(_bench("--json", *sizes, "--folder", str(tmp_path)))
    assert {"processor", "cores", "memory GiB", "python", "numpy", "load average at start"} <= given["machine"].keys()
    names = [figure["name"] for figure in given["figures"]]
    assert sorted(names) == sorted(FIGURES)
    assert all(value > 0 for figure in given["figures"] for value in [figure["value"], *figure["runs"]])
    with_target = {figure["name"] for figure in given["figures"] if figure["passed"] is not None}
    assert (
        with_target
        == {"events, peak memory", "events / raw limit", "generate", "help", "demo", "realistic"} | MONITORING
    )
    assert not list(tmp_path.iterdir())


def test_text_names_the_machine_and_the_target() -> None:
    text = _bench("--only", "help")
    assert "load average at start" in text
    [line] = [line for line in text.splitlines() if line.startswith("help ")]
    assert "at most 0.3" in line and line.split()[-1] in ("pass", "FAIL")


def test_a_figure_is_the_median_of_its_runs_beside_its_target() -> None:
    figure = Figure("speed", [1.0, 9.0, 2.0], "m/s", at_least=2)
    assert (figure.value, figure.passed, figure.target) == (2.0, True, "at least 2")
    assert Figure("time", [0.5], "s", at_most=0.3).line().endswith("FAIL")
    assert Figure("count", [12345.0], "rows").entry()["passed"] is None
