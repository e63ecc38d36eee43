"""Forks of a process in which Polars has worked: what would wait for good is refused in one line, all else goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the names of threads")

PROGRAM = """
import os, sys
import polars, qsim
from qsim.monitoring.feed import recent
from qsim.realism import realism

market = sys.argv[1]
calls = {
    "generate": lambda: qsim.generate(f"{market}.new", products=12), "report": lambda: qsim.report(market),
    "health": lambda: qsim.health(market), "metrics": lambda: qsim.metrics(market), "events": lambda: recent(market),
    "fit": lambda: qsim.fit("none.csv"), "serve": lambda: qsim.serve(market),
    "verify --regenerate": lambda: qsim.verify(market, regenerate="all"), "validate --realism": lambda: realism(market),
    "run": lambda: qsim.run(market, ticks=1), "status": lambda: qsim.status(market),
    "ask": lambda: qsim.ask("deals", directory=market),
}

def forked(name):
    sys.stdout.flush()
    if os.fork() == 0:
        try:
            calls[name]()
            print(name, "done")
        except qsim.QsimError as fault:
            print(fault)
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


def said(market: Path, *lines: str) -> list[str]:
    program = PROGRAM + "\n".join(lines)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, market], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_what_needs_polars_is_refused_in_a_fork_of_a_process_in_which_it_has_worked(market: Path) -> None:
    needing = (
        "generate",
        "report",
        "health",
        "metrics",
        "events",
        "fit",
        "serve",
        "verify --regenerate",
        "validate --realism",
    )
    told = said(market, "polars.DataFrame({'a': [2, 1]}).lazy().sort('a').collect()", "polars.thread_pool_size()",
                f"for name in {needing!r}: forked(name)")  # fmt: skip
    wanted = "found a fork of a process in which Polars had worked, whose threads a fork does not have; allowed is a process of its"
    assert [line.partition(f": {wanted}")[0] for line in told] == list(needing)
    assert not market.with_name(f"{market.name}.new").exists()


def test_what_needs_no_polars_goes_on_in_such_a_fork(market: Path) -> None:
    lines = ("polars.thread_pool_size()", "for name in ('run', 'status', 'ask'): forked(name)")
    assert said(market, *lines) == ["run done", "status done", "ask done"]


def test_a_fork_of_a_process_in_which_polars_was_only_imported_generates(market: Path) -> None:
    assert said(market, "forked('generate')", "forked('health')") == ["generate done", "health done"]
