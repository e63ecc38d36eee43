"""A platform that takes no orders is told as closed and recommended by no question, as of the ticks in which it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import qsim
from qsim.errors import UsageError
from qsim.queries import board_history, board_states, boards, questions, ranked, served
from qsim.queries.basket import basket
from qsim.queries.examples import EXAMPLES
from qsim.storage import log


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("closed") / "m"
    qsim.generate(place, preset="realistic", products=40, update_interval_seconds=10_800)
    qsim.run(place, ticks=8)
    qsim.run(place, ticks=8, scenario="outage")
    return place


@pytest.fixture(scope="module")
def connection(market: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with qsim.connect(market) as opened:
        yield opened


@pytest.fixture(scope="module")
def now(market: Path) -> served.Now:
    return served.opened(market).now


def test_platforms_tell_who_is_closed(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql("SELECT platform FROM platforms WHERE NOT is_open").fetchall() == [("zepto",)]


def test_no_question_recommends_a_closed_platform(connection: duckdb.DuckDBPyConnection, now: served.Now) -> None:
    ((name, in_stock),) = connection.sql(
        "SELECT any_value(product), count(*) FROM prices WHERE platform = 'zepto' AND in_stock AND is_active"
    ).fetchall()
    rows, offers = questions.cheapest(connection, name), questions.deals(connection, min_discount=0, limit=1000)
    assert in_stock and rows and offers and "zepto" not in {row["platform"] for row in [*rows, *offers]}
    found = ranked.cheapest(now, name, None, None)
    assert found.rows(slice(0, found.count)) == rows
    assert ranked.deals(now, None, 0, None, 1000).rows(slice(0, 1000)) == offers


@pytest.mark.parametrize("name", ["cheapest", "basket"])
def test_no_documented_query_recommends_a_closed_platform(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    found = connection.sql(f"SELECT DISTINCT platform FROM ({EXAMPLES[name][1]})").fetchall()
    assert found and ("zepto",) not in found


def test_documented_queries_that_name_a_closed_platform_are_empty(connection: duckdb.DuckDBPyConnection) -> None:
    of_zepto = EXAMPLES["deals"][1].replace("'blinkit'", "'zepto'").replace(">= 30", "> 0")
    assert connection.sql(EXAMPLES["compare"][1]).fetchall() == connection.sql(of_zepto).fetchall() == []


def test_customers_do_not_choose_among_closed_platforms(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.sql(
        f"SELECT tick > 8, platform = 'zepto' FROM ({EXAMPLES['choices'][1]}) GROUP BY ALL ORDER BY ALL"
    )
    assert found.fetchall() == [(False, False), (False, True), (True, False)]


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_basket_leaves_a_closed_platform_out_and_says_so(
    in_memory: bool, connection: duckdb.DuckDBPyConnection, now: served.Now
) -> None:
    found = basket(connection, now=now if in_memory else None)
    assert found["closed"] == ["zepto"] and "zepto" not in found["platforms"]
    assert found["lines"] and all("zepto" not in line["offers"] for line in found["lines"])


def test_a_closed_platform_that_is_named_is_refused(connection: duckdb.DuckDBPyConnection, now: served.Now) -> None:
    said = "^platform 'zepto': closed now, it takes no orders; allowed is one that is open; name another$"
    for asked in (
        lambda: questions.deals(connection, platform="Zepto"),
        lambda: ranked.deals(now, "zepto", 0, None, 9),
        lambda: questions.compare(connection, "fruits", "zepto", "blinkit"),
        lambda: ranked.compare(now, "fruits", "blinkit", "zepto"),
        lambda: basket(connection, platforms=["zepto"]),
    ):
        with pytest.raises(UsageError, match=said):
            asked()


def test_a_closed_platform_is_lowest_nowhere_while_it_is_closed(
    market: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    query = (
        "SELECT products_lowest > 0 FROM lowest_price_share WHERE platform = 'zepto' AND category = 'all' ORDER BY day"
    )
    assert connection.sql(query).fetchall() == [(True,), (False,)]
    page = board_states.open_boards(market, log.read(market))
    cells = {tick: boards.cheapest(page, tick)["columns"][-1]["cells"] for tick in (8, 9)}
    assert [any(cell["platform"] == "zepto" for cell in cells[tick]) for tick in (8, 9)] == [True, False]


def test_a_platform_is_open_again_after_the_outage(market: Path) -> None:
    at = served.opened(market)
    assert at.now.moment.closed == {"zepto"}
    qsim.run(market, ticks=1, scenario="none")
    assert served.follow(at) and not at.now.moment.closed and at.now.is_open.all()
    with qsim.connect(market) as connection:
        assert connection.sql("SELECT count(*) FROM platforms WHERE NOT is_open").fetchall() == [(0,)]


def test_a_products_prices_tell_who_is_closed_as_of_their_tick(market: Path) -> None:
    shown = board_states.open_boards(market, log.read(market))
    assert [board_history.prices(shown, 0, tick)["closed"] for tick in (8, 9, 16)] == [[], ["zepto"], ["zepto"]]
