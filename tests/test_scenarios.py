"""Scenarios: which parameters change when one begins, and that they are back when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim import params, scenarios
from qsim.errors import UsageError
from qsim.params import FIXED, Parameters
from qsim.runs.epochs import course_of
from qsim.storage import log
from tests.commands import Shell

NAMES = ["cricket-night", "diwali", "monsoon", "outage", "price-war"]
PLAIN = params.resolve("realistic")


def generated(**values: Any) -> Parameters:
    return params.resolve("realistic", scenarios.opening("realistic", values))


def after(course: list[Parameters], **values: Any) -> list[Parameters]:
    """The course with the epoch that a run with these values would begin."""
    return [*course, params.change(course[-1], scenarios.changes(course, values))]


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_changes_run_parameters_alone(name: str) -> None:
    changed = generated(scenario=name)
    differing = {key for key in Parameters.model_fields if getattr(changed, key) != getattr(PLAIN, key)}
    assert len(differing) > 1 and "scenario" in differing and not differing & FIXED


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_in_a_run_changes_what_it_does_at_the_start(name: str) -> None:
    assert after([PLAIN], scenario=name)[-1] == generated(scenario=name)


@pytest.mark.parametrize("name", NAMES)
def test_a_market_is_as_before_when_a_scenario_has_ended(name: str) -> None:
    begun = after([PLAIN], scenario=name)
    assert after(begun, scenario="none")[-1] == PLAIN
    assert after([generated(scenario=name)], scenario="none")[-1] == PLAIN


@pytest.mark.parametrize("name", NAMES)
def test_what_config_prints_of_a_scenario_is_a_file_that_changes_the_same(
    name: str, shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(shell("config", "scenario", name).out)
    given = params.resolve("realistic", params.read_toml(file))
    assert given == params.change(generated(scenario=name), {"scenario": ""})
    assert params.change(PLAIN, params.read_toml(file)) == given


def test_values_beginning_with_x_multiply_what_the_market_has() -> None:
    own = params.change(PLAIN, {"demand": {"level": 0.5, "a_day": {"snacks": 40}}, "sales": {"share": 0.2}})
    assert after([own], scenario="diwali")[-1].demand.level == 0.8
    assert after([own], scenario="diwali")[-1].sales.share == pytest.approx(0.36)
    assert after([own], scenario="cricket-night")[-1].demand.a_day["snacks"] == 52


def test_a_law_of_a_scenario_takes_the_place_of_the_markets_and_gives_it_back() -> None:
    own = params.change(PLAIN, {"sales": {"depths": params.Whole({"33": 1.0})}})
    begun = after([own], scenario="diwali")
    assert "33" not in begun[-1].sales.depths
    assert after(begun, scenario="none")[-1].sales.depths == {"33": 1.0}


def test_what_is_given_with_a_scenario_wins_over_it_and_it_over_the_preset() -> None:
    given = {"demand": {"level": 3.0}}
    assert generated(scenario="diwali", **given).demand.level == 3
    assert after([PLAIN], scenario="diwali", **given)[-1].demand.level == 3
    assert generated(scenario="diwali", **given).sales == generated(scenario="diwali").sales


def test_what_was_asked_for_at_the_start_stays_when_the_scenario_ends() -> None:
    opening = generated(scenario="diwali", demand={"level": 3.0}, seed=7)
    ended = after([opening], scenario="none")[-1]
    assert ended == params.resolve("realistic", {"demand": {"level": 3.0}, "seed": 7})


def test_a_parameter_that_no_scenario_set_keeps_what_was_changed_meanwhile() -> None:
    course = after(after([PLAIN], scenario="monsoon"), cost={"volatility": {"dairy": 0.02}}, batch_size=5)
    ended = after(course, scenario="none")[-1]
    assert ended == params.change(PLAIN, {"cost": {"volatility": {"dairy": 0.02}}, "batch_size": 5})


def test_another_scenario_ends_the_one_that_runs() -> None:
    course = after(after([generated(scenario="price-war")], scenario="diwali"), scenario="monsoon")
    assert course[1] == generated(scenario="diwali")
    assert course[2] == generated(scenario="monsoon")
    assert after(course, scenario="none")[-1] == PLAIN


def test_a_scenario_that_runs_may_be_named_again() -> None:
    begun = after([PLAIN], scenario="monsoon")
    assert after(begun, scenario="monsoon")[-1] == begun[-1]


def test_ending_no_scenario_changes_nothing() -> None:
    assert after([PLAIN], scenario="none")[-1] == PLAIN == after([PLAIN], scenario="")[-1]
    assert generated(scenario="none") == PLAIN


def test_what_a_market_does_not_have_stays_off() -> None:
    quiet = params.change(PLAIN, {"rivals": {"looks_a_day": 0.0}})
    war = after([quiet], scenario="price-war")[-1]
    assert war.rivals == quiet.rivals and war.sales != quiet.sales


@pytest.mark.parametrize("name", NAMES)
def test_a_market_with_nothing_that_a_scenario_changes_refuses_it(name: str) -> None:
    classic = params.resolve("classic")
    for begin in (lambda: scenarios.changes([classic], {"scenario": name}),
                  lambda: scenarios.opening("classic", {"scenario": name})):  # fmt: skip
        with pytest.raises(UsageError, match=f"^scenario: found '{name}', which changes .*--preset realistic$"):
            begin()


def test_an_unknown_scenario_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"^scenario: found 'monsun'; nearest is 'monsoon'; name one of them$"):
        scenarios.changes([PLAIN], {"scenario": "monsun"})
    with pytest.raises(UsageError, match=r"^scenario: found 'dwali'; nearest is 'diwali'"):
        scenarios.opening("realistic", {"scenario": "dwali"})


def test_an_outage_needs_the_platform_that_it_closes() -> None:
    one = PLAIN.model_copy(update={"platforms": {"blinkit": PLAIN.platforms["blinkit"]}})
    with pytest.raises(
        UsageError, match=r"^scenario: found 'outage', which closes 'zepto'; the platforms are blinkit;"
    ):
        scenarios.overlay("outage", one)


def test_a_run_begins_and_ends_a_scenario_as_epochs(tmp_path: Path) -> None:
    market = tmp_path / "m"
    qsim.generate(market, products=12, preset="realistic")
    qsim.run(market, ticks=2)
    qsim.run(market, ticks=3, scenario="monsoon")
    qsim.run(market, ticks=1)
    assert qsim.status(market)["scenario"] == "monsoon"
    qsim.run(market, ticks=1, config={"scenario": "none"})
    course = course_of(log.read(market))
    assert [(epoch.tick, one.scenario) for epoch, one in zip(course.epochs, course.parameters, strict=True)] == [
        (0, ""), (2, "monsoon"), (6, "")]  # fmt: skip
    assert course.parameters[2] == course.parameters[0]


def test_what_of_a_scenario_a_market_has_nothing_of_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def told(act: Callable[..., object], **given: object) -> list[str]:
        caplog.clear()
        act(tmp_path / "m", **given)
        return [record.message for record in caplog.records if record.levelname == "WARNING"]

    assert told(qsim.generate, preset="supermarket", products=5, scenario="price-war") == [
        "scenario: 'price-war' also changes rivals, of which this market has nothing"
    ]
    assert told(qsim.run, ticks=1, scenario="diwali") == [
        "scenario: 'diwali' also changes demand, of which this market has nothing"
    ]
    assert told(qsim.run, ticks=1) == told(qsim.run, ticks=1, scenario="none") == []
