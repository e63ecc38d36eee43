"""What fitted presets need of the market: prices in paise, exact sales, weekdays, no campaigns; and a preset as --config."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import qsim
from qsim import params
from qsim.cli import main
from qsim.fitting.report import told_apart
from qsim.hours import hours
from qsim.market import repricing
from qsim.realism.classifier import FEATURES, features
from tests.panels import panel_of
from tests.stored import history


@pytest.mark.parametrize(
    ("paise", "style", "point"),
    [
        (201, repricing.X99, 199),
        (10_020, repricing.X99, 9_999),
        (250, repricing.X99, 249),
        (10_020, repricing.X49, 9_999),
        (10_060, repricing.X49, 10_049),
        (244, repricing.X49, 249),
        (133, repricing.X49, 129),
        (133, repricing.X9, 129),
        (136, repricing.X9, 139),
        (2, repricing.X9, 9),
        (19_990, repricing.X99, 19_950),
        (0.2, repricing.PAISE, 1),
    ],
)
def test_a_price_in_paise_is_set_to_the_point_of_its_style(paise: float, style: int, point: int) -> None:
    ceiling = np.array([19_950], np.int32)
    assert repricing.snap(np.array([float(paise)]), np.array([style], np.uint8), 0.035, ceiling)[0] == point


def sale_prices(folder: Path, exact: float) -> pl.DataFrame:
    layer: dict[str, object] = {"price_points": {"exact_sales": exact}, "sales": {"share": 0.5, "campaign_share": 0.0}}
    layer |= {"rivals": {"known_share": 0.0}, "time_of_day_share": 0.0}
    qsim.generate(folder, preset="realistic", config=layer, products=200, seed=4, update_interval_seconds=3_600)
    qsim.run(folder, ticks=72)
    events = history(folder, "events").filter(pl.col("discount_bps") > 0)
    aim = (
        pl.col("regular_price_paise").cast(pl.Int64) * (10_000 - pl.col("discount_bps").cast(pl.Int64)) / 10_000 + 0.5
    ).floor()
    return events.with_columns(exact=pl.col("price_after_paise") == aim)


def test_sale_prices_are_exact_percentages_where_the_shop_does_not_round_them(tmp_path: Path) -> None:
    assert sale_prices(tmp_path / "a", 1.0)["exact"].all()
    assert sale_prices(tmp_path / "b", 0.0)["exact"].mean() < 0.5  # type: ignore[operator]


def profiles(layer: dict[str, dict[str, object]]) -> list[tuple[float, float]]:
    """Each hour's rates of repricing and of sales over their mean, in a week from a Thursday on."""
    week = hours(params.resolve("realistic", layer), (), ("Pune",), 0, 167)
    return [(hour.reprice, hour.sale) for hour in week.values()]


def test_weekdays_and_morning_hours_move_rates_about_in_the_week_and_not_their_sum() -> None:
    plain = profiles({})
    moved = profiles(
        {"repricing": {"weekdays": [0, 0, 0, 7, 0, 0, 0], "morning_share": 1.0}, "sales": {"morning_share": 1.0}}
    )
    assert sum(price > 0 for price, _ in moved) == 3
    assert sum(price for price, _ in moved) == pytest.approx(168)
    assert sum(sale for _, sale in moved) == pytest.approx(sum(sale for _, sale in plain), rel=0.01)
    even = profiles({"sales": {"weekdays": [1.0] * 7, "morning_share": 0.125}})
    assert {sale for _, sale in even} == {1.0}


def test_a_market_without_campaigns_has_no_lines(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", config={"sales": {"campaign_share": 0.0}}, products=50)
    with qsim.connect(tmp_path / "m") as connection:
        assert connection.sql("SELECT count(*) FROM raw.campaign_lines").fetchall() == [(0,)]


def test_a_whole_preset_stands_in_the_place_of_the_preset_and_a_part_is_laid_over_it() -> None:
    whole = params.resolve("realistic").model_dump()
    whole["sales"] |= {"days": {"4": 1.0}}
    whole["platforms"] = {"mine": whole["platforms"]["zepto"]}
    assert list(params.resolve("classic", whole).platforms) == ["mine"]
    assert params.resolve("classic", whole).sales.days == {"4": 1.0}
    assert params.resolve("classic", whole, {"stores": 2}).stores == 2
    assert len(params.resolve("classic", {"platforms": {"zepto": {"delivery_fee": 1}}}).platforms) == 5


def test_a_preset_file_and_a_setting_over_it_make_a_market(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = params.resolve("realistic").model_dump()
    whole["platforms"] = {"mine": whole["platforms"]["zepto"]}
    (tmp_path / "mine.toml").write_text(params.to_toml(whole), "utf-8")
    assert main(["generate", str(tmp_path / "m"), "--config", str(tmp_path / "mine.toml"), "--set", "products=12"]) == 0
    assert "12 products, 12 listings" in capsys.readouterr().out


def test_unchanged_windows_look_alike_whatever_their_price() -> None:
    levels = np.repeat(np.arange(101, 20_000, 37)[:, None], 14, axis=1).astype(np.int32)
    found = features(levels)
    assert (found == found[0]).all() and found[0, FEATURES.index("sd")] == 0


def test_why_there_is_no_classifier_is_told_without_its_name() -> None:
    short = panel_of([[10_000, 9_000, 9_500]])
    found, missing = told_apart(short, short, short, 1)
    assert found is None
    assert missing.startswith("found 0 windows")
