"""A report's tables and charts as a reader meets them: texts from the left, no empty frames, no label cut off."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.monitoring import page, svg
from tests.commands import Shell


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The report of a market of rates after one run that kept to no clock."""
    market = tmp_path_factory.mktemp("text") / "market"
    qsim.generate(market, preset="realistic", products=12, update_interval_seconds=3600)
    qsim.run(market, ticks=3)
    yield qsim.report(market)


def test_texts_stand_to_the_left_and_numbers_to_the_right_in_both_forms(found: dict[str, Any]) -> None:
    text, html = page.markdown(found), page.html(found)
    head, rule = re.findall(r"## Campaigns\n\n(.*)\n(.*)", text)[0]
    campaign = dict(zip(*(line.strip("| ").split(" | ") for line in (head, rule)), strict=True))
    assert campaign["platform"] == campaign["kind"] == campaign["status"] == "---"
    assert campaign["lines"] == campaign["deepest, %"] == "---:"
    assert '<th scope="col" class="t">status</th>' in html and '<th scope="col">lines</th>' in html


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="a process cannot change its zone here")
def test_a_report_tells_the_times_of_the_market_whatever_the_zone_of_the_machine(found: dict[str, Any]) -> None:
    texts = []
    with pytest.MonkeyPatch.context() as patch:
        for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
            patch.setenv("TZ", zone)
            time.tzset()
            texts.append((page.html(found), page.markdown(found)))
    time.tzset()
    assert texts[0] == texts[1] == texts[2]
    assert re.search(r"\d\d Jan \d\d:\d\d", texts[0][1])


def test_kinds_of_campaigns_are_words(found: dict[str, Any]) -> None:
    assert "| time of day |" in page.markdown(found)


def test_a_table_without_rows_says_so_in_its_place(found: dict[str, Any]) -> None:
    assert found["market"]["volatility"]["groups"] == []
    assert "## Volatility by group, %\n\nNothing to show yet.\n" in page.markdown(found)
    assert "<h2>Volatility by group, %</h2><p>Nothing to show yet.</p>" in page.html(found)


@pytest.mark.parametrize(("ticks", "said"), [(2, True), (0, False)])
def test_where_no_tick_was_counted_it_is_said_why(tmp_path: Path, shell: Shell, ticks: int, said: bool) -> None:
    qsim.generate(tmp_path / "m", products=5)
    if ticks:
        qsim.run(tmp_path / "m", ticks=ticks, monitoring=False)
    assert ("None of these has been counted: without monitoring" in shell("report", tmp_path / "m").out) is said
    titles = {True: "0 ticks up to 0 of 2, as the others ran without monitoring", False: "0 ticks up to 0: no rows"}
    assert shell("metrics", tmp_path / "m").out.startswith(titles[said])


def test_a_market_whose_runs_kept_to_no_clock_has_no_chart_of_lag(found: dict[str, Any]) -> None:
    assert "Seconds behind the clock: no run kept to it" in page.html(found)
    paced = {**found, "runs": [{**found["runs"][0], "tick_seconds": 1.0}]}
    assert "Seconds behind the clock: no run" not in page.html(paced)


@pytest.mark.parametrize("points", [[(960, 80.0)], [(960, 70.0), (960, 80.0)]], ids=len)
def test_a_line_over_one_tick_is_a_dot_over_one_label(points: list[tuple[float, float]]) -> None:
    drawn = svg.lines("Memory", {"memory": points})
    assert drawn.count("<circle") == 1
    assert re.findall(r"tick [\d,]+", drawn) == ["tick 960"]
    assert "<circle" not in svg.lines("Memory", {"memory": [(960, 80.0), (961, 80.0)]})


@pytest.mark.parametrize("highest", [30, 100, 7, 0.5])
def test_the_value_over_the_highest_bar_is_not_cut_off(highest: float) -> None:
    drawn = svg.bars("Sizes", {"a": highest, "b": highest / 2})
    place = re.search(rf'y="([\d.]+)" text-anchor="middle">{svg.number(highest)}<', drawn)
    assert place and float(place[1]) >= svg.TOP


def test_a_day_without_monitoring_right_after_one_with_it_has_no_chart_of_what_ticks_did(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=5, update_interval_seconds=3600)
    for monitoring in (True, False):
        qsim.run(tmp_path / "m", monitoring=monitoring)
    report = qsim.report(tmp_path / "m")
    assert report["over_time"]["discounted"] == {} and report["total"] == {}
    assert "None of these has been counted" in page.markdown(report) and "nan" not in page.html(report)
