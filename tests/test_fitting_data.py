"""Fits of real files as they are, and how far a fitted market is told from what the fit did not see."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import qsim
from qsim.cli import main
from qsim.fitting import refine, simulate, split
from qsim.fitting.reading import panel_of, read_source
from qsim.fitting.simulate import simulated
from qsim.realism import classifier
from qsim.realism.panel import Panel

CHAINS = ("billa", "mpreis")
UNLIKE_BEFORE = pytest.mark.xfail(
    reason="in most windows of these chains no price changes, and the other chain hardly changes any: it lies where a"
    " market that stands still does; the chain's later weeks are unlike its days before, which lie farther off still"
)


def data(name: str) -> Path:
    folder = os.environ.get("QSIM_SHARED_DATA")
    if not folder:
        pytest.skip("QSIM_SHARED_DATA names no folder of real prices")
    return Path(folder) / f"{name}.parquet"


@pytest.fixture(params=["short", pytest.param("whole", marks=pytest.mark.nightly)])
def fitting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a fit simulate few days and correct itself once; on the nightly tier all that it does."""
    if request.param == "short":
        for module, name, value in ((refine, "ROUNDS", 2), (simulate, "WARM_DAYS", 14), (split, "_MOST_DAYS", 56)):
            monkeypatch.setattr(module, name, value)


def test_a_catalog_alone_gives_price_points_and_discounts_by_category(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "basket.toml"
    assert main(["fit", str(data("bigbasket_catalog")), "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    whole = next(row for row in result["catalog"] if row["category"] == "all")
    assert whole["goods"] == 27_555 and whole["below MRP"] == pytest.approx(0.553, abs=0.001)
    assert whole["mean discount"] == pytest.approx(21.4, abs=0.05)
    assert result["preset"]["price_points"]["packaged"]["nine"] > 0.1
    assert main(["generate", str(tmp_path / "m"), "--config", str(out), "--products", "20"]) == 0


@pytest.mark.usefixtures("fitting")
def test_a_series_of_two_vegetables_with_gaps_is_fitted() -> None:
    result = qsim.fit(data("bigbasket_daily_vegetables"), hold_out=0)
    print(result["rounds"], result["moments"])
    near = {row["moment"]: row for row in result["moments"]}
    changes = near["daily P(change)"]
    assert changes["market"] == pytest.approx(changes["fitted part"], rel=0.35)
    assert result["columns"]["mrp"] == "mrp" and result["auc"] is None


@pytest.mark.usefixtures("fitting")
def test_commodities_in_twelve_cities_are_fitted_and_the_cities_become_sellers() -> None:
    pytest.importorskip("sklearn", reason="the extra ml is not installed")
    result = qsim.fit(data("india_retail_prices"))
    print(result["rounds"], result["moments"], result["auc"])
    assert len(result["preset"]["platforms"]) == 12 and "series" in result["held_out"]
    near = {row["moment"]: row for row in result["moments"]}
    assert near["daily P(change)"]["near"] and near["whole rupees"]["market"] == 1
    assert result["auc"]["market"]["boosted"] < 0.8


@pytest.fixture(scope="module", params=CHAINS)
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One chain fitted on three fifths of its items and days; the other items on the later days, and another chain on them."""
    one, two = request.param, next(name for name in CHAINS if name != request.param)
    pytest.importorskip("sklearn", reason="the extra ml is not installed")
    table = pl.read_parquet(data("austria_price_changes"))
    folder = tmp_path_factory.mktemp("chain")
    panels: dict[str, Panel] = {}
    for name in CHAINS:
        table.filter(pl.col("store") == name).write_parquet(folder / f"{name}.parquet")
        panels[name] = panel_of(read_source(folder / f"{name}.parquet", {}))[0]
    early, held, _ = split.part(panels[one], 0.4, 1)
    assert held is not None
    others = panels[one].rows(~np.isin(panels[one].item, early.item))
    start = int((held.days[0] - panels[two].days[0]).astype(int))
    other = panels[two].columns(slice(start, start + len(held.days)))
    before = early.columns(slice(len(early.days) - len(held.days), len(early.days)))
    result = qsim.fit(folder / f"{one}.parquet", hold_out=0.4, goods=folder / "goods.csv", out=folder / "fitted.toml")
    goods = pl.read_csv(folder / "goods.csv")
    made = simulated(result["preset"], held, goods, seed=11)[0]
    whole = simulated(result["preset"], others, goods, seed=11)[0]
    return {
        "later": (held, {"fitted market": made, "other chain": other, "its own days before": before}),
        "all days": (others, {"fitted market": whole, "other chain": panels[two]}),
    }


def figures(chain: dict[str, Any], days: str, changed_only: bool) -> dict[str, float]:
    """Boosted AUC against the items that were held out, on later days or all, the mean of four seeds."""
    seeds, (held, sides) = range(1, 5), chain[days]

    def mean(tries: list[dict[str, float]]) -> float:
        return sum(each["boosted"] for each in tries) / len(tries)

    found = {
        name: mean([classifier.auc(held, side, seed=seed, changed_only=changed_only) for seed in seeds])
        for name, side in sides.items()
    }
    found["held out against itself"] = mean(
        [classifier.floor(held, seed=seed, changed_only=changed_only) for seed in seeds]
    )
    print(days, "windows with a change" if changed_only else "all windows", found)
    return found


@pytest.mark.nightly
def test_a_fitted_market_is_nearer_to_the_chain_than_another_chain_where_prices_change(chain: dict[str, Any]) -> None:
    for days in ("later", "all days"):
        found = figures(chain, days, changed_only=True)
        assert abs(found["fitted market"] - 0.5) <= abs(found["other chain"] - 0.5)
        assert abs(found["held out against itself"] - 0.5) < 0.05


@pytest.mark.nightly
def test_a_fitted_market_is_as_near_as_another_chain_to_other_goods_over_all_days(chain: dict[str, Any]) -> None:
    found = figures(chain, "all days", changed_only=False)
    assert abs(found["fitted market"] - 0.5) <= abs(found["other chain"] - 0.5)


@pytest.mark.nightly
@pytest.mark.parametrize("changed_only", [False, True], ids=["all windows", "windows with a change"])
def test_a_fitted_market_is_nearer_to_the_later_days_than_the_chains_own_days_before(
    chain: dict[str, Any], changed_only: bool
) -> None:
    found = figures(chain, "later", changed_only)
    assert abs(found["fitted market"] - 0.5) <= abs(found["its own days before"] - 0.5)


@pytest.mark.nightly
@pytest.mark.parametrize("chain", [pytest.param("billa", marks=UNLIKE_BEFORE), "mpreis"], indirect=True)
def test_a_fitted_market_is_as_near_as_another_chain_to_other_goods_on_later_days(chain: dict[str, Any]) -> None:
    found = figures(chain, "later", changed_only=False)
    print("a market whose prices never change", still(chain["later"][0]))
    assert abs(found["fitted market"] - 0.5) <= abs(found["other chain"] - 0.5)


def still(held: Panel) -> float:
    """Boosted AUC against the held-out part with every price stopped at its series' first: the mark of no change at all."""
    price = held.price_paise
    first = np.take_along_axis(price, (price > 0).argmax(axis=1)[:, None], axis=1)
    stopped = replace(held, price_paise=np.where(price > 0, first, 0).astype(np.int32))
    return sum(classifier.auc(held, stopped, seed=seed)["boosted"] for seed in range(1, 5)) / 4


def test_flags_that_are_not_understood_are_told_of(tmp_path: Path) -> None:
    rows = "".join(f"tea,2026-01-{day:02},{50 - day},{'Promo' if day < 3 else ''},yes\n" for day in range(1, 9))
    (tmp_path / "prices.csv").write_text(f"item,date,price,promo,in_stock\n{rows}", "utf-8")
    notes = read_source(tmp_path / "prices.csv", {}).notes
    told = "on_sale: 2 cells are neither yes nor no, such as 'Promo', and say nothing; write yes, no or a number"
    assert [note for note in notes if "cells" in note] == [told]
