"""Stock, fees, orders and truth in the views, against a history written by hand and replayed tick by tick."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from qsim.queries.examples import EXAMPLES
from tests.handmade import HEAD, MIDDLE, PARTS, Handmade, make, rupees, tick_at, time
from tests.view_rows import rows

SEED = 5
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Handmade:
    return make(tmp_path_factory.mktemp("trade") / "m", SEED)


@pytest.fixture(scope="module")
def connection(made: Handmade) -> duckdb.DuckDBPyConnection:
    return qsim.connect(made.market)


def moments() -> list[Any]:
    at_ticks = [time(tick) for tick in (0, 1, 13, 59, 60, 61, MIDDLE - 1, MIDDLE, MIDDLE + 1, HEAD)]
    return [*at_ticks, time(0) - timedelta(days=1), time(MIDDLE) - timedelta(seconds=1), time(HEAD) + timedelta(days=9)]


def status(stock: int, reorder_level: int) -> str:
    return "out_of_stock" if stock == 0 else "low_stock" if stock <= reorder_level else "in_stock"


def test_stock_of_prices_is_that_of_every_sale_and_delivery_up_to_any_moment(made: Handmade, connection: Any) -> None:
    for moment in moments():
        found = rows(connection, f"SELECT listing_id, stock, in_stock, price FROM prices_at(TIMESTAMP '{moment}')")
        tick = tick_at(moment)
        wanted = {
            at: (stock, stock > 0, rupees(made.states[tick][at]["price_paise"]))
            for at, stock in made.stock[tick].items()
        }
        assert {row["listing_id"]: (row["stock"], row["in_stock"], row["price"]) for row in found} == wanted, moment


def test_inventory_at_any_moment_has_the_stock_status_and_no_more_reserved_than_there_is(
    made: Handmade, connection: Any
) -> None:
    for moment in moments():
        found = rows(connection, f"SELECT listing_id, stock, reserved, status FROM inventory_at(TIMESTAMP '{moment}')")
        stock = made.stock[tick_at(moment)]
        wanted = {
            (row["listing_id"], stock[row["listing_id"]], min(row["reserved"], stock[row["listing_id"]]),
             status(stock[row["listing_id"]], row["reorder_level"]))
            for row in made.listings
        }  # fmt: skip
        assert {tuple(row.values()) for row in found} == wanted, moment
    assert any(row["reserved"] > made.stock[HEAD][row["listing_id"]] for row in made.listings)


@pytest.mark.parametrize("view", ["prices", "inventory"])
def test_what_holds_now_is_what_holds_at_the_head(connection: Any, view: str) -> None:
    now, then = (
        connection.sql(f"SELECT * FROM {source} ORDER BY listing_id")
        for source in (view, f"{view}_at(tick_time({HEAD}))")
    )
    assert (now.columns, now.types, now.fetchall()) == (then.columns, then.types, then.fetchall())


def test_surge_fee_is_the_items_and_the_last_one_of_its_dark_store_at_any_moment(
    made: Handmade, connection: Any
) -> None:
    store = {row["listing_id"]: row["store_id"] for row in made.listings}
    for moment in moments():
        tick = tick_at(moment)
        for row in rows(connection, f"SELECT listing_id, surge_fee, order_fee FROM prices_at(TIMESTAMP '{moment}')"):
            of_order = made.fees[tick][store[row["listing_id"]]]
            of_item = made.states[tick][row["listing_id"]]["surge_fee_paise"]
            assert (row["surge_fee"], row["order_fee"]) == (rupees(of_item + of_order), rupees(of_order)), (moment, row)


def test_orders_tell_revenue_margin_and_what_was_lost(made: Handmade, connection: Any) -> None:
    columns = "tick, ts, listing_id, platform, units, wanted_units, lost_units, price, cost, revenue, margin"
    listing = {row["listing_id"]: row for row in made.listings}
    wanted = [
        (row["tick"], time(row["tick"]), row["listing_id"], listing[row["listing_id"]]["platform"], row["units"],
         row["wanted_units"], max(0, row["wanted_units"] - row["units"]), rupees(row["price_paise"]),
         rupees(row["cost_paise"]), rupees(row["units"] * row["price_paise"]),
         rupees(row["units"] * (row["price_paise"] - row["cost_paise"])))
        for row in made.rows["orders"]
    ]  # fmt: skip
    assert sorted(connection.sql(f"SELECT {columns} FROM orders").fetchall()) == sorted(wanted)
    assert min(row[-1] for row in wanted) < 0 < max(row[6] for row in wanted)


def test_deliveries_and_fees_are_the_rows_of_their_tables(made: Handmade, connection: Any) -> None:
    found = connection.sql("SELECT tick, ts, listing_id, units, stock FROM deliveries").fetchall()
    assert sorted(found) == sorted(
        (row["tick"], time(row["tick"]), row["listing_id"], row["units"], row["stock"])
        for row in made.rows["deliveries"]
    )
    found = connection.sql("SELECT tick, ts, store_id, fee, load, is_raining FROM fees").fetchall()
    assert sorted(found) == sorted(
        (row["tick"], time(row["tick"]), row["store_id"], rupees(row["fee_paise"]), Decimal(row["load_bps"]) / 10_000,
         row["is_raining"])
        for row in made.rows["fees"]
    )  # fmt: skip


def test_truth_has_a_row_for_each_event_and_its_parts_add_up_to_the_price(made: Handmade, connection: Any) -> None:
    total = " + ".join(f"{name}_part" for name in PARTS)
    found = connection.sql(f"SELECT tick, listing_id, price, anchor_price + {total} FROM truth").fetchall()
    assert sorted((tick, at, price) for tick, at, price, _ in found) == sorted(
        (row["tick"], row["listing_id"], rupees(row["price_after_paise"])) for row in made.rows["events"]
    )
    assert [row for row in found if row[2] != row[3]] == []


def test_truth_is_that_of_its_files(made: Handmade, connection: Any) -> None:
    columns = ", ".join(f"{name}_part" for name in PARTS)
    query = f"SELECT tick, listing_id, shock_id, hazard_a_day, source_listing_id, {columns} FROM truth"
    found = connection.sql(f"{query} WHERE tick >= {MIDDLE}").fetchall()
    wanted = [
        (row["tick"], row["listing_id"], row["shock_id"], row["hazard_a_day"], row["source_listing_id"],
         *(rupees(row[f"{name}_paise"]) for name in PARTS))
        for row in made.rows["truth"]
    ]  # fmt: skip
    assert sorted(found) == sorted(wanted) != []


def test_truth_without_a_row_in_its_files_is_worked_out_from_the_event(made: Handmade, connection: Any) -> None:
    anchor = {row["listing_id"]: row["anchor_price_paise"] for row in made.listings}
    columns = ", ".join(f"{name}_part" for name in PARTS)
    query = f"SELECT tick, listing_id, shock_id, hazard_a_day, source_listing_id, {columns} FROM truth WHERE tick < {MIDDLE}"
    wanted = []
    for row in (row for row in made.rows["events"] if row["tick"] < MIDDLE):
        regular, taken = row["regular_price_paise"], 0 if row["surge_fee_paise"] else row["discount_bps"]
        off = -((regular * taken + 5000) // 10_000)
        surge = ((regular + off) * row["surge_bps"] + 5000) // 10_000
        rest = row["price_after_paise"] - regular - off - surge
        parts = [0, regular - anchor[row["listing_id"]], off, 0, surge, rest, 0, 0, 0]
        wanted.append((row["tick"], row["listing_id"], 0, 0.0, row["listing_id"], *map(rupees, parts)))
    assert sorted(connection.sql(query).fetchall()) == sorted(wanted)


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {"cheapest", "deals", "compare", "basket"}))
def test_documented_query_on_sales_has_an_answer(connection: Any, name: str) -> None:
    assert connection.sql(EXAMPLES[name][1]).fetchall()


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A connection to three days of a realistic market of two dark stores a platform."""
    market = tmp_path_factory.mktemp("sold") / "m"
    qsim.generate(market, preset="realistic", products=20, stores=2, update_interval_seconds=3600)
    qsim.run(market, ticks=72)
    with qsim.connect(market) as opened:
        yield opened


def test_the_parts_that_tell_why_a_price_changed_come_to_the_change(sold: Any) -> None:
    every = EXAMPLES["why"][1].replace("product = 'Onion'", "true")
    rows = f"({every})"
    parts = "cost + late_or_random + sale + campaign + surge + rival + time_of_day + zone_and_rounding"
    ((told, wrong),) = sold.sql(f"SELECT count(*), count(*) FILTER (change <> {parts}) FROM {rows}").fetchall()
    assert told > 100 and wrong == 0
    moved = "SELECT ts, platform, price_after, price_after - price_before FROM price_history WHERE price_after <> price_before"
    assert sold.sql(f"SELECT ts, platform, price, change FROM {rows} EXCEPT ALL {moved}").fetchall() == []
    # The first change of each listing has none before it to be held against.
    ((missed,),) = sold.sql(f"SELECT count(*) - {told} FROM ({moved})").fetchall()
    assert 0 <= missed <= sold.sql("SELECT count(*) FROM listings").fetchall()[0][0]
    answered = sold.sql(f"SELECT DISTINCT after_platform IS NULL FROM {rows} WHERE cause = 'rival_match'").fetchall()
    assert answered in ([(False,)], [])


def test_the_panel_has_every_listing_on_every_day_with_all_that_was_wanted(sold: Any) -> None:
    rows = f"({EXAMPLES['panel'][1]})"
    keys = "SELECT day, listing_id, price, in_stock FROM"
    assert sold.sql(f"{keys} {rows} EXCEPT ALL {keys} daily_prices").fetchall() == []
    assert sold.sql(f"{keys} daily_prices EXCEPT ALL {keys} {rows}").fetchall() == []
    sums = "SELECT sum(wanted_units), sum(units), sum(lost_units) FROM"
    assert sold.sql(f"{sums} {rows}").fetchall() == sold.sql(f"{sums} orders").fetchall()
    named = sold.sql(f"SELECT DISTINCT festivals FROM {rows} WHERE day = '2026-01-02'").fetchall()
    assert named == [("Month start",)]


def test_the_panel_knows_who_is_in_a_campaign_at_noon(sold: Any) -> None:
    found = sold.sql(
        f"SELECT listing_id FROM ({EXAMPLES['panel'][1]}) WHERE in_campaign AND day = '2026-01-02'"
    ).fetchall()
    wanted = sold.sql(
        "SELECT DISTINCT listing_id FROM active_at('2026-01-02 12:00') JOIN listings USING (listing_id)"
        " JOIN products USING (product_id) WHERE campaign_id IS NOT NULL AND is_active"
    ).fetchall()
    assert sorted(found) == sorted(wanted) != []


def test_choices_are_among_the_prices_that_customers_paid(sold: Any) -> None:
    rows = f"({EXAMPLES['choices'][1]})"
    assert (
        sold.sql(f"SELECT sum(wanted_units) FROM {rows}").fetchall()
        == sold.sql("SELECT sum(wanted_units) FROM orders").fetchall()
    )
    paid = sold.sql(
        f"SELECT count(*), count(*) FILTER (c.price <> o.price) FROM {rows} AS c JOIN orders AS o USING (tick, listing_id)"
    )
    asked, others = paid.fetchall()[0]
    assert asked > 500
    assert others == 0
    sizes = sold.sql(f"SELECT DISTINCT count(*) FROM {rows} GROUP BY tick, product_id, pincode").fetchall()
    assert sizes == [(5,)]


def test_the_panel_tells_a_citys_festivals_of_its_own_dark_stores_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("name,date,city\nBirthday,*-01-01,Mumbai\nNew Year,*-01-01,\n", "utf-8")
    qsim.generate(tmp_path / "m", preset="realistic", products=5, stores=2, calendar=tmp_path / "mine.csv")
    qsim.run(tmp_path / "m", ticks=24, update_interval_seconds=3600)
    found = qsim.connect(tmp_path / "m").sql(
        f"SELECT DISTINCT city, festivals FROM ({EXAMPLES['panel'][1]}) JOIN stores USING (store_id) ORDER BY ALL"
    )
    assert found.fetchall() == [("Bengaluru", "New Year"), ("Mumbai", "Birthday, New Year")]


def test_a_share_of_nothing_is_null_and_no_nan(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=4, seed=16)
    qsim.run(tmp_path / "m", ticks=3, update_interval_seconds=3600)
    connection = qsim.connect(tmp_path / "m")
    found = connection.sql(f"SELECT margin_pct FROM ({EXAMPLES['revenue'][1]}) WHERE revenue = 0").fetchall()
    assert found == [(None,)]
    lost = EXAMPLES["lost_sales"][1].replace(
        "FROM demand_truth", "FROM (SELECT * REPLACE (0 AS wanted_units) FROM demand_truth)"
    )
    assert connection.sql(f"SELECT DISTINCT lost_pct FROM ({lost})").fetchall() == [(None,)]


def test_queries_by_area_hold_where_dark_stores_of_a_platform_share_a_pincode(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=12, stores=200)
    qsim.run(tmp_path / "m", ticks=1, update_interval_seconds=3600)
    connection = qsim.connect(tmp_path / "m")
    compared = EXAMPLES["compare"][1].replace("subcategory = 'Fruits'", "category = 'Fruits & Vegetables'")
    wanted = qsim.ask("compare", "Fruits & Vegetables", "zepto", "instamart", directory=tmp_path / "m")
    found = connection.sql(f"SELECT pincode, zepto::DOUBLE, instamart::DOUBLE FROM ({compared})").fetchall()
    assert sorted(found) == sorted((row["pincode"], row["price_a"], row["price_b"]) for row in wanted["rows"])
    assert len({pincode for pincode, _, _ in found}) < len(found)
    choices = connection.sql(
        f"SELECT count(*) FROM ({EXAMPLES['choices'][1]}) GROUP BY tick, product_id, area"
    ).fetchall()
    assert len(choices) > 100
    assert set(choices) == {(5,)}


def test_stock_without_orders_is_that_of_the_catalog_at_all_times(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=20)
    qsim.run(tmp_path / "m", ticks=30)
    connection = qsim.connect(tmp_path / "m")
    catalog = connection.sql("SELECT listing_id, stock FROM raw.listings ORDER BY 1").fetchall()
    for source in ("prices", "inventory", "prices_at(tick_time(7))", "inventory_at(tick_time(7))"):
        assert connection.sql(f"SELECT listing_id, stock FROM {source} ORDER BY 1").fetchall() == catalog


def test_stock_and_stock_outs_that_the_views_tell_are_those_of_a_run(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=40, seed=1, update_interval_seconds=1800)
    qsim.run(tmp_path / "m", ticks=40)
    qsim.run(tmp_path / "m", ticks=30, update_interval_seconds=600)
    connection = qsim.connect(tmp_path / "m")
    moved = "(SELECT listing_id, stock::INTEGER AS units FROM raw.opening UNION ALL SELECT listing_id, units FROM raw.moves)"
    summed = f"SELECT listing_id, sum(units) FROM {moved} GROUP BY 1 ORDER BY 1"
    assert (
        connection.sql("SELECT listing_id, stock FROM prices ORDER BY 1").fetchall()
        == connection.sql(summed).fetchall()
    )
    for tick in (0, 40, 70):
        stored = connection.sql(f"SELECT listing_id, stock FROM snapshots WHERE tick = {tick} ORDER BY 1").fetchall()
        then = connection.sql(f"SELECT listing_id, stock FROM inventory_at(tick_time({tick})) ORDER BY 1").fetchall()
        assert stored == then != []
    told = connection.sql("SELECT listing_id, starts FROM raw.without_stock WHERE starts > 0 ORDER BY ALL").fetchall()
    outs = "SELECT listing_id, raw.second_of_tick(tick) FROM price_history WHERE cause = 'stock_out' AND tick < 70 ORDER BY ALL"
    assert set(told) >= set(connection.sql(outs).fetchall()) != set()
    every = connection.sql("SELECT listing_id, raw.second_of_tick(tick) FROM raw.events").fetchall()
    assert set(told) <= set(every)
