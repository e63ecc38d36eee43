"""Validation: good markets pass every check, and each planted fault is caught by the check meant for it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from qsim.simulation import Course
from qsim.storage import log
from qsim.validation import run_checks, sampling, validate
from qsim.validation.checks import CATEGORIES
from qsim.validation.runner import ALL_CHECKS
from qsim.writing import course_of

_LAST = "(SELECT max(tick) FROM {t})"
# The last event; the first own discount that starts after tick 0.
_EVENT = "(tick, listing_id) = (SELECT (tick, listing_id) FROM {t} ORDER BY tick DESC, listing_id LIMIT 1)"
_FIRST = "FROM {t} WHERE tick > 0 AND discount_bps > 0 ORDER BY tick, listing_id LIMIT 1"
_STARTED = f"(tick, listing_id) = (SELECT (tick, listing_id) {_FIRST})"

# (check, what is planted, table, what is done to its copy {t}: a statement, or the SET of an update)
FAULTS = [
    ("1.1", "a product's row twice", "products", "INSERT INTO {t} SELECT * FROM {t} LIMIT 1"),
    ("1.2", "an event's row twice", "events", "INSERT INTO {t} SELECT * FROM {t} LIMIT 1"),
    ("1.3", "a product without a pack", "products", "SET pack = NULL WHERE product_id = 3"),
    ("1.4", "an event without a price", "events", "SET price_after_paise = NULL WHERE " + _EVENT),
    ("1.5", "a product of an unknown category", "products", "SET category = 'Toys' WHERE product_id = 3"),
    ("1.6", "a product of an unknown brand", "products", "SET brand = 'Nobody' WHERE product_id = 3"),
    ("1.7", "a campaign of an unknown platform", "campaigns", "SET platform_id = 77 WHERE campaign_id = 1"),
    ("1.8", "a listing of an unknown product", "listings", "SET product_id = 99999 WHERE listing_id = 7"),
    ("1.8", "a listing on another platform", "listings", "SET platform_id = 3 WHERE listing_id = 5"),
    ("1.9", "a line of an unknown campaign", "campaign_lines", "SET campaign_id = 999 WHERE listing_id % 2 = 0"),
    ("1.10", "an event of an unknown listing", "events", "SET listing_id = 999999 WHERE " + _EVENT),
    ("1.11", "a product not listed at a store", "listings", "DELETE FROM {t} WHERE listing_id = 7"),
    ("1.12", "a listing with another's number", "listings", "SET listing_id = 999999 WHERE listing_id = 7"),
    ("1.13", "a dropped event", "events", "DELETE FROM {t} WHERE " + _EVENT),
    ("1.14", "a dropped product", "products", "DELETE FROM {t} WHERE product_id = 3"),
    ("1.15", "two products of one name", "products", "SET product = 'Onion', pack = '1 kg' WHERE product_id < 2"),
    ("1.16", "too many products off sale", "products", "SET is_active = product_id % 2 = 0"),
    ("1.17", "a platform with another band", "platforms", "SET low_percent = 1 WHERE platform_id = 2"),
    ("1.18", "a platform whose band is upside down", "platforms", "SET low_percent = 200 WHERE platform_id = 2"),
    ("1.20", "a packaged good without MRP", "products", "SET mrp_paise = 0 WHERE NOT is_loose"),
    ("1.21", "a pincode of five digits", "stores", "SET pincode = '56000' WHERE store_id = 0"),
    ("1.22", "an anchor above the MRP", "listings", "SET anchor_price_paise = anchor_price_paise * 9"),
    ("1.23", "a campaign of an unknown kind", "campaigns", "SET kind = 'lottery' WHERE campaign_id = 1"),
    ("2.1", "a price of nothing now", "newest_snapshot", "SET price_paise = 0 WHERE listing_id = 7"),
    ("2.2", "an event with a price of nothing", "events", "SET price_after_paise = 0 WHERE " + _EVENT),
    ("2.3", "an anchor below its band", "listings", "SET anchor_price_paise = 1 WHERE listing_id = 7"),
    (
        "2.4",
        "platforms too far apart",
        "listings",
        "SET anchor_price_paise = anchor_price_paise // 2 WHERE platform_id = 1 AND product_id % 10 = 0",
    ),
    ("2.5", "prices above MRP now", "newest_snapshot", "SET price_paise = price_paise * 3"),
    ("2.6", "an event above MRP", "events", "SET price_after_paise = 9999999 WHERE tick % 7 = 0"),
    ("2.7", "a snapshot above MRP", "snapshots", "SET price_paise = 9999999 WHERE tick = " + _LAST),
    (
        "2.8",
        "a regular price that jumps",
        "events",
        "SET regular_price_paise = regular_price_paise * 13 // 10 WHERE " + _EVENT,
    ),
    (
        "2.9",
        "a regular price that moves out of turn",
        "events",
        "SET regular_price_paise = regular_price_paise + 1 WHERE cause = 8",
    ),
    ("2.10", "an event dropped in between", "events", "DELETE FROM {t} WHERE tick = 100"),
    ("2.10", "a price before that is off by a paisa", "events", "SET price_before_paise = price_before_paise + 1 WHERE " + _EVENT),
    ("2.11", "the last event dropped", "events", "DELETE FROM {t} WHERE " + _EVENT),
    ("2.11", "a snapshot that is off by a paisa", "snapshots", "SET price_paise = price_paise - 1 WHERE tick = " + _LAST),
    ("2.12", "a price that its parts do not add up to", "events", "SET price_after_paise = price_after_paise - 2 WHERE " + _EVENT),
    (
        "2.13",
        "goods of all groups mixed up",
        "products",
        """SET volatility_group = CASE volatility_group WHEN 'staples' THEN 'fruits' WHEN 'fruits' THEN 'staples'
        WHEN 'vegetables' THEN 'snacks' WHEN 'snacks' THEN 'vegetables' ELSE volatility_group END""",
    ),
    ("2.14", "swings of the wrong size", "products", "SET volatility_group = 'dairy'"),
    ("2.15", "an event of an inactive product", "products", "SET is_active = false WHERE product_id = 3"),
    ("2.16", "an opening off the anchor", "snapshots",
     "SET regular_price_paise = regular_price_paise + 1 WHERE tick = 0 AND listing_id = 7"),
    (
        "2.17",
        "an event that changes nothing",
        "events",
        f"INSERT INTO {{t}} SELECT * REPLACE ({_LAST} + 1 AS tick, price_after_paise AS price_before_paise)"
        " FROM {t} WHERE " + _EVENT,
    ),
    ("2.18", "a snapshot without a listing", "snapshots", "DELETE FROM {t} WHERE tick > 0 AND listing_id = 7"),
    ("3.1", "one more discount at tick 0", "snapshots",
     "SET discount_bps = 500 WHERE tick = 0 AND listing_id = (SELECT min(listing_id) FROM {t} WHERE discount_bps = 0)"),
    ("3.2", "deeper discounts at tick 0", "snapshots", "SET discount_bps = discount_bps + 100 WHERE tick = 0 AND discount_bps > 0"),
    ("3.3", "no deep discounts at tick 0", "snapshots", "SET own_discount_bps = least(own_discount_bps, 2900) WHERE tick = 0"),
    ("3.4", "own discounts of half the listings", "discounts", "DELETE FROM {t} WHERE listing_id % 2 = 0"),
    ("3.5", "no bulk campaigns", "campaigns", "SET kind = 'flash' WHERE kind = 'bulk'"),
    ("3.6", "no campaign running at tick 0", "campaigns",
     "SET starts_second = 9999, ends_second = 99999 WHERE starts_second <= 0 AND ends_second > 0"),
    ("3.7", "a line of 60 %", "campaign_lines", "SET discount_bps = 6000 WHERE campaign_id = 2"),
    ("3.8", "a line on another platform", "campaigns", "SET platform_id = 4 WHERE campaign_id = 2"),
    ("3.9", "a line that prices no event", "campaign_lines", "SET discount_bps = 9000"),
    ("3.10", "a line that prices no snapshot", "campaign_lines", "SET discount_bps = 9000"),
    ("3.11", "a discount lengthened past its end", "discounts", "DELETE FROM {t} WHERE discount_bps = 0 AND tick BETWEEN 50 AND 90"),
    ("3.12", "a snapshot with another own discount", "snapshots",
     "SET own_discount_bps = own_discount_bps + 100 WHERE tick = " + _LAST),
    ("3.13", "a discount that starts while another runs", "discounts",
     "INSERT INTO {t} SELECT * REPLACE (tick + 1 AS tick) FROM {t} WHERE " + _STARTED),
    ("3.14", "discounts twice as deep", "discounts", "SET discount_bps = discount_bps * 2 WHERE tick > 0"),
    ("3.15", "surges in half the snapshot", "snapshots", "SET surge_bps = 1000 WHERE listing_id % 2 = 0"),
    ("3.16", "a surge of 90 %", "events", "SET surge_bps = 9000 WHERE surge_bps > 0"),
    ("3.17", "a surge that starts out of turn", "events", "SET surge_bps = 1000 WHERE cause = 8"),
    ("3.18", "a discount of 95 %", "discounts", "SET discount_bps = 9500 WHERE " + _STARTED),
    ("4.1", "a listing twice", "listings", "INSERT INTO {t} SELECT * FROM {t} WHERE listing_id = 7"),
    ("4.2", "no stock-outs", "listings", "SET stock = target_stock"),
    ("4.3", "stock of an inactive product", "listings", "SET stock = 1"),
    ("4.4", "a cost far below the anchor", "listings", "SET unit_cost_paise = 2 WHERE listing_id = 7"),
    ("4.5", "a cost above the anchor", "listings", "SET unit_cost_paise = anchor_price_paise WHERE listing_id = 7"),
    ("4.7", "a target of 500", "listings", "SET target_stock = 500 WHERE listing_id = 7"),
    ("4.8", "a reorder level at the target", "listings", "SET reorder_level = target_stock - 1 WHERE listing_id = 7"),
    ("4.9", "full shelves everywhere", "listings", "SET stock = target_stock WHERE stock > 0"),
    ("4.10", "four units promised", "listings", "SET reserved = 4 WHERE listing_id = 7"),
    ("4.11", "more promised than there is", "listings", "SET reserved = stock + 1 WHERE listing_id = 7"),
    ("4.12", "more stock than the target", "listings", "SET stock = target_stock + 1 WHERE listing_id = 7"),
    ("4.13", "a reorder level at the target", "listings", "SET reorder_level = target_stock WHERE listing_id = 7"),
    ("5.1", "nothing in stock to be cheapest", "listings", "SET stock = 0"),
    ("5.3", "nothing on sale to compare", "products", "SET is_active = false"),
    ("5.4", "nothing in stock to be bought", "listings", "SET stock = 0"),
    ("5.9", "a newest state that is off by a paisa", "newest_snapshot", "SET price_paise = price_paise + 1 WHERE listing_id = 7"),
    ("5.10", "a discount that is told and not priced", "discounts", "DELETE FROM {t} WHERE discount_bps = 0"),
    ("5.11", "a product's row twice, doubling its prices", "products", "INSERT INTO {t} SELECT * FROM {t} LIMIT 1"),
    ("6.1", "a price shifted by a paisa at a boundary", "events", "SET price_after_paise = price_after_paise + 1 WHERE cause = 8"),
    ("6.2", "a snapshot's price shifted by a paisa", "snapshots", "SET price_paise = price_paise + 1 WHERE tick = " + _LAST),
    ("6.3", "a boundary that some listings slept through", "events", "DELETE FROM {t} WHERE cause = 8 AND listing_id % 3 = 0"),
    ("6.4", "a level shift with a regular price moved", "events", "SET regular_price_paise = regular_price_paise + 1 WHERE cause = 8"),
    ("6.5", "a campaign's start where none starts", "events", "SET cause = 6 WHERE cause = 8"),
    ("6.6", "an update out of turn", "events", "SET cause = 5 WHERE cause = 8"),
    ("6.7", "a surge's end that is called an update", "events", "SET cause = 5 WHERE cause = 2"),
    ("6.8", "a discount's start that is called an update", "events", "SET cause = 5 WHERE cause = 3"),
    ("6.9", "a discount that starts out of turn", "discounts", "SET tick = tick + 1 WHERE " + _STARTED),
    ("6.10", "an event after the newest tick", "events", "SET tick = 5000 WHERE " + _EVENT),
    ("6.11", "two events of a listing at a tick", "events", "INSERT INTO {t} SELECT * FROM {t} WHERE " + _EVENT),
    ("6.14", "a dropped event", "events", "DELETE FROM {t} WHERE " + _EVENT),
    ("6.14", "a tick without counts", "metrics", "DELETE FROM {t} WHERE tick = 5"),
    ("6.15", "a level shift of twice the size", "events",
     "SET price_after_paise = 2 * price_after_paise - price_before_paise WHERE cause = 8"),
]  # fmt: skip


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small market over a whole day, with parameters changed midway."""
    directory = tmp_path_factory.mktemp("validation") / "market"
    qsim.generate(directory, products=150, seed=42, update_interval_seconds=300, batch_size=40)
    qsim.run(directory, ticks=220)
    qsim.run(directory, ticks=80, update_interval_seconds=240, surge_probability=0.2)
    return directory


def _checks(
    connection: duckdb.DuckDBPyConnection, market: Path, *only: str, course: Course | None = None
) -> dict[str, dict[str, Any]]:
    history = log.read(market)
    found = run_checks(connection, history, course or course_of(history), only)
    return {check["number"]: check for check in found}


@pytest.fixture(scope="module")
def sound(market: Path) -> dict[str, dict[str, Any]]:
    with qsim.connect(market) as connection:
        return _checks(connection, market)


@pytest.fixture
def connection(market: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with qsim.connect(market) as opened:
        yield opened


def _plant(connection: duckdb.DuckDBPyConnection, table: str, statement: str) -> None:
    copy = f"planted_{table}"
    for line in (
        f"CREATE TABLE {copy} AS FROM raw.{table}",
        (f"UPDATE {copy} {statement}" if statement.startswith("SET ") else statement).replace("{t}", copy),
        f"CREATE OR REPLACE VIEW raw.{table} AS FROM {copy}",
    ):
        connection.execute(line).fetchall()


@pytest.mark.parametrize(("number", "what", "table", "statement"), FAULTS, ids=[f"{f[0]} {f[1]}" for f in FAULTS])
def test_a_planted_fault_is_caught_by_the_check_meant_for_it(
    connection: duckdb.DuckDBPyConnection,
    market: Path,
    sound: dict[str, dict[str, Any]],
    number: str,
    what: str,
    table: str,
    statement: str,
) -> None:
    assert sound[number]["passed"], f"{number} fails before {what}"
    _plant(connection, table, statement)
    caught = _checks(connection, market, number)[number]
    assert not caught["passed"], what
    assert caught["detail"] and not caught["detail"].startswith("sql:"), caught["detail"]


def test_every_check_that_measures_data_has_a_planted_fault() -> None:
    planted = {number for number, *_ in FAULTS}
    others = {"1.19", "1.24", "4.6", "4.14", "5.2", "5.5", "5.6", "5.7", "5.8", "5.12", "6.12", "6.13"}
    assert {check.number for check in ALL_CHECKS} - planted == others


VIEWS = [
    ("1.19", "raw.categories", "SELECT * REPLACE ('gold' AS volatility_group)"),
    ("1.24", "raw.campaign_lines", "SELECT * REPLACE (100::USMALLINT AS discount_bps)"),
    ("4.6", "prices", "SELECT * REPLACE (NOT in_stock AS in_stock)"),
    ("4.14", "inventory", "SELECT * REPLACE ('low_stock' AS status)"),
    ("5.12", "prices", "SELECT * REPLACE (price + 0.01 AS price)"),
]


@pytest.mark.parametrize(("number", "view", "altered"), VIEWS, ids=[f"{number} {view}" for number, view, _ in VIEWS])
def test_a_view_that_tells_something_else_is_caught(
    connection: duckdb.DuckDBPyConnection, market: Path, number: str, view: str, altered: str
) -> None:
    connection.execute(f"CREATE TABLE told AS {altered} FROM {view}").fetchall()
    connection.execute(f"CREATE OR REPLACE VIEW {view} AS FROM told").fetchall()
    assert not _checks(connection, market, number)[number]["passed"]


def test_epochs_with_a_gap_between_them_are_caught(connection: duckdb.DuckDBPyConnection, market: Path) -> None:
    course = course_of(log.read(market))
    last = dataclasses.replace(course.epochs[-1], second=course.epochs[-1].second + 60)
    found = _checks(connection, market, "6.12", course=Course((*course.epochs[:-1], last), course.parameters))
    assert not found["6.12"]["passed"]


@pytest.mark.parametrize(
    ("number", "macro"),
    [
        ("6.13", "tick_at(ts) AS 0"),
        ("5.8", "raw.state_at(t) AS TABLE SELECT * REPLACE (price_paise + 1 AS price_paise) FROM raw.state"),
    ],
)
def test_a_macro_that_tells_something_else_is_caught(
    connection: duckdb.DuckDBPyConnection, market: Path, number: str, macro: str
) -> None:
    connection.execute(f"CREATE OR REPLACE MACRO {macro}").fetchall()
    assert not _checks(connection, market, number)[number]["passed"]


@pytest.mark.parametrize("number", ["5.2", "5.5", "5.6", "5.7"])
def test_a_question_that_cannot_be_answered_is_a_failed_check(
    connection: duckdb.DuckDBPyConnection, market: Path, number: str
) -> None:
    _plant(connection, "products", "DELETE FROM {t}")
    connection.execute("CREATE OR REPLACE MACRO prices_at(ts) AS TABLE SELECT * FROM prices WHERE false").fetchall()
    found = _checks(connection, market, number)[number]
    assert not found["passed"] and found["detail"]


def test_a_file_that_cannot_be_read_is_told_and_not_raised(connection: duckdb.DuckDBPyConnection, market: Path) -> None:
    connection.execute("CREATE OR REPLACE VIEW raw.events AS SELECT error('broken file') AS tick").fetchall()
    found = _checks(connection, market)
    assert "cannot be read" in found["6.1"]["detail"] and not found["6.1"]["passed"]
    assert found["1.15"]["passed"]


GOOD: dict[str, tuple[dict[str, Any], int]] = {
    "default goods for a while": ({"products": 280, "seed": 42}, 600),
    "every product at each tick": ({"products": 100, "seed": 1, "batch_size": 0}, 60),
    "three dark stores": ({"products": 60, "seed": 2, "stores": 3}, 100),
    "tick 0 alone": ({"products": 280, "seed": 42}, 0),
    "ten products": ({"products": 10, "seed": 42}, 100),
    "one product": ({"products": 1, "seed": 5}, 50),
    "half of the goods off sale": ({"products": 60, "seed": 3, "inactive_percent": 50}, 50),
    "no discounts and no surges": (
        {"products": 40, "seed": 3, "discounted_percent": 0, "discount_probability": 0, "surge_probability": 0},
        60,
    ),
    "one update a day": ({"products": 40, "seed": 4, "update_interval_seconds": 86_400}, 60),
    "levels that overlap": (
        {
            "products": 40,
            "time_of_day": {"00:00-12:00": 50, "06:00-18:00": -40},
            "update_interval_seconds": 1800,
        },
        100,
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_market_passes_every_check(tmp_path: Path, name: str) -> None:
    parameters, ticks = GOOD[name]
    qsim.generate(tmp_path / "m", **parameters)
    if ticks:
        qsim.run(tmp_path / "m", ticks=ticks)
    result = validate(tmp_path / "m")
    assert [check for check in result["checks"] if not check["passed"]] == []
    assert result["passed"]


def test_a_market_over_a_users_catalog_passes_every_check(tmp_path: Path) -> None:
    rows = "".join(f"Rice {n},Brand,Staples,{100 + n},{110 + n},{n} kg\n" for n in range(1, 60))
    (tmp_path / "mine.csv").write_text("product,brand,category,price,mrp,pack\n" + rows)
    qsim.generate(tmp_path / "m", catalog=tmp_path / "mine.csv")
    qsim.run(tmp_path / "m", ticks=100)
    result = validate(tmp_path / "m")
    assert [check for check in result["checks"] if not check["passed"]] == []


def test_parameters_that_change_midway_are_judged_by_the_epoch(sound: dict[str, dict[str, Any]]) -> None:
    assert [check for check in sound.values() if not check["passed"]] == []
    assert "epoch 0" in sound["3.15"]["detail"] and "epoch 1" in sound["3.15"]["detail"]


def test_the_result_names_market_tick_digest_and_the_six_categories(market: Path) -> None:
    result = validate(market)
    status = qsim.status(market)
    assert (result["directory"], result["tick"], result["digest"]) == (str(market), 300, status["digest"])
    assert list(dict.fromkeys(check["category"] for check in result["checks"])) == list(CATEGORIES.values())
    assert set(result["checks"][0]) == {"number", "category", "name", "passed", "measured", "target", "detail"}
    assert json.loads(json.dumps(result)) == result


def test_numbers_of_checks_are_distinct_and_run_on_within_their_category() -> None:
    numbers = [tuple(map(int, check.number.split("."))) for check in ALL_CHECKS]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
    for category in CATEGORIES:
        of_category = [nth for of, nth in numbers if of == category]
        assert of_category == list(range(1, len(of_category) + 1)) and len(of_category) >= 8


def test_a_very_long_history_is_sampled_by_product_and_says_so(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST_EVENTS", qsim.status(market)["events"] // 3 + 1)
    result = {check["number"]: check for check in validate(market)["checks"]}
    assert "one product in 3" in result["6.1"]["detail"]
    assert "one product in" not in result["1.1"]["detail"]
    assert [check["number"] for check in result.values() if not check["passed"]] == []
