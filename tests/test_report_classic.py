"""The market's part of a report where prices move in turns, and where a market never ran, has odd names or another interval."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import qsim
from qsim.monitoring import market as markets
from qsim.monitoring import page, report, svg, svg_rows
from qsim.queries import board_history, board_market, board_states
from qsim.queries.board_states import Boards
from qsim.runs.epochs import course_of
from qsim.storage import log
from tests.commands import Shell
from tests.report_rows import drawn, fetched, moves_since


@pytest.fixture(scope="module")
def classic(ready_market: Path) -> Boards:
    return board_states.open_boards(ready_market, log.read(ready_market))


def test_volatility_counts_the_turns_that_the_ticks_gave(classic: Boards) -> None:
    told = board_market.volatility(classic)
    assert told["since"] == 50, "parameters changed at tick 50"
    rows = fetched(
        classic.connection,
        "SELECT base_price_paise, volatility_group FROM products WHERE is_active ORDER BY product_id",
    )
    turns: dict[str, int] = {}
    for tick in range(51, 121):
        for place in range(tick * 40, tick * 40 + 40):
            base, group = rows[place % len(rows)]
            turns[group] = turns.get(group, 0) + 5 * (base >= 2000)
    assert {row["volatility_group"]: row["turns"] for row in told["groups"]} == {
        group: count for group, count in turns.items() if count >= 500
    }


def test_volatility_of_classic_is_near_its_target(classic: Boards) -> None:
    groups = board_market.volatility(classic)["groups"]
    assert [row["volatility_group"] for row in groups][-1] == "staples"
    for row in groups:
        assert row["realised_pct"] == pytest.approx(row["target_pct"], rel=0.12), row


def test_volatility_is_that_of_every_move_of_a_regular_price(ready_market: Path, classic: Boards) -> None:
    with qsim.connect(ready_market) as connection:
        moves = moves_since(connection, 50)
    for row in board_market.volatility(classic)["groups"]:
        wanted = 100 * (moves[row["volatility_group"]][0] / row["turns"]) ** 0.5
        assert row["realised_pct"] == pytest.approx(wanted, abs=0.001)


def test_volatility_reads_no_more_events_than_it_may(classic: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_market, "_MEASURED_EVENTS", 7_000)
    assert 80 < board_market.volatility(classic)["since"] < 95


def test_lowest_and_highest_price_are_of_every_change_also_where_a_chart_shows_fewer(
    classic: Boards, ready_market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_history, "_POINTS", 10)
    product = board_market.featured(classic)
    query = f"""SELECT platform, price_paise / 100 FROM raw.state_at({{}}) JOIN raw.listings USING (listing_id)
        JOIN platforms USING (platform_id) WHERE product_id = {product}"""
    with qsim.connect(ready_market) as connection:
        held = [row for tick in range(classic.log.tick + 1) for row in fetched(connection, query.format(tick))]
    told = markets.told(classic)["prices"]
    assert told["product_id"] == product
    for row in told["totals"]:
        mine = [price for name, price in held if name == row["platform"]]
        assert (row["lowest"], row["highest"]) == (min(mine), max(mine))


def test_time_in_surge_is_that_of_all_ticks_and_surge_is_of_either_kind(classic: Boards, ready_market: Path) -> None:
    with qsim.connect(ready_market) as connection:
        query = """SELECT l.product_id FROM raw.events AS e JOIN raw.listings AS l USING (listing_id) JOIN products AS p
            ON p.product_id = l.product_id AND is_active WHERE surge_fee_paise > 0 GROUP BY ALL ORDER BY count(*) DESC LIMIT 1"""
        [(product,)] = fetched(connection, query)
        query = f"""SELECT platform, surge_bps > 0, surge_fee_paise > 0 FROM raw.state_at({{}}) JOIN raw.listings
            USING (listing_id) JOIN platforms USING (platform_id) WHERE product_id = {product}"""
        held = [row for tick in range(classic.log.tick) for row in fetched(connection, query.format(tick))]
    for row in markets._prices(classic, product)["totals"]:
        mine = [of_price or of_fee for name, of_price, of_fee in held if name == row["platform"]]
        assert row["surging_pct"] == pytest.approx(100 * sum(mine) / len(mine), abs=0.06)
    assert (False, True) in {(of_price, of_fee) for _, of_price, of_fee in held}


@pytest.mark.parametrize(
    ("state", "is_deal"),
    [((500, 0, 0), True), ((0, 0, 0), False), ((500, 0, 2500), False), ((500, 700, 0), False), ((1000, 700, 0), True)],
)
def test_a_discount_that_surge_suspends_or_takes_back_is_no_deal(state: tuple[int, int, int], is_deal: bool) -> None:
    assert markets._is_deal(*state) is is_deal


def test_product_and_campaign_names_are_no_markup() -> None:
    bad = "<script>&\"'"
    one = {"campaign": bad, "platform": bad, "kind": bad, "status": "past", "spans": [[0, 9]]}
    charts = [
        svg_rows.gantt(bad, [one], [bad], (0, 10), 5, bad),
        svg_rows.heat(bad, {bad: [(bad, 0.5)]}, [0.0], [bad], bad),
        svg_rows.prices(bad, {bad: [[0, 1, 1, 1]]}, (0, 60), True, bad),
        svg.stacked(bad, {0: {bad: 1}}, 5, bad, 30, bad),
        svg.bars(bad, {bad: 1}, bad, {bad: 2}, bad),
        svg_rows.savings(bad, [(bad, 1, 1)], bad),
        svg_rows.boxes(bad, [{"platform": bad, "low": 1, "high": 2, "multiplier": [1] * 5, "price": [1] * 5}], bad),
    ]  # fmt: skip
    assert all("<script" not in chart and '&"' not in chart for chart in charts)


def test_a_market_at_tick_0_has_a_whole_page(tmp_path: Path, shell: Shell) -> None:
    qsim.generate(tmp_path / "m", products=5)
    assert shell("report", tmp_path / "m", "--out", tmp_path / "r.html").code == 0
    labels = drawn((tmp_path / "r.html").read_text())
    assert [label.partition(" ")[0] for label in labels] == [
        "Price",
        "Cheapest",
        "Depth",
        "Campaigns,",
        "Price",
        "Staples",
    ]


def test_days_before_are_counted_over_changes_of_the_interval(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=5)
    qsim.run(tmp_path / "m", ticks=24, update_interval_seconds=3600)
    qsim.run(tmp_path / "m", ticks=6, update_interval_seconds=7200)
    history = log.read(tmp_path / "m")
    assert [epoch.interval for epoch in course_of(history).epochs][-1] == 7200
    assert markets.day_before(history) == 12


def test_the_chart_of_volatility_tells_targets(ready_market: Path) -> None:
    label = next(label for label in drawn(page.html(report.report(ready_market))) if "size of the moves" in label)
    assert re.search(r"fruits: [\d.]+ %, target 6.928 %", label)
