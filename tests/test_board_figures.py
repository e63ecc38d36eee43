"""What boards tell beside their counts: offers, causes, areas, stock-outs by product; held against the views, added up in Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import Any

import duckdb
import numpy as np
import pytest

import qsim
from qsim import simulation
from qsim.monitoring import market as markets
from qsim.queries import board_history, board_market, board_states, boards
from qsim.queries.board_states import Boards
from qsim.storage import log
from tests.view_rows import rows

HEAD, PAST = 110, 90
STATE = "price_paise, regular_price_paise, discount_bps, surge_bps, surge_fee_paise, updated_tick"


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market with stock that moves and often runs out, two areas and two intervals; to be read, never written."""
    market = tmp_path_factory.mktemp("figures") / "market"
    scarce = {"supply": {"cover_days": [1.2, 3.0], "reorder": 0.45}}
    qsim.generate(market, products=40, stores=2, seed=3, preset="realistic", update_interval_seconds=600, config=scarce)
    qsim.run(market, until=80)
    qsim.run(market, until=HEAD, update_interval_seconds=300)
    return market


@pytest.fixture(scope="module")
def views(trading: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with qsim.connect(trading) as connection:
        yield connection


@pytest.fixture(scope="module")
def shown(trading: Path) -> Boards:
    return board_states.open_boards(trading, log.read(trading))


def on_sale(con: duckdb.DuckDBPyConnection, tick: int) -> list[dict[str, Any]]:
    return rows(con, f"SELECT * FROM raw.state_at({tick}) JOIN raw.named USING (listing_id) WHERE is_active")


def test_the_overview_tells_the_mean_of_the_discounts_that_run_and_counts_surges_of_both_kinds(
    ready_market: Path,
) -> None:
    with qsim.connect(ready_market) as con:
        listings = on_sale(con, 120)
    surges = {(row["surge_bps"] > 0, row["surge_fee_paise"] > 0) for row in listings}
    assert {(True, False), (False, True)} <= surges
    told = boards.overview(board_states.open_boards(ready_market, log.read(ready_market)))["platforms"]
    for row in told:
        mine = [one for one in listings if one["platform"] == row["platform"]]
        deep = [one["discount_bps"] for one in mine if one["discount_bps"]]
        assert 0 < len(deep) < len(mine) and row["mean_discount_bps"] == pytest.approx(fmean(deep), abs=0.5)
        assert row["surging"] == sum(one["surge_bps"] > 0 or one["surge_fee_paise"] > 0 for one in mine)


def test_the_overview_of_a_past_tick_tells_its_own_time_and_interval_and_those_of_the_newest(shown: Boards) -> None:
    told = {tick: boards.overview(shown, tick) for tick in (70, PAST)}
    begin = told[70]["time"] - 70 * 600
    assert begin % 86_400 == 0 and told[PAST]["time"] == begin + 80 * 600 + 10 * 300
    assert {one["head_time"] for one in told.values()} == {begin + 80 * 600 + 30 * 300}
    assert [told[tick]["interval"] for tick in (70, PAST)] == [600, 300]
    assert told[70]["epochs"] == [[0, begin, 600], [80, begin + 80 * 600, 300]]


def test_areas_are_those_of_the_kth_dark_store_of_every_platform(
    shown: Boards, views: duckdb.DuckDBPyConnection
) -> None:
    wanted = views.sql("SELECT DISTINCT store_id % 2, city, area FROM stores ORDER BY ALL").fetchall()
    assert [(one["area"], one["city"], one["locality"]) for one in boards.overview(shown)["areas"]] == wanted
    assert len(wanted) == 2


@pytest.mark.parametrize("most_events", [0, 2_000_000], ids=["stock costs too much", "stock is known"])
def test_offers_of_a_product_are_its_prices_in_that_area_as_of_the_tick(
    trading: Path, views: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, most_events: int
) -> None:
    monkeypatch.setattr(board_states, "_MOST_EVENTS", most_events)
    monkeypatch.setattr(board_states, "SAMPLED_PRODUCTS", 10)
    counted = Counter(row["product_id"] for row in on_sale(views, PAST) if row["updated_tick"])
    product, told = counted.most_common(1)[0][0], {}
    for area in (0, 1):
        # Each made anew, as a state that is at hand costs nothing.
        known = board_states.open_boards(trading, log.read(trading))
        told[area] = board_history.prices(known, product, PAST, area=area)["offers"]
        wanted = rows(
            views,
            f"""SELECT platform, {STATE}, s.stock, coalesce((SELECT max_by(fee_paise, tick) FROM raw.fees AS f
                    WHERE f.store_id = l.store_id AND tick <= {PAST}), 0) AS order_fee_paise
                FROM raw.state_at({PAST}) AS s JOIN raw.listings AS l USING (listing_id) JOIN platforms USING (platform_id)
                WHERE product_id = {product} AND store_id % 2 = {area} ORDER BY platform_id""",
        )
        assert told[area] == [row if most_events else row | {"stock": None} for row in wanted]
    assert told[0] != told[1]


def test_activity_counts_the_events_of_the_last_hour_by_cause_the_most_first(
    shown: Boards, views: duckdb.DuckDBPyConnection
) -> None:
    for tick, since in ((PAST, 79), (HEAD, 98), (72, 66)):
        told = board_history.activity(shown, tick)
        causes = views.sql(f"SELECT cause FROM price_history WHERE tick > {since} AND tick <= {tick}").fetchall()
        wanted = Counter(cause for (cause,) in causes)
        assert told["hour_since"] == since
        found = [(row["events"], row["cause"]) for row in told["causes"]]
        assert found == sorted(((count, cause) for cause, count in wanted.items()), key=lambda one: (-one[0], one[1]))
        assert len({count for count, _ in found}) > 1


def test_stock_outs_are_told_of_the_largest_category_first_and_by_product_with_its_platforms(
    shown: Boards, views: duckdb.DuckDBPyConnection
) -> None:
    told, listings = boards.stockouts(shown, PAST), on_sale(views, PAST)
    sizes, cells = (
        Counter(row["category"] for row in listings),
        Counter((row["category"], row["platform"]) for row in listings),
    )
    out = [row for row in listings if not row["stock"]]
    without = Counter((row["category"], row["platform"]) for row in out)
    order = sorted(cells, key=lambda cell: (-sizes[cell[0]], *cell))
    assert [tuple(row.values()) for row in told["cells"]] == [(*cell, cells[cell], without[cell]) for cell in order]
    platforms: dict[int, list[str]] = defaultdict(list)
    for row in out:
        platforms[row["product_id"]].append(row["platform"])
    most = sorted(platforms, key=lambda product: (-len(platforms[product]), product))[:8]
    assert [(row["product_id"], row["listings"], row["platforms"]) for row in told["products"]] == [
        (product, len(platforms[product]), sorted({*platforms[product]})) for product in most
    ]
    assert told["stock_moves"] and len(platforms) > 8 and len({len(platforms[product]) for product in most}) > 1


def test_a_running_discount_is_in_the_bin_from_whose_lower_edge_on_it_is(
    shown: Boards, views: duckdb.DuckDBPyConnection
) -> None:
    deep = [(row["platform"], row["discount_bps"]) for row in on_sale(views, PAST) if row["discount_bps"]]
    wanted = Counter((platform, bps - bps % 500) for platform, bps in deep)
    assert [tuple(row.values()) for row in boards.depths(shown, PAST)["bins"]] == [
        (*key, wanted[key]) for key in sorted(wanted)
    ]
    assert any(bps % 500 == 0 for _, bps in deep)


def test_movers_tell_the_discount_before_and_now(ready_market: Path) -> None:
    told = boards.movers(board_states.open_boards(ready_market, log.read(ready_market)), hours=24)
    with qsim.connect(ready_market) as con:
        was, now = (
            {(row["product_id"], row["platform"]): row for row in on_sale(con, tick)} for tick in (told["since"], 120)
        )
    moves = [*told["rises"], *told["falls"]]
    for row in moves:
        key = row["product_id"], row["platform"]
        assert row["discount_before_bps"] == was[key]["discount_bps"], row
        assert [row[name] for name in ("discount_bps", "surge_bps", "surge_fee_paise")] == [
            now[key][name] for name in ("discount_bps", "surge_bps", "surge_fee_paise")
        ]
    assert any(row["discount_before_bps"] != row["discount_bps"] for row in moves)


def test_a_move_at_all_dark_stores_of_a_platform_is_told_once(trading: Path, views: duckdb.DuckDBPyConnection) -> None:
    told = boards.movers(board_states.open_boards(trading, log.read(trading)), hours=24)
    moves = [*told["rises"], *told["falls"]]
    stores = views.sql("SELECT count(*) // count(DISTINCT platform) FROM stores").fetchall()[0][0]
    assert stores > 1 and {row["stores"] for row in moves} == {stores}
    assert len({(row["product_id"], row["platform"]) for row in moves}) == len(moves) > 4


def test_the_newest_changes_are_those_of_the_history(shown: Boards, views: duckdb.DuckDBPyConnection) -> None:
    found = board_history.ticker(shown, PAST, limit=25)["events"]
    columns = "tick, cause, product_id, platform, price_before, price_after, discount_pct, surge_pct, surge_fee"
    history = Counter(views.sql(f"SELECT {columns} FROM price_history WHERE tick <= {PAST}").fetchall())
    hundredths = ("price_before_paise", "price_after_paise", "discount_bps", "surge_bps", "surge_fee_paise")
    for row in found:
        key = (
            *(row[name] for name in ("tick", "cause", "product_id", "platform")),
            *(Decimal(row[name]) / 100 for name in hundredths),
        )
        assert history[key], row
        assert row["time"] == board_states.stamp(shown, row["tick"])
    assert [row["tick"] for row in found] == sorted((row["tick"] for row in found), reverse=True)


def test_the_categories_that_cheapest_shows_are_those_of_most_products(
    shown: Boards, views: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = Counter(category for (category,) in views.sql("SELECT category FROM products WHERE is_active").fetchall())
    order = sorted(sizes, key=lambda category: (-sizes[category], category))
    monkeypatch.setattr(boards, "_SHELVES", 3)
    told = boards.cheapest(shown, PAST, hours=3)
    assert (told["categories"], told["left_out"]) == (order[:3], len(order) - 3)
    assert sizes[order[0]] > sizes[order[-1]]
    # At 14:10 the last three full hours, and now.
    hour = told["time"] - told["time"] % 3600
    assert [column["time"] for column in told["columns"]] == [hour - 7200, hour - 3600, hour, told["time"]]
    assert [column["tick"] for column in told["columns"]] == [72, 78, 88, PAST]


def test_shares_of_the_cheapest_are_those_of_the_prices_of_each_hour_the_largest_first(
    shown: Boards, views: duckdb.DuckDBPyConnection
) -> None:
    several = 0
    for column in boards.cheapest(shown, PAST, hours=2)["columns"]:
        offers: dict[tuple[str, int, int], list[tuple[int, str]]] = defaultdict(list)
        for row in on_sale(views, column["tick"]):
            if row["stock"]:
                shelf = row["category"], row["product_id"], row["store_id"] % 2
                offers[shelf].append((row["price_paise"], row["platform"]))
        won: dict[str, Counter[str]] = defaultdict(Counter)
        for (category, *_), found in offers.items():
            lowest = [platform for price, platform in found if price == min(found)[0]]
            if len(found) > 1:
                won[category].update({platform: 1 / len(lowest) for platform in lowest})
        for category, parts in won.items():
            cells = [cell for cell in column["cells"] if cell["category"] == category]
            assert {cell["platform"]: cell["share"] for cell in cells} == pytest.approx(
                {platform: part / parts.total() for platform, part in parts.items()}, abs=0.0001
            )
            shares = [cell["share"] for cell in cells]
            assert shares == sorted(shares, reverse=True)
            several += len({*shares}) > 1
    assert several > 3


def test_the_winner_of_an_hour_has_the_largest_share_and_shares_are_means_over_the_hours(shown: Boards) -> None:
    told, columns = markets.told(shown)["cheapest"], boards.cheapest(shown)["columns"]
    lost = 0
    for category in told["winners"]:
        hours = [[cell for cell in column["cells"] if cell["category"] == category] for column in columns]
        for won, cells in zip(told["winners"][category], hours, strict=True):
            share = max((cell["share"] for cell in cells), default=None)
            assert (won and won[1]) == share
            assert won is None or {"platform": won[0], "share": won[1]}.items() <= cells[0].items()
            lost += any(cell["share"] != share for cell in cells)
        with_cells = sum(map(bool, hours))
        for platform, mean in told["shares"][category].items():
            shares = [cell["share"] for cells in hours for cell in cells if cell["platform"] == platform]
            assert mean == pytest.approx(sum(shares) / with_cells, abs=0.0001)
    assert lost > 20


def test_campaigns_run_come_or_are_past_as_the_ticks_say_and_tell_their_lines_and_deepest(
    trading: Path, views: duckdb.DuckDBPyConnection
) -> None:
    columns = "campaign_id, starts_second, duration_seconds, repeat_seconds, ends_second"
    campaigns = views.sql(f"SELECT {columns} FROM raw.campaigns ORDER BY 1").fetchall()
    clocks = simulation.Campaigns(*(np.array(column, np.int64) for column in list(zip(*campaigns, strict=True))[1:]))
    depths = defaultdict(list)
    for number, bps in views.sql("SELECT campaign_id, discount_bps FROM raw.campaign_lines").fetchall():
        depths[number].append(bps)
    known, seen = board_states.open_boards(trading, log.read(trading)), Counter[str]()
    for tick in range(6, 80, 6):
        board_states.moved_on(known, replace(log.read(trading), tick=tick))
        told = {row["campaign_id"]: row for row in board_market.campaigns(known)["campaigns"]}
        seconds = board_states.second_of(known, tick) + np.arange(0, 86_400, 900)
        for (number, *_), runs in zip(campaigns, clocks.running(seconds).T, strict=True):
            status = "running" if runs[0] else "coming" if runs.any() else "past"
            assert (told[number]["status"] if number in told else "past") == status, (tick, number)
            seen[status] += number in told
        order = [("running", "coming", "past").index(row["status"]) for row in told.values()]
        assert order == sorted(order)
        for number, row in told.items():
            assert (row["lines"], row["deepest_bps"]) == (len(depths[number]), max(depths[number], default=None))
    assert min(seen["running"], seen["coming"], seen["past"]) > 3


def test_the_last_stretch_of_a_campaign_is_cut_where_the_campaign_ends() -> None:
    every = {"starts_second": 0, "repeat_seconds": 100, "duration_seconds": 50, "ends_second": 230}
    assert board_market._spans(every, 60, 1000) == [(100, 150), (200, 230)]
    assert board_market._spans(every | {"repeat_seconds": 0, "ends_second": 30}, 0, 1000) == [(0, 30)]
