"""The classifier two-sample test: its features by hand, its ends, and real shops."""

from __future__ import annotations

import sys
from dataclasses import replace
from math import log, sqrt

import numpy as np
import polars as pl
import pytest

from qsim.errors import InputError, UsageError
from qsim.realism import validate
from qsim.realism.classifier import FEATURES, auc, features, floor
from qsim.realism.panel import Panel
from tests.panels import learn, panel_of, shop

TWO = log(2)


def sticky(seed: int, series: int = 150, days: int = 56, rate: float = 0.15, step: float = 0.1) -> Panel:
    """Random prices that rarely change."""
    random = np.random.Generator(np.random.Philox(seed))
    moves = random.normal(0, step, (series, days)) * (random.random((series, days)) < rate)
    return panel_of((10_000 * np.exp(np.cumsum(moves, axis=1))).astype(np.int32).tolist())


def described(*prices: int) -> dict[str, float]:
    return dict(zip(FEATURES, features(np.array([prices], np.int32))[0].tolist(), strict=True))


def test_features_by_hand():
    found = described(100, 200, 100, 100, 102)
    d = log(1.02)
    energy = 2 * TWO**2 + d**2
    level = np.log([100, 200, 100, 100, 102])
    assert found == pytest.approx(
        {
            "changes": 3, "mean_size": (2 * TWO + d) / 3, "max_size": TWO, "decreases": 1 / 3, "distinct": 3,
            "at_mode": 3 / 5, "drift": d, "sd": sqrt(level.var()), "consecutive": 1, "aba": 1 / 2,
            "max_square": TWO**2 / energy, "lag_product": -(TWO**2) / energy, "small": 1, "large": 2,
        }
    )  # fmt: skip


def test_features_know_no_level_and_hold_over_missing_steps():
    assert described(100, 200, 100) == pytest.approx(described(1000, 2000, 1000))
    assert described(0, 100, 0, 200) == described(100, 100, 100, 200)
    still = described(100, 100, 100)
    assert still["at_mode"] == still["distinct"] == 1 and sum(still.values()) == 2


def test_equal_laws_are_not_told_apart_and_unlike_ones_are():
    learn()
    same, unlike = auc(sticky(1), sticky(2)), auc(sticky(1), sticky(3, rate=1.0, step=0.05))
    assert abs(same["boosted"] - 0.5) < 0.08 and abs(same["logistic"] - 0.5) < 0.08 and same["windows"] == 600
    assert unlike["boosted"] > 0.99 and unlike["logistic"] > 0.99
    assert abs(floor(sticky(1))["boosted"] - 0.5) < 0.1
    only = auc(sticky(1), sticky(2), changed_only=True)
    assert only["windows"] < same["windows"] and abs(only["boosted"] - 0.5) < 0.09


def test_the_same_panels_and_seed_give_the_same_figures():
    learn()
    one, other = sticky(1, series=50), sticky(2, series=50)
    assert auc(one, other) == auc(sticky(1, series=50), sticky(2, series=50))
    assert auc(one, other, seed=2) != auc(one, other, seed=3)


def test_missing_steps_tell_nothing():
    learn()
    real = sticky(1)
    holes = np.random.Generator(np.random.Philox(9)).random(real.price_paise.shape) < 0.25
    real = replace(real, price_paise=np.where(holes, 0, real.price_paise).astype(np.int32))
    assert abs(auc(real, sticky(2))["boosted"] - 0.5) < 0.08


def test_a_weekly_reference_is_compared_with_every_seventh_day():
    learn()
    weekly = replace(sticky(4, days=48), step_days=7)
    assert 0.5 < auc(weekly, sticky(5, days=7 * 48))["boosted"] <= 1
    with pytest.raises(InputError, match="weekly"):
        auc(sticky(5), weekly)


def test_too_little_data_is_refused():
    with pytest.raises(InputError, match="windows"):
        auc(sticky(1, series=5, days=14), sticky(2))


def test_without_scikit_learn_one_line_tells_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(UsageError, match=r"pip install 'quickcommerce-sim\[ml\]'"):
        auc(sticky(1), sticky(2))


def test_a_panel_is_judged_beside_the_floor_and_another_retailer():
    learn()
    shops = [replace(sticky(seed), seller=np.full(150, name)) for seed, name in ((1, "x"), (2, "y"))]
    wide = ("price_paise", "mrp_paise", "on_sale", "in_stock", "regular_paise", "item", "seller", "group")
    both = replace(
        shops[0], **{name: np.concatenate([getattr(one, name) for one in shops]) for name in wide}
    )  # fmt: skip
    result = validate.judged(sticky(3), both)
    assert (result["retailer"], result["other_name"]) == ("x", "y")
    for figures in (result["auc"], result["floor"], result["other_retailer"]):
        assert abs(figures["boosted"] - 0.5) < 0.1
    parts = 0.7 * result["M"] + 0.3 * result["D"]
    assert result["score"] == pytest.approx(100 * parts) and result["moments"][0]["reference"] > 0


@pytest.mark.nightly
def test_austrian_shops_differ_from_each_other_and_not_from_themselves():
    learn()
    billa, mpreis = shop("billa"), shop("mpreis")
    figures = {
        "billa floor": floor(billa), "mpreis floor": floor(mpreis), "billa mpreis": auc(billa, mpreis),
        "changed floor": floor(billa, changed_only=True), "changed": auc(billa, mpreis, changed_only=True),
    }  # fmt: skip
    print(pl.DataFrame([{"pair": name, **found} for name, found in figures.items()]))
    for name in ("billa floor", "mpreis floor", "changed floor"):
        assert abs(figures[name]["boosted"] - 0.5) < 0.05
    assert 0.55 < figures["billa mpreis"]["boosted"] < 0.7
    assert 0.85 < figures["changed"]["boosted"] < 0.95
    walk = sticky(6, series=400, days=86, rate=1.0, step=0.05)
    assert auc(billa, walk)["boosted"] > 0.99
