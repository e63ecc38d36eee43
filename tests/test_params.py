"""Parameters: what is accepted and refused, in one line that names the key; layers, changes, digests."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from pydantic import BaseModel

from qsim import params
from qsim.errors import UsageError

CLASSIC = params.resolve("classic")
HOUSES = {"first": 0.2, "exponent": 1, "offset": 1, "places": 9}
FLINK = {"name": "Flink", "low_percent": 91, "high_percent": 116, "average_discount_percent": 11}


def refusal(*layers: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        params.resolve("classic", *layers)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_classic_has_the_values_of_the_original_description() -> None:
    assert (CLASSIC.seed, CLASSIC.start, CLASSIC.products, CLASSIC.stores) == (42, "2026-01-01", 280, 1)
    assert (CLASSIC.update_interval_seconds, CLASSIC.batch_size, CLASSIC.max_price_change_percent) == (5, 50, 15)
    chances = CLASSIC.discount_probability, CLASSIC.discount_end_probability, CLASSIC.surge_probability
    assert chances == (0.15, 0.35, 0.05)
    assert (CLASSIC.discounted_percent, CLASSIC.reversion) == (30, 0.1)
    assert list(CLASSIC.category_volatility.values()) == [0.8, 0.8, 0.3, 0.2, 0.1, 0.3]
    bands = [(p.low_percent, p.high_percent, p.average_discount_percent) for p in CLASSIC.platforms.values()]
    assert list(CLASSIC.platforms) == ["blinkit", "zepto", "instamart", "bigbasket", "dunzo"]
    assert bands == [(95, 115, 8), (90, 120, 12), (92, 118, 10), (88, 125, 15), (93, 122, 9)]
    assert CLASSIC.time_of_day == {"07:00-09:00": 2, "18:00-20:00": 2, "23:00-06:00": -1}


@pytest.mark.parametrize(
    ("layer", "key", "suggested"),
    [
        ({"batch_sise": 5}, "batch_sise", "batch_size"),
        ({"surge_probabilty": 0.1}, "surge_probabilty", "surge_probability"),
        ({"category_volatilty": {}}, "category_volatilty", "category_volatility"),
        ({"category_volatility": {"fruit": 1.0}}, "fruit", "fruits"),
        ({"category_volatility": {"vegtables": 1.0}}, "vegtables", "vegetables"),
        ({"platforms": {"zepto": {"low_percnt": 90}}}, "platforms.zepto.low_percnt", "low_percent"),
        ({"assortment": {"mrp": {"levls": {}}}}, "assortment.mrp.levls", "levels"),
        ({"assortment": {"brands": {"dairy": {**HOUSES, "placs": 9}}}}, "assortment.brands.dairy.placs", "places"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(layer: dict[str, Any], key: str, suggested: str) -> None:
    text = refusal(layer)
    assert key in text
    assert f"nearest is {suggested!r}" in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1), ("seed", 2**63), ("seed", 10**30), ("seed", 1.0), ("seed", True), ("seed", "42"),
        ("start", "2026-02-30"), ("start", "tomorrow"), ("start", 20260101),
        ("products", 0), ("products", 1_000_001), ("products", 280.0), ("products", "280"), ("products", True),
        ("stores", 0), ("stores", 5_001), ("inactive_percent", -0.1), ("inactive_percent", 50.1),
        ("discounted_percent", 101), ("update_interval_seconds", 0), ("update_interval_seconds", 86_401),
        ("update_interval_seconds", 2.5), ("batch_size", -2), ("batch_size", "some"), ("batch_size", 1_000_001),
        ("max_price_change_percent", 0), ("max_price_change_percent", 50.5), ("max_price_change_percent", 12.345),
        ("discount_probability", 1.01), ("discount_probability", -0.01), ("discount_probability", math.nan),
        ("discount_probability", math.inf), ("discount_probability", "0.2"), ("discount_probability", True),
        ("discount_end_probability", 2), ("surge_probability", -math.inf), ("surge_probability", None),
        ("surge_min_percent", 15.01), ("surge_max_percent", 100.5), ("surge_max_percent", 4), ("reversion", 1.5),
        ("surge_fee_rupees", 600.01), ("surge_fee_rupees", 1.005), ("preset", "classics"), ("catalog", 5),
        ("category_volatility", 0.3), ("category_volatility", {"fruits": -0.1}),
        ("category_volatility", {"dairy": math.nan}), ("category_volatility", {"snacks": 5.1}),
        ("category_volatility", {"staples": "low"}), ("time_of_day", 2), ("platforms", {"zepto": 5}),
    ],
)  # fmt: skip
def test_a_faulty_value_is_refused_with_its_key(key: str, value: object) -> None:
    assert key.split("_m")[0] in refusal({key: value})


@pytest.mark.parametrize(
    "window",
    ["07:00", "7:00-9:00", "07:00-07:00", "07:00-25:00", "07:60-09:00", "morning", "", "07:00-09:00-10:00", "07:00 09:00"],
)  # fmt: skip
def test_a_faulty_window_of_the_day_is_refused(window: str) -> None:
    text = refusal({"time_of_day": {window: 1}})
    assert "window" in text or "time of day" in text


@pytest.mark.parametrize("shift", [-50.5, 100.5, math.nan, 0.005, "2", True])
def test_a_faulty_shift_of_a_window_is_refused(shift: object) -> None:
    assert "time_of_day" in refusal({"time_of_day": {"10:00-11:00": shift}})


@pytest.mark.parametrize(
    "name", ["a/b", "../up", "..", ".", "", "Zepto", "zep to", "zep-to", "जेप्टो", "a" * 31, "_", "a\nb", "a'b"]
)
def test_a_platform_id_that_is_no_plain_word_is_refused(name: str) -> None:
    platform = {"name": "X", "low_percent": 90, "high_percent": 110, "average_discount_percent": 10}
    assert "platform id" in refusal({"platforms": {name: platform}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("low_percent", 130), ("high_percent", 80), ("low_percent", 0), ("high_percent", 1001), ("delivery_fee", -1),
        ("average_discount_percent", 3.9), ("average_discount_percent", 25.1), ("name", ""), ("name", "x" * 61),
        ("minimum_order", math.inf), ("handling_fee", True), ("free_delivery_from", 100_001), ("delivery_fee", "25"),
    ],
)  # fmt: skip
def test_a_faulty_value_of_a_platform_is_refused_with_platform_and_key(key: str, value: object) -> None:
    text = refusal({"platforms": {"zepto": {key: value}}})
    assert "platforms.zepto" in text
    assert key in text


def test_a_platform_without_its_band_is_refused() -> None:
    assert "platforms.flink.low_percent" in refusal({"platforms": {"flink": {"name": "Flink"}}})


def test_more_listings_than_their_number_can_hold_are_refused() -> None:
    assert "5,000 stores are more than 4,294,967,295 listings" in refusal({"products": 1_000_000, "stores": 5_000})


def test_no_platform_and_more_than_fifty_are_refused() -> None:
    values = CLASSIC.model_dump()
    with pytest.raises(UsageError, match="platforms"):
        params.check({**values, "platforms": {}})
    many = {f"p{number}": values["platforms"]["zepto"] for number in range(51)}
    with pytest.raises(UsageError, match="platforms"):
        params.check({**values, "platforms": many})


@pytest.mark.parametrize(
    ("layer", "key", "wanted"),
    [
        ({"batch_size": "all"}, "batch_size", 0), ({"batch_size": 0}, "batch_size", 0),
        ({"seed": 2**63 - 1}, "seed", 2**63 - 1), ({"max_price_change_percent": 33.33}, "max_price_change_percent", 33.33),
        ({"discount_probability": 0}, "discount_probability", 0), ({"surge_probability": 1}, "surge_probability", 1),
        ({"surge_min_percent": 15}, "surge_min_percent", 15), ({"start": "2028-02-29"}, "start", "2028-02-29"),
        ({"update_interval_seconds": 86_400}, "update_interval_seconds", 86_400),
    ],
)  # fmt: skip
def test_values_at_the_edge_of_what_is_allowed_are_accepted(layer: dict[str, Any], key: str, wanted: object) -> None:
    assert getattr(params.resolve("classic", layer), key) == wanted


def test_a_partial_volatility_keeps_the_defaults_of_the_other_groups() -> None:
    changed = params.resolve("classic", {"category_volatility": {"fruits": 1.0, "staples": 0}})
    assert changed.category_volatility == {**CLASSIC.category_volatility, "fruits": 1.0, "staples": 0}


def test_a_partial_platform_keeps_what_it_does_not_name() -> None:
    changed = params.resolve("classic", {"platforms": {"dunzo": {"high_percent": 110}}})
    assert changed.platforms["dunzo"].low_percent == 93
    assert changed.platforms["dunzo"].high_percent == 110
    assert changed.platforms["blinkit"] == CLASSIC.platforms["blinkit"]


def test_later_layers_win_over_earlier_ones_and_the_preset() -> None:
    assert params.resolve("classic", {"batch_size": 7, "stores": 2}, {"batch_size": 9}).batch_size == 9
    assert params.resolve("classic", {"batch_size": 7, "stores": 2}, {"batch_size": 9}).stores == 2


@pytest.mark.parametrize(
    "law",
    [
        {"time_of_day": {}},
        {"time_of_day": {"09:00-10:00": 3.0}},
        {"sales": {"depths": {"50": 1.0}}},
        {"sales": {"days": {"4": 1.0}}},
        {"demand": {"units": {"2": 1.0}}},
        {"price_points": {"loose": {"nine": 1.0}}},
        {"price_points": {"platforms": {"bigbasket": {"nine": 1.0}}}},
        {"assortment": {"mrp": {"endings": {"dairy": {"0": 1.0}}}}},
        {"assortment": {"mrp": {"discounts": {"snacks": {"0": 1.0}}}}},
        {"assortment": {"mrp": {"levels": {"dairy": {"10": 10.0, "100": 110.0}}}}},
    ],
)
def test_a_law_that_is_given_takes_the_place_of_the_presets(law: dict[str, Any]) -> None:
    found: Any = params.resolve("realistic", law).model_dump()
    while law:
        (key,) = law
        law, found = law[key], {name: value for name, value in found[key].items() if value}
        if not isinstance(next(iter(law.values()), None), dict):
            break
    assert found == law


def test_an_assignment_of_one_key_of_a_law_keeps_the_others() -> None:
    laid = params.merge(params.assignment("sales.depths.50=0.5"), params.assignment("sales.depths.60=0.25"))
    depths = params.resolve("realistic", laid).sales.depths
    assert depths == params.resolve("realistic").sales.depths | {"50": 0.5, "60": 0.25}
    assert params.resolve("realistic", params.assignment("sales.depths={50=1.0}")).sales.depths == {"50": 1.0}


def test_merging_alters_neither_side() -> None:
    base, changes = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}, "e": {"f": 1}}
    assert params.merge(base, changes) == {"a": {"b": 9, "c": 2}, "d": 3, "e": {"f": 1}}
    assert (base, changes) == ({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}, "e": {"f": 1}})


def test_parameters_cannot_be_altered_in_place() -> None:
    with pytest.raises(ValueError, match="frozen"):
        CLASSIC.seed = 1


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="nearest is 'classic'"):
        params.resolve("clasic")
    with pytest.raises(UsageError, match="preset"):
        params.resolve("../presets/classic")


@pytest.mark.parametrize(("key", "value"), [("seed", 7), ("start", "2026-01-02"), ("products", 281), ("stores", 2),
    ("inactive_percent", 4), ("discounted_percent", 20), ("catalog", "x.csv"),
    ("platforms", {"zepto": {"delivery_fee": 1}})])  # fmt: skip
def test_a_fixed_parameter_cannot_change_in_a_run(key: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"^{key}: found .*fixed"):
        params.change(CLASSIC, {key: value})


def test_run_parameters_change_and_fixed_ones_may_be_repeated() -> None:
    changed = params.change(CLASSIC, {"batch_size": 7, "seed": 42, "category_volatility": {"dairy": 0.5}})
    assert changed.batch_size == 7
    assert changed.category_volatility["dairy"] == 0.5
    assert changed.category_volatility["fruits"] == 0.8
    assert CLASSIC.batch_size == 50


def test_every_parameter_is_fixed_or_can_change_in_a_run() -> None:
    run = {"update_interval_seconds": 60, "batch_size": 3, "max_price_change_percent": 5, "discount_probability": 0.2,
           "discount_end_probability": 0.2, "deep_discount_percent": 5, "surge_probability": 0.2, "surge_min_percent": 6,
           "surge_max_percent": 16, "surge_fee_rupees": 5, "reversion": 0.2, "category_volatility": {"other": 1},
           "time_of_day": {"23:00-06:00": 0}, "time_of_day_share": 0.5, "truth": True, "scenario": "diwali"}  # fmt: skip
    changed = params.change(CLASSIC, run)
    assert all(getattr(changed, key) != getattr(CLASSIC, key) for key in run)
    tables = {key for key in params.Parameters.model_fields if isinstance(getattr(CLASSIC, key), BaseModel)}
    assert set(run) | tables | params.FIXED == set(params.Parameters.model_fields)


def test_max_workers_belongs_to_the_process_not_the_market() -> None:
    assert params.without_process({"max_workers": 3, "seed": 1}) == ({"seed": 1}, 3)
    assert params.without_process({"seed": 1}) == ({"seed": 1}, None)
    for value in (0, -1, True, "2", 1.5):
        with pytest.raises(UsageError, match="max_workers"):
            params.without_process({"max_workers": value})


def test_the_digest_is_the_same_for_the_same_values_and_another_for_any_other() -> None:
    sixth = params.resolve("classic", {"platforms": {"flink": FLINK}})
    for parameters in (CLASSIC, sixth, params.resolve("realistic")):
        read_back = params.check(json.loads(json.dumps(dict(reversed(parameters.model_dump().items())))))
        assert read_back == parameters
        assert params.digest(read_back) == params.digest(parameters)
    others = [params.resolve("classic", layer) for layer in ({"seed": 43}, {"reversion": 0.11}, {"catalog": "x"},
              {"time_of_day": {"07:00-09:00": 3}}, {"platforms": {"zepto": {"minimum_order": 50}}})]  # fmt: skip
    assert len({params.digest(one) for one in (CLASSIC, *others)}) == 6
