"""Validation of markets that are as they should be: they pass every check, and the result tells what was looked at."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.errors import UsageError
from qsim.validation import sampling, validate
from qsim.validation.checks import CATEGORIES, NEEDS
from qsim.validation.runner import ALL_CHECKS
from tests.commands import Shell


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small market over a whole day, with parameters changed midway."""
    directory = tmp_path_factory.mktemp("validation") / "market"
    qsim.generate(directory, products=150, seed=42, update_interval_seconds=300, batch_size=40)
    qsim.run(directory, ticks=220)
    qsim.run(directory, ticks=80, update_interval_seconds=240, surge_probability=0.2)
    return directory


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


@pytest.mark.parametrize("preset", ["classic", "realistic"])
def test_a_market_of_goods_as_dear_as_a_list_may_have_passes_every_check(tmp_path: Path, preset: str) -> None:
    prices, kinds = (215_000, 2_500_000, 9_999_999, 21_474_836), ("Staples", "Dairy", "Vegetables", "Fruits", "Snacks")
    rows = "".join(f"{kind} {x},Brand,{kind},{x - x // 20},{x}.47,1 kg\n" for x in prices for kind in kinds)
    rows += "".join(f"Top {kind},Brand,{kind},21474836.47,21474836.47,1 kg\n" for kind in kinds)
    (tmp_path / "mine.csv").write_text("product,brand,category,price,mrp,pack\n" + rows)
    made_of = {"preset": preset, "seed": 3, "inactive_percent": 0, "update_interval_seconds": 3600}
    made_of |= {"price_points": {"packaged": {"percent": 1, "nine": 1}}} if preset == "realistic" else {}
    qsim.generate(tmp_path / "m", catalog=tmp_path / "mine.csv", **made_of)
    qsim.run(tmp_path / "m", ticks=24 * 12)
    assert [check for check in validate(tmp_path / "m")["checks"] if not check["passed"]] == []
    with qsim.connect(tmp_path / "m") as connection:
        held = connection.sql("SELECT count(*) FROM price_history WHERE regular_price = 20000000").fetchall()[0][0]
        most, cheapest = connection.sql("SELECT max(revenue), min(cost) FROM orders").fetchall()[0]
        connection.sql("SELECT max(margin_paise) FROM raw.daily_orders").fetchall()
    assert held == 0 and (preset == "classic" or most > 20_000_000 > cheapest > 0)


def test_parameters_that_change_midway_are_judged_by_the_epoch(market: Path) -> None:
    sound = {check["number"]: check for check in validate(market)["checks"]}
    assert [check for check in sound.values() if not check["passed"]] == []
    assert "epoch 0" in sound["3.15"]["detail"] and "epoch 1" in sound["3.15"]["detail"]


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(check.number, marks=() if check.number in ("1.3", "2.12", "3.4", "6.1") else pytest.mark.nightly)
        for check in ALL_CHECKS
        if not check.number.startswith("5.")  # They measure times.
    ],
)
def test_a_check_alone_tells_what_it_tells_among_all(
    market: Path, sound: dict[str, dict[str, Any]], number: str
) -> None:
    assert validate(market, [number])["checks"] == [sound[number]]


def test_on_the_command_line_checks_are_chosen_by_their_numbers(market: Path, shell: Shell) -> None:
    done = shell("validate", market, "--check", "2.6", "--check", "1.3", "--json")
    assert [check["number"] for check in json.loads(done.out)["checks"]] == ["1.3", "2.6"]


def test_a_check_that_there_is_not_is_refused_by_its_number(market: Path, shell: Shell) -> None:
    line = shell.refused(2, "validate", market, "--check", "9.9")
    assert "check: found '9.9'; allowed are 1.1 to 6.31" in line


def test_one_check_may_be_named_by_its_number_alone(market: Path) -> None:
    assert [check["number"] for check in validate(market, "2.6")["checks"]] == ["2.6"]


def test_what_cannot_be_numbers_of_checks_is_refused(market: Path) -> None:
    with pytest.raises(UsageError, match=r"only: found 2\.6; allowed is the numbers of checks"):
        validate(market, 2.6)  # type: ignore[arg-type]


def test_what_is_measured_is_a_whole_number_or_has_four_decimals(sound: dict[str, dict[str, Any]]) -> None:
    measured = [check["measured"] for check in sound.values() if isinstance(check["measured"], int | float)]
    assert [value for value in measured if value != round(value, 4)] == []
    assert all(type(sound[number]["measured"]) is int for number in ("1.13", "2.6", "6.1"))


def test_checks_of_what_is_laid_out_for_some_products_alone_say_that_they_are_sampled() -> None:
    tables = "events|states|own|snapshots|shelf|listings|sales|state_lines|snapshot_lines"
    reading = [check.number for check in ALL_CHECKS if re.search(rf"checked\.({tables})\b", check.query)]
    assert reading == [check.number for check in ALL_CHECKS if check.sampled]


def test_the_result_names_market_tick_digest_and_the_six_categories(market: Path) -> None:
    result = validate(market)
    status = qsim.status(market)
    assert (result["directory"], result["tick"], result["digest"]) == (str(market), 300, status["digest"])
    assert list(dict.fromkeys(check["category"] for check in result["checks"])) == list(CATEGORIES.values())
    assert set(result["checks"][0]) == {
        "number",
        "category",
        "name",
        "applies",
        "passed",
        "measured",
        "target",
        "detail",
    }
    assert json.loads(json.dumps(result)) == result


def test_parameters_changed_before_the_first_tick_are_no_gap(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=10)
    qsim.run(tmp_path / "m", ticks=5, surge_probability=0.2)
    assert validate(tmp_path / "m")["passed"]


def test_every_check_needs_something_that_is_known() -> None:
    assert {check.needs for check in ALL_CHECKS} == set(NEEDS)


def test_a_market_of_turns_is_judged_by_all_checks_but_those_of_happenings_between_turns(market: Path) -> None:
    found = validate(market)["checks"]
    other = {need for need in NEEDS if need and "turns" not in need and not need.startswith(("NOT ", "EXISTS "))}
    assert {check["number"] for check in found if not check["applies"]} == {
        check.number for check in ALL_CHECKS if check.needs in other
    }


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
