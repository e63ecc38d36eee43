"""The benchmark at toy size gives every figure; how large they are is the machine's affair."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.figures import Figure
from tests.bench.measures import MEASURES, ONLY_WHEN_NAMED
from tests.bench.rivals import installed

ROOT = Path(__file__).parents[1]
QUERIES = (
    "history of a product",
    "prices as of a past tick",
    "prices now",
    "top deals of a platform",
    "qsim ask deals",
)
SIZES = {
    "products": "300",
    "ticks": "4",
    "catalog": "2000",
    "small-ticks": "20",
    "day-ticks": "2",
    "commits": "3",
    "growth": "300 600",
    "long-ticks": "100",
    "days": "20",
    "stores": "1",
}
FIGURES = {
    "events",
    "events, opening included",
    "events, count",
    "events, seconds of qsim.run",
    "events, seconds of opening",
    "events, CPU time",
    "events, peak memory",
    *(f"{what}raw limit{past}" for what in ("", "events / ") for past in ("", " past the cache")),
    *(f"raw limit{past}, CPU time" for past in ("", " past the cache")),
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
    "tick by tick",
    "tick by tick, events",
    "realistic",
    "realistic, CPU time",
    "realistic, events",
    "realistic, peak memory",
    *(
        f"quiet, {listings} listings, {ticks}{unit}"
        for listings in ("300", "1,500")
        for ticks in ("5-minute ticks", "5-second ticks", "5-second / 5-minute")
        for unit in ("", ", CPU")
    ),
    "queries, events",
    "live, files",
    "compacted, files",
    *(f"{when}, {name}" for when in ("queries", "live", "compacted") for name in ("connect", *QUERIES)),
    *(
        f"growth, {size}{unit}"
        for size in ("1,500 listings", "3,000 listings", "3,000 listings / 1,500")
        for unit in ("", ", CPU")
    ),
    "growth, first 1 ticks",
    "growth, last tenth of 100",
    "growth, last ticks / first",
    "growth, memory, last / first",
    "growth, peak memory",
    *(f"days, opening after {age}" for age in (10, 20)),
    *(f"days, {what}{age}" for what in ("another day", "validate, a day") for age in (" of 10", " of 20", ", 20 / 10")),
    *(f"workers, {what}{number}" for what in ("", "raw limit, ") for number in ("1", "2", "two over one")),
    "workers, gain / raw limit's",
    "workers, digests equal",
    "rivals, qsim",
    "qsim, bytes",
    "qsim, cells",
    "monitoring, CPU time",
    "monitoring, memory",
    "monitoring, large, CPU time",
    "monitoring, large, memory",
    "monitoring, realistic, CPU time",
    "monitoring, realistic, memory",
    "monitoring, disk an hour live",
}
TARGETS = {
    "events": "at least 22,000,000",
    "events, peak memory": "at most 400",
    "events / raw limit": "at least 0.7",
    "generate": "at least 1,200,000",
    "help": "at most 0.25",
    "status": "at most 0.5",
    "realistic": "at least 15,000,000",
    **{f"monitoring{market}, CPU time": "at most 1.05" for market in ("", ", large", ", realistic")},
    **{f"monitoring{market}, memory": "at most 50" for market in ("", ", large", ", realistic")},
    "monitoring, disk an hour live": "at most 1",
    **{
        f"quiet, {listings} listings, 5-second / 5-minute{unit}": "at most 1.5"
        for listings in ("300", "1,500")
        for unit in ("", ", CPU")
    },
    **{
        f"{when}, {name}": f"at most {most}"
        for when in ("queries", "live", "compacted")
        for name, most in zip(QUERIES, (50, 350, 20, 100, 100), strict=True)
    },
    **{f"growth, 3,000 listings / 1,500{unit}": "at most 1.15" for unit in ("", ", CPU")},
    "growth, last ticks / first": "at most 1.15",
    "growth, memory, last / first": "at most 1.15",
    **{f"days, {what}, 20 / 10": "at most 1.15" for what in ("another day", "validate, a day")},
    "workers, gain / raw limit's": "at least 0.95",
    "workers, digests equal": "at least 1",
    "qsim / original style": "at least 2,000",
    "qsim / best rival that stores": "at least 3",
}
# Those that need a library of the extra `bench` are told as skipped without it.
RIVALS = {
    "sqlalchemy": ["rival, original style (SQLAlchemy, 50-row batches)", "qsim / original style"],
    "duckdb": ["rival, DuckDB SQL"],
    "pandas": ["rival, pandas, a file a tick"],
    "polars": ["rival, polars, a file a tick", "qsim / best rival that stores"],
    "tpchgen-cli": [
        *(f"rival, tpchgen-cli, {what}" for what in ("lineitem", "bytes", "cells")),
        "qsim / tpchgen-cli, cells",
    ],
}


def _bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.bench", "--repeat", "1", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _sizes() -> list[str]:
    return [part for name, value in SIZES.items() for part in (f"--{name}", *value.split())]


def test_every_figure_is_there_and_positive(tmp_path: Path) -> None:
    # The demo is of one size and takes longer than all the rest.
    names = [name for name in MEASURES if name not in ("demo", *ONLY_WHEN_NAMED)]
    given = json.loads(_bench("--json", "--same-process", *_sizes(), "--folder", str(tmp_path), "--only", *names))
    assert {"processor", "cores", "memory GiB", "python", "numpy", "load average at start"} <= given["machine"].keys()
    measured = [figure for figure in given["figures"] if "skipped" not in figure]
    there = [name for library, names in RIVALS.items() if installed(library) for name in names]
    assert sorted(figure["name"] for figure in measured) == sorted([*FIGURES, *there])
    assert len(given["figures"]) - len(measured) == sum(not installed(library) for library in RIVALS)
    assert all(value > 0 for figure in measured for value in [figure["value"], *figure["runs"]])
    targets = {figure["name"]: figure["target"] for figure in measured if figure["target"]}
    assert targets == {name: target for name, target in TARGETS.items() if name in FIGURES or name in there}
    assert not list(tmp_path.iterdir())


@pytest.mark.nightly
def test_the_demo_and_all_of_india_are_measured_when_they_are_named() -> None:
    text = _bench("--same-process", "--day-ticks", "1", "--stores", "1", "--only", "demo", "india")
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert "at most 10" in lines["demo"]
    assert "at most 900" in lines["india, seconds of qsim.run"] and "at most 6,144" in lines["india, peak memory"]
    assert "india, prices now" in lines


def test_text_names_the_machine_and_the_target() -> None:
    text = _bench("--same-process", "--only", "help", "events", *_sizes())
    assert "load average at start" in text
    lines = {line.split("  ")[0]: line.split() for line in text.splitlines()}
    assert lines["help"][-4:-1] == ["at", "most", "0.25"] and lines["help"][-1] in ("pass", "FAIL")
    assert lines["events, count"][2:] == ["5,802", "events"]


def test_a_figure_is_the_median_of_its_runs_beside_its_target() -> None:
    figure = Figure("speed", [1.0, 9.0, 2.0], "m/s", at_least=2)
    assert (figure.value, figure.passed, figure.target) == (2.0, True, "at least 2")
    assert Figure("time", [0.5], "s", at_most=0.3).line().endswith("FAIL")
    assert Figure("count", [12345.0], "rows").entry()["passed"] is None
