"""Markets of parameters from anywhere in their ranges hold what every market promises."""

from __future__ import annotations

from pathlib import Path

import pytest

import qsim
from qsim.errors import UsageError
from tests.drawn_markets import Drawn, drawn_market

PUSH, NIGHTLY = 6, 400


def _in_one_call_each(market: Path, drawn: Drawn) -> list[str]:
    """Run a market as drawn, on two workers; give after each call the digest, or why it was refused."""
    told = []
    for run in drawn.runs:
        try:
            told.append(qsim.run(market, max_workers=2, **run)["digest"])
        except UsageError as refusal:
            told.append(str(refusal).removeprefix(str(market)))
    return told


def _tick_by_tick(market: Path, drawn: Drawn) -> list[str]:
    """Run it on one worker, the first tick of each call apart, with small files merged and replaced ones removed between."""
    told = []
    for run in drawn.runs:
        try:
            last = qsim.run(market, max_workers=1, **{**run, "ticks": 1})
            qsim.compact(market)
            qsim.vacuum(market, grace_seconds=0)
            told.append(qsim.run(market, until=last["tick"] + run["ticks"] - 1, max_workers=1)["digest"])
        except UsageError as refusal:
            told.append(str(refusal).removeprefix(str(market)))
    return told


@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=pytest.mark.nightly if number >= PUSH else ()) for number in range(NIGHTLY)]
)
def test_a_drawn_market_is_the_same_however_it_is_run_and_passes_every_check(tmp_path: Path, number: int) -> None:
    drawn = drawn_market(number)
    for name in ("m", "again"):
        qsim.generate(tmp_path / name, **drawn.made_of)
    assert _in_one_call_each(tmp_path / "m", drawn) == _tick_by_tick(tmp_path / "again", drawn)
    assert [check for check in qsim.validate(tmp_path / "again")["checks"] if not check["passed"]] == []
    assert qsim.verify(tmp_path / "again", regenerate="all")["faults"] == []
