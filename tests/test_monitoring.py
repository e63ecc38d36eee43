"""Metrics, top and reports of markets: what they say is what is there."""

from __future__ import annotations

import json
import re
import shutil
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import qsim
from qsim.errors import UsageError
from qsim.monitoring import feed, metrics, page, report
from qsim.schema import STATES
from tests.commands import Shell


def test_metrics_add_up_to_the_view(ready_market: Path, shell: Shell) -> None:
    found = json.loads(shell("metrics", ready_market, "--json").out)
    names = ["attempted", "changed", "clipped", "failed", "sized", "skipped_waiting"]
    query = f"SELECT {', '.join(f'sum({name})::BIGINT' for name in names)} FROM platform_metrics"
    [wanted] = qsim.connect(ready_market).sql(query).fetchall()
    assert tuple(found["total"][name] for name in names) == wanted
    assert tuple(sum(row[name] for row in found["rows"]) for name in names) == wanted
    assert (found["ticks_counted"], found["counted_to"], len(found["rows"])) == (120, 120, 20)


def test_metrics_of_the_last_ticks_are_of_these_alone(ready_market: Path, shell: Shell) -> None:
    found = json.loads(shell("metrics", ready_market, "--last", 7, "--json").out)
    assert found["ticks_counted"] == 7 and found["total"]["attempted"] == 7 * 200
    assert "last" in shell.refused(2, "metrics", ready_market, "--last", 0)


def test_what_metrics_are_told_by_may_be_named_twice_and_has_to_be_a_name(ready_market: Path) -> None:
    twice = qsim.metrics(ready_market, by=["platform", "platform"])
    assert twice["rows"] == qsim.metrics(ready_market, by="platform")["rows"]
    with pytest.raises(UsageError, match="allowed is platform, category or both"):
        qsim.metrics(ready_market, by=["platform", ["category"]])  # type: ignore[list-item]


def test_rates_and_spreads_of_metrics_are_those_of_all_changes_added_up() -> None:
    """Of changes of 1 %, -1 %, 3 % and 3 %, in two ticks of two; one of eight updates failed."""
    counts = dict.fromkeys((*metrics._SUMS, *STATES, "skipped_waiting", "skipped_inactive"), 0)
    cell = {**counts, "platform": "zepto", "category": "Food", "attempted": 4, "sized": 2}
    rows = [
        {**cell, "tick": 1, "change_bps": 0, "change_squares": 2 * 100**2, "failed": 1, "surging": 7},
        {**cell, "tick": 2, "change_bps": 600, "change_squares": 2 * 300**2, "surging": 5},
    ]
    [found] = metrics.totals(pl.DataFrame(rows), ("platform",))
    assert [found[name] for name in ("mean_change_pct", "sd_change_pct", "success_pct")] == [1.5, 1.6583, 87.5]
    assert (found["attempted"], found["surging"]) == (8, 5)


def test_of_each_tick_at_most_so_many_events_are_taken_evenly_over_the_listings() -> None:
    events = pa.table({"tick": [1] * 2 + [2] * 6 + [3], "listing_id": list(range(9))})
    assert feed.sampled(events, 3)["listing_id"].to_pylist() == [0, 1, 2, 4, 6, 8]


def test_events_are_told_as_the_view_tells_them_in_every_column(ready_market: Path) -> None:
    found = feed.recent(ready_market, 600)
    columns = {**dict.fromkeys(found[0], ""), "ts": "::VARCHAR"}
    names = ", ".join(f"{name}{cast}" for name, cast in columns.items())
    query = f"""SELECT {names} FROM price_history JOIN stores USING (store_id) JOIN (SELECT product_id, brand FROM products)
        USING (product_id) ORDER BY tick DESC, listing_id DESC LIMIT 600"""
    wanted = qsim.connect(ready_market).sql(query.replace("platform,", "price_history.platform,")).fetchall()[::-1]
    assert [tuple(row.values()) for row in found] == [
        tuple(float(value) if isinstance(value, Decimal) else value for value in row) for row in wanted
    ]
    assert all(len({row[name] for row in found}) > 1 for name in columns if name != "city")


def test_no_events_are_given_where_none_are_asked_for_or_none_were(market: Path, tmp_path: Path) -> None:
    qsim.generate(tmp_path / "new", products=5)
    assert feed.recent(market, 0) == feed.recent(tmp_path / "new") == []


def test_top_shows_the_market_and_its_newest_events(
    market: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = shell("top", market, "--once").out
    assert "tick 10" in text and "at rest" in text and "ok" in text
    assert re.search(r"\n  blinkit +\d+ +\d+ ", text)
    newest = feed.recent(market, 1)[0]
    assert f"{newest['tick']:>8}  {newest['platform']:<10} {newest['cause']}" in text


def test_top_keeps_a_line_a_platform_on_eighty_columns(
    market: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = shell("top", market, "--once").out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  bigbasket"))
    assert [line.split()[0] for line in lines[first : first + 5]] == [
        "bigbasket",
        "blinkit",
        "dunzo",
        "instamart",
        "zepto",
    ]


@pytest.mark.parametrize("ending", report.SUFFIXES)
def test_a_report_is_written_in_each_form(market: Path, tmp_path: Path, shell: Shell, ending: str) -> None:
    file = tmp_path / f"r{ending}"
    assert shell("report", market, "--out", file).code == 0
    text = file.read_text()
    assert qsim.status(market)["digest"] in text
    assert "Fruits & Vegetables" in text.replace("&amp;", "&")


def test_run_exports_a_report_at_its_end(market: Path, tmp_path: Path, shell: Shell) -> None:
    assert shell("run", market, "--ticks", 5, "--export-report", tmp_path / "r.json").code == 0
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["status"]["tick"], found["health"]["status"], found["runs"][-1]["done"]) == (15, "ok", 5)


def test_an_export_to_a_folder_that_is_not_there_is_refused_before_the_run(market: Path, shell: Shell) -> None:
    assert "nowhere is not there" in shell.refused(2, "run", market, "--ticks", 5, "--export-report", "nowhere/r.md")
    assert qsim.status(market)["tick"] == 10


def test_an_export_to_no_known_form_is_refused_before_the_run(market: Path, shell: Shell) -> None:
    assert ".html" in shell.refused(2, "run", market, "--ticks", 5, "--export-report", "r.xlsx")
    assert qsim.status(market)["tick"] == 10


class Page(HTMLParser):
    """Reads a page: its tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_holds_its_charts_and_fetches_nothing(ready_market: Path) -> None:
    text = page.html(report.report(ready_market))
    tags = Page(text).tags
    assert sum(tag == "svg" for tag, _ in tags) == 15
    assert all(attributes.get("aria-label") for tag, attributes in tags if tag == "svg")
    assert not [tag for tag, _ in tags if tag in ("script", "link", "img", "iframe")]
    assert not re.search(r"(src|href)=|url\(|@import|https?://", text)


def test_names_in_a_page_are_no_markup(market: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(market, tmp_path / "<b>&amp"))
    assert "<b>&amp" not in page.html(report.report(place))


def test_a_report_of_a_market_that_never_ran_is_whole(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=5)
    found = report.report(tmp_path / "m")
    assert found["status"]["tick"] == 0 and "nothing to show yet" in page.html(found)
    assert "# " in page.markdown(found)


def test_states_over_time_are_those_of_the_counts(ready_market: Path) -> None:
    found = report.report(ready_market)
    last = {row["platform"]: row["discounted"] for row in found["by_platform"]}
    assert {name: line[-1][1] for name, line in found["over_time"]["discounted"].items()} == last
