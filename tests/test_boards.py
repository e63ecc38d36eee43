"""The boards' figures against the views that every connection has."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from qsim.errors import CorruptError, UsageError
from qsim.queries import board_history, board_states, boards
from qsim.queries.board_states import Boards
from qsim.server.desk import Desk
from qsim.storage import integrity
from tests.servers import serving

TICKS = 200
PAST = (0, 77, 130, TICKS)


@pytest.fixture(scope="module")
def board_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market with stock that moves, two areas, two epochs and snapshots on the way; to be read, never written."""
    market = tmp_path_factory.mktemp("boards") / "market"
    qsim.generate(market, products=40, stores=2, seed=3, preset="realistic")
    qsim.run(market, until=130, update_interval_seconds=600)
    qsim.run(market, until=TICKS, update_interval_seconds=300)
    return market


@pytest.fixture(scope="module")
def views(board_market: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with qsim.connect(board_market) as connection:
        yield connection


def opened(market: Path) -> Boards:
    return board_states.open_boards(market, integrity.read_log(market))


@pytest.fixture(scope="module")
def shown(board_market: Path) -> Boards:
    return opened(board_market)


def column(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    return con.execute(query).fetchall()


@pytest.mark.parametrize("tick", PAST)
def test_the_overview_counts_what_the_prices_of_its_tick_hold(
    shown: Boards, views: duckdb.DuckDBPyConnection, tick: int
) -> None:
    told = boards.overview(shown, tick)
    wanted = column(
        views,
        f"""SELECT platform, count(*), count(*) FILTER (discount_pct > 0), count(*) FILTER (discount_pct >= 30),
            count(*) FILTER (stock = 0), count(*) FILTER (updated_at = tick_time({tick}) AND {tick} > 0)
            FROM prices_at(tick_time({tick})) WHERE is_active GROUP BY platform ORDER BY platform""",
    )
    names = ("platform", "listings", "discounted", "deep", "out", "changed")
    rows = sorted(tuple(row[name] for name in names) for row in told["platforms"])
    assert rows == wanted
    assert told["head"] == TICKS


@pytest.mark.parametrize("order", [PAST, PAST[::-1]], ids=["forth", "back"])
def test_a_state_built_on_another_is_the_one_built_on_a_snapshot(
    board_market: Path, views: duckdb.DuckDBPyConnection, order: tuple[int, ...]
) -> None:
    built = opened(board_market)
    for tick in order:
        name = board_states.state(built, tick)
        rows = column(built.connection, f"SELECT * FROM {name} ORDER BY listing_id")
        columns = "listing_id, price_paise, regular_price_paise, discount_bps, surge_bps, surge_fee_paise, updated_tick, stock"
        assert rows == column(views, f"SELECT {columns} FROM raw.state_at({tick}) ORDER BY listing_id")


def test_a_state_of_all_products_is_not_built_on_one_of_a_sample(
    board_market: Path, views: duckdb.DuckDBPyConnection
) -> None:
    built = opened(board_market)
    board_states.state(built, 77, 4)
    name = board_states.state(built, 78)
    rows = column(built.connection, f"SELECT listing_id, price_paise FROM {name} ORDER BY listing_id")
    assert rows == column(views, "SELECT listing_id, price_paise FROM raw.state_at(78) ORDER BY listing_id")


def test_a_products_lines_tell_its_price_at_every_tick(shown: Boards, views: duckdb.DuckDBPyConnection) -> None:
    told = board_history.prices(shown, 5, hours=24 * 92, area=1)
    assert told["every"] == 1
    for tick in range(0, TICKS, 23):
        wanted = column(
            views,
            f"""SELECT platform, (price * 100)::INTEGER, (discount_pct * 100)::INTEGER FROM prices_at(tick_time({tick}))
                WHERE product_id = 5 AND store_id % 2 = 1 ORDER BY platform""",
        )
        found = {name: [point for point in points if point[0] <= tick][-1] for name, points in told["lines"].items()}
        assert sorted((name, point[2], point[3]) for name, point in found.items()) == wanted


def test_a_window_of_hours_begins_with_the_price_that_held_then(shown: Boards) -> None:
    whole, last = (board_history.prices(shown, 5, hours=hours) for hours in (24 * 92, 3))
    assert last["from"] == TICKS - 36
    for name, points in last["lines"].items():
        held = [point for point in whole["lines"][name] if point[0] <= last["from"]][-1]
        assert points[0][0] == last["from"]
        assert points[0][2:] == held[2:]


def test_movers_are_those_whose_price_changed_most(shown: Boards, views: duckdb.DuckDBPyConnection) -> None:
    told = boards.movers(shown, TICKS, hours=6)
    changes = column(
        views,
        f"""SELECT (10000.0 * (n.price - b.price) / b.price)::INTEGER AS bps, n.regular_price <> b.regular_price,
                count(*) AS stores
            FROM prices_at(tick_time({TICKS})) AS n
            JOIN prices_at(tick_time({told["since"]})) AS b USING (listing_id) WHERE n.price <> b.price
            GROUP BY n.product_id, n.platform, n.price, b.price, n.regular_price <> b.regular_price ORDER BY bps""",
    )
    wanted = [bps for bps, *_ in changes]
    risen, fallen = (sum(stores for bps, _, stores in changes if sign * bps > 0) for sign in (1, -1))
    assert (told["risen"], told["fallen"]) == (risen, fallen)
    falls = [bps for bps in wanted if bps < 0]
    assert [row["change_bps"] for row in told["falls"]] == falls[:8]
    assert [row["change_bps"] for row in told["rises"]] == [bps for bps in wanted[::-1] if bps > 0][:8]
    moves = told["falls"] + told["rises"]
    assert {(row["change_bps"], row["repriced"], row["stores"]) for row in moves} <= set(changes)
    causes = column(
        views,
        f"""SELECT product_id, platform, max_by(cause, tick) FROM price_history
            WHERE price_after <> price_before AND tick > {told["since"]} GROUP BY listing_id, product_id, platform""",
    )
    assert {(row["product_id"], row["platform"], row["cause"]) for row in moves} <= set(causes)


def test_cheapest_shares_are_parts_of_the_products_compared(shown: Boards, views: duckdb.DuckDBPyConnection) -> None:
    told = boards.cheapest(shown, TICKS)
    cells = told["columns"][-1]["cells"]
    best: dict[str, float] = {}
    offers = column(
        views,
        """SELECT list({'platform': platform, 'price': price}) FROM prices WHERE in_stock AND is_active
            GROUP BY product_id, store_id % 2 HAVING count(*) > 1""",
    )
    for (one,) in offers:
        low = min(offer["price"] for offer in one)
        winners = [offer["platform"] for offer in one if offer["price"] == low]
        for name in winners:
            best[name] = best.get(name, 0) + 1 / len(winners)
    for name, wanted in best.items():
        assert sum(cell["share"] * cell["products"] for cell in cells if cell["platform"] == name) == pytest.approx(
            wanted, abs=0.01
        )


def test_hours_of_the_last_day_are_columns(shown: Boards) -> None:
    told = boards.cheapest(shown, 77)
    seconds = [column["time"] - told["time"] for column in told["columns"]]
    assert seconds[-1] == 0
    assert len(told["columns"]) == 77 // 6 + 2


def test_depths_and_stock_outs_add_up_to_the_overview(shown: Boards) -> None:
    platforms = boards.overview(shown, 130)["platforms"]
    bins, cells = boards.depths(shown, 130)["bins"], boards.stockouts(shown, 130)["cells"]
    for row in platforms:
        assert sum(one["listings"] for one in bins if one["platform"] == row["platform"]) == row["discounted"]
        assert sum(one["out"] for one in cells if one["platform"] == row["platform"]) == row["out"]


def test_the_newest_changes_come_first_and_none_is_later(shown: Boards, views: duckdb.DuckDBPyConnection) -> None:
    ticks = [row["tick"] for row in board_history.ticker(shown, 130, limit=40)["events"]]
    wanted = column(
        views,
        """SELECT tick FROM price_history JOIN products USING (product_id) WHERE tick <= 130 AND is_active
            ORDER BY tick DESC LIMIT 40""",
    )
    assert ticks == [at for (at,) in wanted]


def test_activity_counts_what_ticks_took_up(shown: Boards, views: duckdb.DuckDBPyConnection) -> None:
    bars = board_history.activity(shown, TICKS)["bars"]
    first = board_history.activity(shown, TICKS)["since"]
    wanted = column(views, f"SELECT sum(attempted), sum(changed) FROM metrics WHERE tick > {first}")[0]
    assert (sum(bar["attempted"] for bar in bars), sum(bar["changed"] for bar in bars)) == wanted


def test_stretches_in_which_nothing_happened_are_bars_of_nothing(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=2, update_interval_seconds=60)
    qsim.run(tmp_path / "m", ticks=100)
    bars = board_history.activity(opened(tmp_path / "m"), 100)["bars"]
    assert [bar["tick"] for bar in bars] == list(range(1, 101)) and {bar["ticks"] for bar in bars} == {1}
    assert sum(bar["changed"] == 0 for bar in bars) > 50 < sum(bar["attempted"] == 0 for bar in bars)


def test_activity_tells_when_the_ticks_of_its_first_bar_began(shown: Boards) -> None:
    told = board_history.activity(shown, 1)
    assert [bar["ticks"] for bar in told["bars"]] == [1]
    assert told["since_time"] == board_states.stamp(shown, 0) < told["bars"][0]["time"] == told["time"]


def test_what_would_cost_too_much_is_counted_on_every_nth_product_and_told(
    board_market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_states, "_MOST_EVENTS", 10)
    monkeypatch.setattr(board_states, "SAMPLED_PRODUCTS", 10)
    sampled = opened(board_market)
    told = boards.overview(sampled, 77)
    assert (told["sample"], told["of_products"]) == (10, 40)
    on_sale = column(sampled.connection, "SELECT count(*) FROM listings WHERE product_id % 4 = 0")[0][0]
    assert sum(row["listings"] for row in told["platforms"]) == on_sale
    # Beside a snapshot little has to be read, however much was written before it.
    assert [boards.overview(opened(board_market), tick)["sample"] for tick in (0, 130, TICKS)] == [None, None, None]


def test_an_area_that_is_not_there_is_refused(shown: Boards) -> None:
    with pytest.raises(UsageError, match="area: found 2; allowed are 0 to 1"):
        board_history.prices(shown, 5, area=2)


def test_a_search_needs_all_words_and_puts_the_plain_name_first(shown: Boards) -> None:
    name = boards.search(shown, "")["products"]
    assert name == []
    first = column(shown.connection, "SELECT product FROM products WHERE is_active ORDER BY product_id LIMIT 1")[0][0]
    assert boards.search(shown, first.upper())["products"][0]["product"] == first
    assert boards.search(shown, f"{first} nosuchword")["products"] == []


def test_a_tick_that_was_not_reached_is_refused(shown: Boards) -> None:
    with pytest.raises(UsageError, match=f"as_of: found {TICKS + 1}; this market has the ticks 0 to {TICKS}"):
        boards.depths(shown, TICKS + 1)


def test_a_catalog_that_is_gone_when_boards_are_opened_is_told_in_one_line(board_market: Path, tmp_path: Path) -> None:
    market = tmp_path / "market"
    shutil.copytree(board_market, market)
    history = integrity.read_log(market)
    (market / history.of_table("listings")[0].path).unlink()
    with pytest.raises(CorruptError, match=r"a file of the market cannot be read: .*; restore it from a copy"):
        board_states.open_boards(market, history)


@pytest.mark.nightly
def test_a_past_tick_is_told_the_same_while_the_market_grows(tmp_path: Path) -> None:
    market = tmp_path / "market"
    qsim.generate(market, products=20)
    qsim.run(market, ticks=30)
    with serving(market) as served:
        past = served.get("/api/boards/movers?as_of=20")
        same = served.get("/api/boards/movers?as_of=20", headers={"If-None-Match": past.headers["ETag"]})
        assert same.status_code == 304
        qsim.run(market, ticks=30)
        until = time.monotonic() + 20
        while served.json("/api/boards/overview")["tick"] != 60:
            assert time.monotonic() < until, "the server did not follow"
        assert served.json("/api/boards/movers?as_of=20") == past.json()
        assert served.get("/api/boards/overview?as_of=61").status_code == 404


def test_a_stop_ends_the_board_that_is_made_and_sends_away_who_waits_for_others(board_market: Path) -> None:
    history, begun = integrity.read_log(board_market), threading.Event()

    def endless(boards: Boards, as_of: int) -> None:
        begun.set()
        boards.connection.execute(
            "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 3"
        )

    async def stopped() -> list[Any]:
        desk = Desk(board_market)
        waiting = [asyncio.create_task(desk.answer(history, endless, tick, {})) for tick in range(3)]
        await asyncio.to_thread(begun.wait)
        await desk.close()
        return await asyncio.gather(*waiting, desk.answer(history, endless, 3, {}), return_exceptions=True)

    told = asyncio.run(asyncio.wait_for(stopped(), 15))
    assert [(fault.status, "stops" in fault.line) for fault in told] == 4 * [(503, True)]
