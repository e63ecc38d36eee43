"""How a check is judged and told: what it found, of how many rows and packs, whether it is for the market, how long it took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from qsim.queries.connection import rows_of
from qsim.runs.epochs import course_of
from qsim.storage.log import Log
from qsim.validation import catalog, checks, questions, run_checks, runner, sampling
from qsim.validation.checks import Check, Judgement


def judged(check: Check, *rows: dict[str, Any], ms: float = 0.0) -> Judgement:
    return check.judge(list(rows), ms)


def test_a_check_of_faults_passes_with_none_and_shows_one_that_it_finds() -> None:
    check = checks.faults("1.1", "", "SELECT 1")
    assert judged(check, {"found": 0, "example": None}) == Judgement(True, 0, "")
    found = judged(check, {"found": 2, "example": {"tick": 7, "price": 100}})
    assert found == Judgement(False, 2, "for example tick 7, price 100")


def test_a_check_of_bounds_without_anything_to_measure_fails_unless_that_may_be() -> None:
    nothing = {"what": "x", "measured": None, "low": 0, "high": 1}
    assert judged(checks.bounds("1.1", "", "", ""), nothing) == Judgement(False, None, "nothing could be measured")
    assert judged(checks.bounds("1.1", "", "", "", too_few="too few")) == Judgement(True, None, "too few")
    some = judged(checks.bounds("1.1", "", "", "", too_few="too few"), nothing, {**nothing, "measured": 1 / 3})
    assert some == Judgement(True, 0.3333, "x 0.3333 (allowed 0 to 1)")


def test_of_many_rows_300_characters_are_told_and_of_many_bounds_600() -> None:
    many = [{"what": "x" * 40, "measured": 1, "low": 0, "high": 1}] * 30
    assert len(judged(checks.bounds("1.1", "", "", ""), *many).detail) == 600
    assert len(checks.as_text({"name": "x" * 500})) == 300


def test_a_question_is_answered_by_a_row_in_less_than_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests wait longer; what users are told was written before these began.
    monkeypatch.setattr(checks, "SLOWEST_MS", 2_000.0)
    assert questions.CHECKS[0].target == "an answer in less than 2000 ms"
    check = checks.question("5.1", "", "SELECT 1")
    answer = judged(check, {"price": 5}, {"price": 6}, ms=1999.94)
    assert answer == Judgement(True, "1999.9 ms", "2 rows, the first: price 5")
    assert not judged(check, {"price": 5}, ms=2000.0).passed
    assert judged(check) == Judgement(False, "0.0 ms", "the answer is empty")


def test_a_pack_that_says_something_else_is_shown() -> None:
    (check,) = [check for check in catalog.CHECKS if check.number == "1.31"]
    right = {"pack": "500 g", "unit": "kg", "pack_units": 0.5}
    assert judged(check, right) == Judgement(True, 0, "")
    wrong = judged(check, right, {**right, "pack_units": 5.0})
    assert (wrong.passed, wrong.measured) == (False, 1)
    assert wrong.detail == "for example pack 500 g, unit kg, pack_units 5.0"
    assert not judged(check, {"pack": "a heap", "unit": "kg", "pack_units": 1.0}).passed


def test_no_more_than_20_000_packs_are_read(bare: duckdb.DuckDBPyConnection) -> None:
    (check,) = [check for check in catalog.CHECKS if check.number == "1.31"]
    bare.execute("CREATE SCHEMA IF NOT EXISTS raw")
    bare.execute(
        "CREATE OR REPLACE TABLE raw.products AS SELECT n || ' g' AS pack, 'kg' AS unit, n / 1000 AS pack_units"
        " FROM range(20_001) AS t(n)"
    )
    assert len(rows_of(bare, check.query)) == 20_000


def test_a_comparison_is_asked_of_two_platforms_where_those_that_it_names_are_not(
    bare: duckdb.DuckDBPyConnection,
) -> None:
    (check,) = [check for check in questions.CHECKS if check.number == "5.3"]
    bare.execute("CREATE SCHEMA IF NOT EXISTS raw")
    shops = "(0, 'x'), (1, 'y'), (2, 'z')"
    bare.execute(f"CREATE OR REPLACE TABLE raw.platforms AS FROM (VALUES {shops}) AS t(platform_id, platform)")
    bare.execute("CREATE OR REPLACE TABLE raw.products AS SELECT 1 AS product_id, 'dairy' AS volatility_group")
    bare.execute("CREATE OR REPLACE TABLE raw.named AS SELECT 'dairy' AS volatility_group, true AS is_active")
    bare.execute(
        "CREATE OR REPLACE TABLE prices AS SELECT 1 AS product_id, 'Milk' AS product, '1 l' AS pack, platform,"
        " 10 * (platform_id + 1) AS price, true AS is_active FROM raw.platforms"
    )
    assert [(row["first_price"], row["second_price"]) for row in rows_of(bare, check.query)] == [(10, 20)]


EMPTY = "SELECT 1 AS n WHERE false"
HANDMADE = (
    checks.faults("1.1", "", "SELECT tick FROM checked.clock WHERE tick < 0", sampled=True),
    checks.faults("1.2", "", "SELECT 7 AS n"),
    checks.faults("1.3", "", "SELECT listing_id FROM checked.listings WHERE false", sampled=True, needs="trades"),
    checks.faults("1.4", "", "SELECT error('no such thing')"),
    checks.question("5.1", "", "SELECT 1 AS n", otherwise="SELECT error('never asked')"),
    checks.question("5.2", "", EMPTY, otherwise="SELECT 'sold out' AS why"),
    checks.question("5.3", "", EMPTY, otherwise=EMPTY),
    checks.question("5.4", "", EMPTY),
)


@pytest.fixture
def told(
    over: duckdb.DuckDBPyConnection, history: Log, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> dict[str, dict[str, Any]]:
    """What handmade checks tell of a market, of which one product in so many is looked at."""
    events = sum(file.rows for file in history.of_table("events"))
    monkeypatch.setattr(sampling, "MOST_EVENTS", -(-events // request.param))
    monkeypatch.setattr(runner, "ALL_CHECKS", HANDMADE)
    return {check["number"]: check for check in run_checks(over, history, course_of(history))}


@pytest.mark.parametrize("told", [1], indirect=True)
def test_checks_are_told_with_what_they_found_and_whether_they_are_for_the_market(
    told: dict[str, dict[str, Any]],
) -> None:
    shown = {number: (check["applies"], check["passed"], check["measured"]) for number, check in told.items()}
    assert {number: one for number, one in shown.items() if number < "5"} == {
        "1.1": (True, True, 0),
        "1.2": (True, False, 1),
        "1.3": (False, True, None),
        "1.4": (True, False, None),
    }
    assert [told[number]["detail"] for number in ("1.1", "1.2", "1.3")] == [
        "", "for example n 7", "not for this market, which lacks customers",
    ]  # fmt: skip
    assert "no such thing" in told["1.4"]["detail"]


@pytest.mark.parametrize("told", [1], indirect=True)
def test_a_question_with_an_empty_answer_may_have_a_reason_for_it(told: dict[str, dict[str, Any]]) -> None:
    found = {number: (check["passed"], check["detail"]) for number, check in told.items() if number > "5"}
    assert found == {
        "5.1": (True, "1 rows, the first: n 1"),
        "5.2": (True, "1 rows, the first: why sold out"),
        "5.3": (False, "the answer is empty"),
        "5.4": (False, "the answer is empty"),
    }


def test_an_answer_is_told_with_the_milliseconds_that_it_took(
    over: duckdb.DuckDBPyConnection, history: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "perf_counter", iter([3.5, 4.0]).__next__)
    (found,) = run_checks(over, history, course_of(history), ["5.6"])
    assert found["measured"] == "500.0 ms"


@pytest.mark.parametrize("told", [2], indirect=True)
def test_only_checks_that_apply_and_look_at_a_part_say_so(told: dict[str, dict[str, Any]]) -> None:
    assert told["1.1"]["detail"] == "one product in 2 was looked at, the history being long"
    assert [told[number]["detail"] for number in ("1.2", "1.3")] == [
        "for example n 7", "not for this market, which lacks customers",
    ]  # fmt: skip


def test_where_the_tables_cannot_be_read_nothing_is_said_of_a_part(ran: Path, history: Log) -> None:
    with qsim.connect(ran) as connection:
        connection.execute("CREATE OR REPLACE VIEW raw.events AS SELECT error('broken file') AS tick").fetchall()
        found = {
            check["number"]: check
            for check in run_checks(connection, history, course_of(history), ["2.6", "1.15", "6.10"])
        }
    assert found["2.6"]["detail"].startswith("the tables cannot be read")
    assert [found[number]["passed"] for number in ("1.15", "2.6", "6.10")] == [True, False, False]
    assert all("one product in" not in check["detail"] for check in found.values())


def test_a_market_of_twelve_products_passes_every_check_that_is_for_it(ran: Path, history: Log) -> None:
    with qsim.connect(ran) as connection:
        found = run_checks(connection, history, course_of(history))
    assert [check for check in found if not check["passed"]] == []
    assert {check["applies"] for check in found} == {True, False}
