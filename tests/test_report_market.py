"""The market's part of a report: its figures against the views and the rules, and its charts on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from markdown_it import MarkdownIt

import qsim
from qsim import simulation
from qsim.monitoring import market as markets
from qsim.monitoring import page, report, svg_rows
from qsim.queries import board_market, board_states
from qsim.queries.board_states import Boards
from qsim.storage import log
from tests.report_rows import drawn, fetched, moves_since


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A realistic market of a day and a half, in steps of half an hour; to be read, never written."""
    market = tmp_path_factory.mktemp("report") / "market"
    qsim.generate(market, products=60, seed=42, preset="realistic")
    qsim.run(market, ticks=72, update_interval_seconds=1800)
    return market


@pytest.fixture(scope="module")
def shown(lively: Path) -> Boards:
    return board_states.open_boards(lively, log.read(lively))


@pytest.fixture(scope="module")
def views(lively: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with qsim.connect(lively) as connection:
        yield connection


@pytest.fixture(scope="module")
def found(lively: Path) -> dict[str, Any]:
    return report.report(lively)


def test_prices_are_drawn_over_the_last_market_day(found: dict[str, Any]) -> None:
    prices = found["market"]["prices"]
    assert (prices["from_time"], prices["to_time"]) == (found["market"]["time"] - 86_400, found["market"]["time"])


def test_volatility_where_prices_are_set_by_rates_is_of_the_moves_made_and_has_no_target(
    shown: Boards, views: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_market, "_LEAST_MOVES", 3)
    told = board_market.volatility(shown)
    moves = moves_since(views, told["since"])
    assert {row["volatility_group"]: row["turns"] for row in told["groups"]} == {
        group: count for group, (_, count) in moves.items() if count >= 3
    }
    assert 1 < len(told["groups"]) < len(moves), moves
    for row in told["groups"]:
        squares, count = moves[row["volatility_group"]]
        assert row["realised_pct"] == pytest.approx(100 * (squares / count) ** 0.5, abs=0.001)
        assert row["target_pct"] is None


def test_volatility_is_told_where_ticks_times_the_batch_are_more_than_32_bits_hold(tmp_path: Path) -> None:
    market = tmp_path / "market"
    qsim.generate(market, products=20, seed=42)
    qsim.run(market, ticks=2_200, batch_size=1_000_000)
    boards = board_states.open_boards(market, log.read(market))
    [(dear,)] = fetched(boards.connection, "SELECT count(*) FROM products WHERE is_active AND base_price_paise >= 2000")
    assert sum(row["turns"] for row in board_market.volatility(boards)["groups"]) == 2_200 * 5 * dear


def test_levels_are_the_percentiles_of_the_prices(shown: Boards, views: duckdb.DuckDBPyConnection) -> None:
    rows = fetched(
        views,
        """SELECT p.platform, 100 * p.price / base_price AS price, 100 * anchor_price / base_price AS multiplier FROM prices AS p
            JOIN listings USING (listing_id) JOIN products AS g ON g.product_id = p.product_id WHERE p.is_active""",
    )
    levels = board_market.levels(shown)["platforms"]
    assert {row["platform"] for row in levels} == {one[0] for one in rows}
    for row in levels:
        for at, name in ((1, "price"), (2, "multiplier")):
            values = [float(one[at]) for one in rows if one[0] == row["platform"]]
            assert row[name] == pytest.approx(np.percentile(values, [2, 25, 50, 75, 98]), abs=0.01)


def test_campaigns_run_when_the_ticks_say(shown: Boards, views: duckdb.DuckDBPyConnection) -> None:
    rows = fetched(
        views, "SELECT campaign_id, starts_second, duration_seconds, repeat_seconds, ends_second FROM raw.campaigns"
    )
    clocks = simulation.Campaigns(*(np.array(column, np.int64) for column in list(zip(*rows, strict=True))[1:]))
    told = board_market.campaigns(shown)
    spans = {one["campaign_id"]: one["spans"] for one in told["campaigns"]}
    now = board_states.second_of(shown, shown.log.tick)
    seconds = np.arange(now - 86_400, now + 86_400, 900)
    running = clocks.running(seconds)
    for nth, (number, *_) in enumerate(rows):
        for second, runs in zip((seconds - now + told["time"]).tolist(), running[:, nth].tolist(), strict=True):
            assert any(begin <= second < end for begin, end in spans.get(number, [])) == runs, (number, second)
    assert {one["status"] for one in told["campaigns"] if any(a <= told["time"] < b for a, b in one["spans"])} == {
        "running"
    }


def test_a_report_opens_with_onions_else_with_what_moved_most(
    shown: Boards, views: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = fetched(views, f"SELECT product FROM products WHERE product_id = {board_market.featured(shown)}")
    assert "onion" in name[0][0].lower()
    monkeypatch.setattr(board_market.pages, "search", lambda *given: {"products": []})
    moves = fetched(
        views,
        f"""SELECT n.product_id, abs(n.price / b.price - 1) AS move FROM prices AS n
            JOIN prices_at(tick_time({shown.log.tick - 48})) AS b USING (listing_id) WHERE n.is_active ORDER BY move DESC LIMIT 1""",
    )
    assert board_market.featured(shown) == moves[0][0]


@pytest.fixture(scope="module")
def onion(shown: Boards, views: duckdb.DuckDBPyConnection) -> list[dict[str, tuple[float, bool]]]:
    """Price and whether a deal runs of the product that a report opens with, at each tick of the last day but the newest."""
    product, last = board_market.featured(shown), shown.log.tick
    query = f"""SELECT platform, price_paise / 100, discount_bps > 0 FROM raw.state_at({{}}) JOIN raw.listings USING (listing_id)
        JOIN platforms USING (platform_id) WHERE product_id = {product}"""
    return [
        {name: (price, deal) for name, price, deal in fetched(views, query.format(tick))}
        for tick in range(last - 48, last)
    ]


@pytest.mark.parametrize("crowded", [0, 10_000])
def test_mean_price_and_time_on_deal_are_those_of_all_ticks(
    shown: Boards, onion: list[dict[str, tuple[float, bool]]], monkeypatch: pytest.MonkeyPatch, crowded: int
) -> None:
    monkeypatch.setattr(markets, "_CROWDED", crowded)
    told = markets.told(shown)["prices"]
    assert (told["stretch_seconds"] is None) == (crowded > 0)
    for row in told["totals"]:
        held = [at[row["platform"]] for at in onion]
        assert row["mean"] == pytest.approx(np.mean([price for price, _ in held]), abs=0.006)
        assert row["on_deal_pct"] == pytest.approx(100 * np.mean([deal for _, deal in held]), abs=0.06)
        line = np.array(told["lines"][row["platform"]])
        spans = np.diff(np.append(line[:, 0], told["to_time"]))
        assert (line[:, 1] * spans).sum() / spans.sum() == pytest.approx(row["mean"], abs=0.006)


def test_counts_are_of_the_last_market_day_alone(found: dict[str, Any], views: duckdb.DuckDBPyConnection) -> None:
    assert found["counted_after"] == 24
    wanted = fetched(
        views, "SELECT sum(attempted)::BIGINT, sum(changed)::BIGINT FROM platform_metrics WHERE tick > 24"
    )[0]
    assert (found["total"]["attempted"], found["total"]["changed"]) == wanted
    assert "after tick 24" in page.html(found) and "after tick 24" in page.markdown(found)


def test_fewer_hours_are_shown_where_a_day_has_too_many_events(shown: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markets, "_MOST_EVENTS", 0.25 * board_states.events_between(shown, 24, 72))
    told = markets.told(shown)
    assert told["cheapest"]["hours"] in (5, 6) and len(told["cheapest"]["times"]) == told["cheapest"]["hours"]


def test_each_chart_of_the_market_says_what_it_shows(found: dict[str, Any]) -> None:
    labels = drawn(page.html(found))
    labels = [label for label in labels if not label.startswith("Volatility")][:7]
    for label, wanted in zip(labels, (
        r"Price of Onion .*zepto: [\d.]+ rupees at last",
        r"Cheapest platform by category and hour. .*Fruits &amp; Vegetables: \w+ at last, on \d+%",
        r"Depth of running discounts. from \d+ %: \d+;",
        r"Listings out of stock, by platform. blinkit: \d+ at last",
        r"Campaigns.* \d+ running; \d+ coming; \d+ past",
        r"Price level.* blinkit: multipliers .* band 95 to 115 %",
        r"Staples .* one: saved 0.00 rupees, fees [\d.]+; up to 2: saved [\d.]+ rupees",
    ), strict=True):  # fmt: skip
        assert re.match(wanted, label), label


def test_markdown_has_the_figures_of_the_charts(found: dict[str, Any]) -> None:
    text = page.markdown(found)
    row = found["market"]["prices"]["totals"][0]
    assert f"| {row['platform']} | {row['now']:,.2f} | {row['lowest']:,.2f} |" in text
    for title in (
        "Cheapest",
        "Running discounts by depth",
        "Volatility by group",
        "Price level",
        "Staples",
        "Campaigns",
    ):
        assert f"\n## {title}" in text, title


def test_long_names_that_differ_at_their_ends_are_told_apart_in_a_chart() -> None:
    names = [f"A category that has a very long name, number {nth}" for nth in (1, 2, 12)]
    chart = svg_rows.heat("", {name: [("zepto", 0.5)] for name in names}, [0.0], ["zepto"], "")
    shown = re.findall(r">([^<>]*…[^<>]*)<", chart)
    assert len({*shown}) == 3 and max(map(len, shown)) <= 24


def test_a_report_shows_a_users_names_as_they_are(found: dict[str, Any]) -> None:
    bad = "<img src=x onerror=alert(1)> [a](javascript:b) *\n\x1b[2J"
    market = found["market"] | {"prices": found["market"]["prices"] | {"product": bad}}
    category = [row | {"category": bad} for row in found["by_category"]]
    told = found | {"market": market, "by_category": category}
    assert "<img" not in page.html(told)
    text = page.markdown(told)
    shown = r"\<img src=x onerror=alert(1)> \[a\](javascript:b) \* \\x1b\[2J"
    assert f"## Price of {shown} " in text and f"\n| {shown} |" in text


def test_nothing_of_a_name_is_markup_in_a_readers_markdown(found: dict[str, Any]) -> None:
    bad = "_Best_ __of__ ~~all~~ &lt;b> `x` *y* <i>"
    market = found["market"] | {"prices": found["market"]["prices"] | {"product": bad}}
    status, reason = (
        found["status"] | {"directory": bad},
        {"level": "warning", "about": "run", "found": bad, "mend": bad},
    )
    health = found["health"] | {"reasons": [reason]}
    text = page.markdown(found | {"market": market, "status": status, "health": health})
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert shown.count(escape(bad, quote=False)) == 4 and "<em>" not in shown and "<s>" not in shown


def test_a_market_with_nothing_on_sale_has_a_whole_page(lively: Path, found: dict[str, Any]) -> None:
    nothing = board_states.open_boards(lively, log.read(lively))
    nothing.connection.execute("UPDATE products SET is_active = false; DELETE FROM listings")
    told = found | {"market": markets.told(nothing) | {"basket": None}}
    assert told["market"]["prices"] is None and "nothing is on sale" in page.html(told)
    assert "## Campaigns" in page.markdown(told)


def test_a_category_without_an_event_in_a_stretch_changed_nothing_there(
    lively: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_STRETCHES", 20)
    found = report.report(lively)
    lines, last = found["over_time"]["changes_a_tick"], found["status"]["tick"]
    begins = [*range(found["counted_after"] + 1, last + 1, 3)]
    assert {tuple(at for at, _ in line) for line in lines.values()} == {tuple(begins)}
    assert any(not value for line in lines.values() for _, value in line)
    with qsim.connect(lively) as connection:
        query = f"SELECT category, sum(changed) FROM platform_metrics WHERE tick >= {begins[0]} GROUP BY category"
        wanted = {category: float(changed) for category, changed in fetched(connection, query)}
    ticks = [min(3, last + 1 - at) for at in begins]
    sums = {
        name: sum(count * value for count, (_, value) in zip(ticks, line, strict=True)) for name, line in lines.items()
    }
    assert sums == pytest.approx(wanted, abs=0.05)


def test_a_category_without_a_row_in_a_stretch_stays_as_it_was(lively: Path, found: dict[str, Any]) -> None:
    with qsim.connect(lively) as connection:
        for tick in (40, 55, 72):
            wanted = fetched(
                connection,
                f"""SELECT platform, count(*) FILTER (discount_pct > 0) FROM prices_at(tick_time({tick})) WHERE is_active
                    GROUP BY platform""",
            )
            told = {
                name: [value for at, value in line if at <= tick][-1]
                for name, line in found["over_time"]["discounted"].items()
            }
            assert told == dict(wanted), tick


def test_platforms_that_begin_alike_have_codes_of_their_own() -> None:
    names = ["shop_1", "shop_2", "s2", "zepto"]
    chart = svg_rows.heat("", {"Food": [(name, 0.5) for name in names]}, [0.0] * 4, names, "")
    assert re.findall(r'class="code">(\w+)<', chart) == ["S1", "S2", "S3", "ZE"]


def test_long_names_of_platforms_are_told_apart_beside_their_lanes() -> None:
    lines = {f"corner_shop_{nth}": [(0, 10.0, 0, 0)] for nth in (1, 2)}
    chart = svg_rows.prices("", lines, (0.0, 60.0), True, "")
    assert re.findall(r'class="code">([^<]+)<', chart) == ["corner…p_1", "corner…p_2"]
