"""The supermarket preset: weekly prices, and how near they come to those of real supermarkets."""

from __future__ import annotations

from pathlib import Path

import pytest

import qsim
from qsim.realism.classifier import auc
from qsim.realism.panel import from_market
from qsim.validation import validate
from tests.panels import learn, shop

WEEKS = 20
# The sales of tick 0 end at any time within the longest length.
OPENING_SALES_OVER = "TIMESTAMP '2026-02-13'"


@pytest.fixture(scope="module")
def weekly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    market = tmp_path_factory.mktemp("supermarket") / "m"
    qsim.generate(market, preset="supermarket", products=120, seed=7)
    qsim.run(market, duration=WEEKS * 7 * 24 * 60)
    return market


def asked(market: Path, query: str) -> list[tuple[object, ...]]:
    with qsim.connect(market) as connection:
        return connection.sql(query).fetchall()


def test_a_supermarket_passes_every_check(weekly: Path) -> None:
    assert [check for check in validate(weekly)["checks"] if not check["passed"]] == []


def test_prices_are_set_and_sales_begin_on_monday_mornings_alone(weekly: Path) -> None:
    rows = asked(
        weekly,
        "SELECT DISTINCT cause, dayname(ts), hour(ts) FROM price_history WHERE cause IN ('reprice', 'discount_start')",
    )
    assert {(cause, day) for cause, day, _ in rows} == {("reprice", "Monday"), ("discount_start", "Monday")}
    assert {hour for *_, hour in rows} <= {6, 7, 8}


def test_sales_last_whole_weeks(weekly: Path) -> None:
    ends = asked(
        weekly,
        f"SELECT DISTINCT dayname(ts), hour(ts) FROM price_history WHERE cause = 'discount_end' AND ts > {OPENING_SALES_OVER}",
    )
    assert {day for day, _ in ends} == {"Monday"} and {hour for _, hour in ends} <= {6, 7, 8}


def test_about_one_listing_in_fifteen_is_on_sale(weekly: Path) -> None:
    [(share, depth)] = asked(
        weekly,
        "SELECT avg((discount_pct > 0)::INT), avg(nullif(discount_pct, 0)) FROM daily_prices",
    )
    assert 0.05 < share < 0.08 and 16 < depth < 21


def test_most_prices_end_in_99_49_or_9(weekly: Path) -> None:
    [(share,)] = asked(weekly, "SELECT avg((round(100 * price)::INT % 10 = 9)::INT) FROM prices")
    assert share > 0.9


def test_no_price_answers_a_rival_or_the_clock(weekly: Path) -> None:
    causes = {cause for (cause,) in asked(weekly, "SELECT DISTINCT cause FROM price_history")}
    assert causes <= {"reprice", "discount_start", "discount_end", "restock"}


@pytest.mark.nightly
def test_an_austrian_supermarket_is_nearer_to_the_preset_than_to_another_austrian_supermarket(tmp_path: Path) -> None:
    learn()
    mpreis = shop("mpreis")
    qsim.generate(tmp_path / "m", preset="supermarket", products=320, seed=5)
    qsim.run(tmp_path / "m", duration=150 * 24 * 60)
    with qsim.connect(tmp_path / "m") as connection:
        made = from_market(connection)
    assert auc(mpreis, made)["boosted"] < auc(mpreis, shop("billa"))["boosted"]
