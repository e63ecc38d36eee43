"""Indices, shares and rates by day, against loops over the ticks and listings of a history written by hand."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from tests.handmade import HEAD, START, Handmade, Row, make, noons, rupees, second, tick_at, time
from tests.indices import DAY, at_noon, by_group, fisher, jevons

SEED = 11


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Handmade:
    return make(tmp_path_factory.mktemp("analytics") / "m", SEED)


@pytest.fixture(scope="module")
def connection(made: Handmade) -> duckdb.DuckDBPyConnection:
    return qsim.connect(made.market)


def day_of(tick: int) -> date:
    """The day in which what a tick brought came: before its time."""
    return (time(tick) - timedelta(seconds=1)).date()


def same(found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> bool:
    """Whether rows are equal in any order, numbers to a billionth."""
    assert len(found) == len(wanted)

    def ordered(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return sorted(rows, key=lambda row: [str(value) for value in row if not isinstance(value, float)])

    for one, other in zip(ordered(found), ordered(wanted), strict=True):
        for value, expected in zip(one, other, strict=True):
            close = isinstance(expected, float) and value is not None and math.isclose(value, expected, rel_tol=1e-9)
            assert close or value == expected, (one, other)
    return True


def test_days_are_those_whose_noon_was_reached() -> None:
    assert len(noons()) == 6 and time(HEAD).date() == date(2026, 3, 16)
    assert {second(tick_at(noon)) % DAY == DAY // 2 for noon in noons()} == {True, False}


def test_daily_prices_are_the_state_at_noon_of_what_is_on_sale(made: Handmade, connection: Any) -> None:
    columns = "day, listing_id, product_id, platform, price, regular_price, discount_pct, stock, in_stock"
    wanted = [
        (day, row["listing_id"], row["product_id"], row["platform"], rupees(states[row["listing_id"]]["price_paise"]),
         rupees(states[row["listing_id"]]["regular_price_paise"]), rupees(states[row["listing_id"]]["discount_bps"]),
         stock[row["listing_id"]], stock[row["listing_id"]] > 0)
        for day, states, stock in at_noon(made) for row in made.active
    ]  # fmt: skip
    assert sorted(connection.sql(f"SELECT {columns} FROM daily_prices").fetchall()) == sorted(wanted)
    assert {row[-1] for row in wanted} == {True, False} and len(made.active) < len(made.listings)


def test_price_index_is_of_prices_last_in_stock_and_of_sales_against_a_base(made: Handmade, connection: Any) -> None:
    sold: dict[date, dict[int, tuple[float, float]]] = defaultdict(dict)
    for row in made.rows["orders"]:
        spent, units = sold[day_of(row["tick"])].get(row["listing_id"], (0, 0))
        if row["units"]:
            now = spent + row["units"] * row["price_paise"], units + row["units"]
            sold[day_of(row["tick"])][row["listing_id"]] = now
    days = [noon.date() for noon in noons()]
    of_sales = {
        (day, group): level
        for group, listings in by_group(made).items()
        for day, level in zip(days, fisher(sold, days, {row["listing_id"] for row in listings}), strict=True)
    }
    wanted = [(day, *group, n, level, of_sales[day, group]) for (day, group), (n, level) in jevons(made).items()]
    found = connection.sql("SELECT day, platform, category, listings, jevons, fisher FROM price_index").fetchall()
    assert same(found, wanted)
    assert len({round(row[4]) for row in wanted}) > 5 and len({round(row[5]) for row in wanted}) > 5


def test_a_day_without_sales_keeps_the_fisher_of_the_day_before_and_is_100_before_the_first_sale(
    made: Handmade,
) -> None:
    days = [noon.date() for noon in noons()]
    with qsim.connect(made.market) as connection:
        connection.execute("CREATE TABLE sales AS FROM raw.daily_orders")
        connection.execute("DELETE FROM sales WHERE day = $1 OR day = $2", [days[0], days[3]])
        connection.execute("CREATE OR REPLACE VIEW raw.daily_orders AS FROM sales")
        rows = connection.sql("SELECT day, listing_id, revenue_paise, units FROM sales WHERE units > 0").fetchall()
        index = "SELECT fisher FROM price_index WHERE (platform, category) = ('all', 'all') ORDER BY day"
        found = [level for (level,) in connection.sql(index).fetchall()]
    sold = {day: {at: (spent, units) for one, at, spent, units in rows if one == day} for day, *_ in rows}
    assert found == pytest.approx(fisher(sold, days, {at for _, at, _, _ in rows}), rel=1e-9)
    assert found[:2] == [100, 100] and found[3] == found[2] != found[4]


def test_fisher_is_null_where_nothing_was_sold_in_the_four_weeks_that_it_compares_with(made: Handmade) -> None:
    with qsim.connect(made.market) as connection:
        connection.execute("CREATE TABLE sales AS FROM raw.daily_orders WHERE platform <> 'zepto'")
        connection.execute("CREATE OR REPLACE VIEW raw.daily_orders AS FROM sales")
        levels = connection.sql(
            "SELECT platform = 'zepto' AS none, fisher IS NULL FROM price_index GROUP BY ALL"
        ).fetchall()
    assert sorted(levels) == [(False, False), (True, True)]


def changes(made: Handmade) -> dict[int, dict[date, float]]:
    found: dict[int, dict[date, float]] = defaultdict(dict)
    days = list(at_noon(made))
    for (_, before, _), (day, after, _) in itertools.pairwise(days):
        for row in made.active:
            at = row["listing_id"]
            found[at][day] = math.log(after[at]["price_paise"] / before[at]["price_paise"])
    return found


def test_volatility_is_the_standard_deviation_of_daily_log_changes(made: Handmade, connection: Any) -> None:
    of = changes(made)
    wanted = []
    for group, listings in by_group(made).items():
        values = [change for row in listings for change in of[row["listing_id"]].values()]
        wanted.append((*group, len(listings), len(values), statistics.stdev(values)))
    assert same(
        connection.sql("SELECT platform, category, listings, days, volatility FROM volatility").fetchall(), wanted
    )


def test_volatility_of_each_listing_between_two_days(made: Handmade, connection: Any) -> None:
    since, until = START.date() + timedelta(days=1), START.date() + timedelta(days=4)
    wanted = []
    for at, of_days in changes(made).items():
        values = [change for day, change in of_days.items() if since < day <= until]
        wanted.append((at, 3, statistics.stdev(values)))
    query = f"SELECT listing_id, days, volatility FROM listing_volatility(DATE '{since}', DATE '{until}')"
    assert same(connection.sql(query).fetchall(), wanted)


def test_lowest_price_share_splits_ties_and_compares_what_two_apps_of_an_area_have_in_stock(
    made: Handmade, connection: Any
) -> None:
    wanted: dict[tuple[date, str, str], float] = defaultdict(float)
    compared: dict[tuple[date, str], int] = defaultdict(int)
    ties = 0
    for day, states, stock in at_noon(made):
        shelves: dict[tuple[int, int], list[Row]] = defaultdict(list)
        for row in made.active:
            for category in (row["category"], "all"):
                wanted[day, row["platform"], category] += 0
            if stock[row["listing_id"]]:
                shelves[row["product_id"], row["store_id"] % 2].append(row)
        for offers in shelves.values():
            if len(offers) < 2:
                continue
            price = {row["platform"]: states[row["listing_id"]]["price_paise"] for row in offers}
            lowest = [platform for platform in price if price[platform] == min(price.values())]
            ties += len(lowest) > 1
            for category in (offers[0]["category"], "all"):
                compared[day, category] += 1
                for platform in lowest:
                    wanted[day, platform, category] += 1 / len(lowest)
    found = connection.sql("SELECT day, platform, category, products, share FROM lowest_price_share").fetchall()
    expected = [(day, platform, category, float(compared[day, category]), wins / compared[day, category] if wins else 0.0)
                for (day, platform, category), wins in wanted.items()]  # fmt: skip
    assert same(found, expected)
    assert ties > 10


def test_out_of_stock_rate_is_the_share_of_listing_time_without_stock(made: Handmade, connection: Any) -> None:
    empty: dict[tuple[int, int], int] = defaultdict(int)
    for tick in range(HEAD):
        for row in made.active:
            if made.stock[tick][row["listing_id"]] == 0:
                first, last = second(tick), second(tick + 1)
                for day in range(first // DAY, (last - 1) // DAY + 1):
                    empty[row["listing_id"], day] += min(last, (day + 1) * DAY) - max(first, day * DAY)
    wanted = []
    for day in range(second(HEAD) // DAY + 1):
        length = min(second(HEAD), (day + 1) * DAY) - day * DAY
        for group, listings in by_group(made).items():
            without = sum(empty[row["listing_id"], day] for row in listings)
            wanted.append(
                ((START + timedelta(days=day)).date(), *group, len(listings), without / length / len(listings))
            )
    found = connection.sql(
        "SELECT day, platform, category, listings, out_of_stock_rate FROM out_of_stock_rate"
    ).fetchall()
    assert same(found, wanted)
    assert max(row[-1] for row in wanted) > 0.3 and min(row[-1] for row in wanted if row[1:3] == ("all", "all")) > 0


def campaign_starts(made: Handmade) -> Iterator[tuple[int, date]]:
    lines = defaultdict(list)
    for line in made.catalog("campaign_lines"):
        lines[line["campaign_id"]].append(line["listing_id"])
    for one in made.catalog("campaigns"):
        starts = one["starts_second"]
        while starts < one["ends_second"] and starts <= second(HEAD):
            if starts > 0:
                yield from ((at, (START + timedelta(seconds=starts)).date()) for at in lines[one["campaign_id"]])
            if not one["repeat_seconds"]:
                break
            starts += one["repeat_seconds"]


def test_discount_calendar_tells_who_is_on_discount_how_deep_and_how_many_start(
    made: Handmade, connection: Any
) -> None:
    starts = [(row["listing_id"], day_of(row["tick"])) for row in made.rows["discounts"] if row["discount_bps"]]
    starts += campaign_starts(made)
    wanted = []
    for group, listings in by_group(made).items():
        ids = {row["listing_id"] for row in listings}
        for day, states, _ in at_noon(made):
            depths = [states[at]["discount_bps"] / 100 for at in ids if states[at]["discount_bps"]]
            mean = statistics.fmean(depths) if depths else None
            started = sum(at in ids and when == day for at, when in starts)
            wanted.append((day, *group, len(ids), len(depths) / len(ids), mean, started))
    columns = "day, platform, category, listings, discounted_share, mean_discount_pct, started"
    assert same(connection.sql(f"SELECT {columns} FROM discount_calendar").fetchall(), wanted)


def test_campaign_lines_that_a_market_opens_with_do_not_count_as_started(tmp_path: Path) -> None:
    # On this Tuesday a platform's Tuesday Saver runs from the opening on, and begins again a week later.
    qsim.generate(tmp_path / "m", products=60, seed=3, start="2026-01-06")
    qsim.run(tmp_path / "m", ticks=192, update_interval_seconds=3600, discount_probability=0)
    connection = qsim.connect(tmp_path / "m")
    lines = "FROM discounts JOIN campaigns USING (campaign_id) WHERE discounts.starts_at = (SELECT min(starts_at) FROM epochs)"
    assert connection.sql(f"SELECT campaign {lines}").fetchall() == [("Tuesday Saver",)]
    query = (
        "SELECT started FROM discount_calendar WHERE platform = 'instamart' AND category = 'all' AND dayofweek(day) = 2"
    )
    assert connection.sql(f"{query} ORDER BY day").fetchall() == [(1,), (2,)]


def test_market_share_splits_units_revenue_and_margin_of_a_day_by_platform(made: Handmade, connection: Any) -> None:
    listing = {row["listing_id"]: row for row in made.listings}
    sums: dict[tuple[date, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    assert any(day_of(row["tick"]) < time(row["tick"]).date() for row in made.rows["orders"] if row["units"])
    for row in made.rows["orders"]:
        of, margin = listing[row["listing_id"]], row["price_paise"] - row["cost_paise"]
        for category in (of["category"], "all"):
            total = sums[day_of(row["tick"]), of["platform"], category]
            for place, value in enumerate((1, row["price_paise"], margin)):
                total[place] += row["units"] * value
    wanted = []
    for (day, platform, category), (units, revenue, margin) in sums.items():
        every = [total for (d, _, c), total in sums.items() if (d, c) == (day, category)]
        shares = [
            value / sum(column) if sum(column) else None
            for value, column in zip((units, revenue), zip(*every, strict=True), strict=False)
        ]
        wanted.append((day, platform, category, units, rupees(revenue), rupees(margin), *shares))
    columns = "day, platform, category, units, revenue, margin, unit_share, revenue_share"
    assert same(connection.sql(f"SELECT {columns} FROM market_share").fetchall(), wanted)


def test_demand_truth_balances_wanted_lost_gained_and_sold_units(made: Handmade, connection: Any) -> None:
    sums: dict[tuple[date, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in made.rows["orders"]:
        wanted, sold = row["wanted_units"], row["units"]
        total = sums[day_of(row["tick"]), row["listing_id"]]
        for place, value in enumerate((wanted, sold, max(0, wanted - sold), max(0, sold - wanted))):
            total[place] += value
    columns = "day, listing_id, wanted_units, units, lost_units, gained_units"
    found = connection.sql(f"SELECT {columns} FROM demand_truth").fetchall()
    assert sorted(found) == sorted((day, at, *total) for (day, at), total in sums.items())
    assert all(wanted - lost + gained == sold for _, _, wanted, sold, lost, gained in found)


def test_a_market_that_never_ran_has_every_view_with_the_same_types(tmp_path: Path, connection: Any) -> None:
    qsim.generate(tmp_path / "m", products=10)
    unrun = qsim.connect(tmp_path / "m")
    for view in ("daily_prices", "price_index", "volatility", "lowest_price_share", "out_of_stock_rate", "discount_calendar",
                 "market_share", "demand_truth", "truth", "orders", "deliveries", "fees", "inventory", "prices"):  # fmt: skip
        empty, full = (one.sql(f"SELECT * FROM {view}") for one in (unrun, connection))
        assert (empty.columns, list(map(str, empty.types))) == (full.columns, list(map(str, full.types))), view
        assert bool(empty.fetchall()) == (view in ("inventory", "prices")), view
