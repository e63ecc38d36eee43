"""Markets of parameters from anywhere in their ranges hold what every market promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.errors import UsageError
from tests.drawn_markets import Drawn, drawn_market

PUSH, NIGHTLY = 6, 400


def _at_once(market: Path, run: dict[str, Any]) -> dict[str, Any]:
    return qsim.run(market, max_workers=2, **run)


def _in_two(market: Path, run: dict[str, Any]) -> dict[str, Any]:
    """Run the first tick apart, with small files merged and replaced ones removed behind it."""
    first = qsim.run(market, max_workers=1, **{**run, "ticks": 1})
    qsim.compact(market)
    qsim.vacuum(market, grace_seconds=0)
    return qsim.run(market, until=first["tick"] + run["ticks"] - 1, max_workers=1)


def _told(market: Path, drawn: Drawn, go: Callable[[Path, dict[str, Any]], dict[str, Any]]) -> list[str]:
    """Make a market and run it; give after each of its runs the digest, or why it was refused."""
    files = {name: market.with_name(f"{name}.csv") for name in drawn.files}
    for name, path in files.items():
        path.write_text(drawn.files[name], "utf-8")
    qsim.generate(market, **drawn.made_of, **files)
    told = []
    for run in drawn.runs:
        try:
            told.append(go(market, run)["digest"])
        except UsageError as refusal:
            told.append(str(refusal).removeprefix(str(market)))
    return told


@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=pytest.mark.nightly if number >= PUSH else ()) for number in range(NIGHTLY)]
)
def test_a_drawn_market_is_the_same_however_it_is_run_and_passes_every_check(tmp_path: Path, number: int) -> None:
    drawn = drawn_market(number)
    assert _told(tmp_path / "m", drawn, _at_once) == _told(tmp_path / "again", drawn, _in_two)
    assert [check for check in qsim.validate(tmp_path / "again")["checks"] if not check["passed"]] == []
    assert qsim.verify(tmp_path / "again", regenerate="all")["faults"] == []
