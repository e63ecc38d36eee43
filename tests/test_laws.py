"""The laws of a run: what may not change a market, what changes all of it, and what changes only a part."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import qsim
from qsim.runs import recording, writing
from qsim.schema import Cause
from qsim.storage import lock
from tests.stored import history, logged, replayed

SETTINGS = ({}, {"batch_size": 0}, {"update_interval_seconds": 3_600}, {"surge_probability": 0.5, "reversion": 0.0})
# A failure is told as found: to shrink it would take minutes of runs.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=PHASES)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market of 40 products at tick 0; to be copied, never run."""
    market = tmp_path_factory.mktemp("laws") / "opened"
    qsim.generate(market, products=40, seed=11, batch_size=9, update_interval_seconds=600)
    return market


@pytest.fixture(scope="module")
def several_blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market of three blocks at tick 0."""
    market = tmp_path_factory.mktemp("laws") / "blocks"
    qsim.generate(market, products=30_000, seed=5)
    return market


def copied(market: Path, folder: Path, name: str) -> Path:
    return Path(shutil.copytree(market, folder / name))


def content(status: dict[str, Any]) -> dict[str, Any]:
    """What two markets of the same history have in common, however it was run."""
    return {key: status[key] for key in ("tick", "market_time", "events", "digest", "interval_seconds")}


@cache
def _counter() -> Iterator[int]:
    return iter(range(1_000_000))


def scratch(folder: Path) -> Path:
    made = folder / f"case-{next(_counter())}"
    made.mkdir()
    return made


@FEW
@given(parts=st.lists(st.integers(1, 60), min_size=2, max_size=5))
def test_any_split_of_a_run_gives_the_same_market(opened: Path, parts: list[int]) -> None:
    folder = scratch(opened.parent)
    whole, split = copied(opened, folder, "whole"), copied(opened, folder, "split")
    wanted = qsim.run(whole, ticks=sum(parts))
    for part in parts:
        found = qsim.run(split, ticks=part)
    assert content(found) == content(wanted)
    for name in ("events", "discounts", "metrics"):
        assert history(split, name).equals(history(whole, name))
    assert history(split, "snapshots", sum(parts)).equals(history(whole, "snapshots", sum(parts)))


@FEW
@given(
    stretches=st.lists(st.tuples(st.integers(2, 30), st.sampled_from(SETTINGS)), min_size=2, max_size=4),
    data=st.data(),
)
def test_any_split_of_a_run_whose_parameters_change_gives_the_same_market(
    opened: Path, stretches: list[tuple[int, dict[str, Any]]], data: st.DataObject
) -> None:
    folder = scratch(opened.parent)
    whole, split = copied(opened, folder, "whole"), copied(opened, folder, "split")
    for ticks, changes in stretches:
        cut = data.draw(st.integers(1, ticks - 1))
        wanted = qsim.run(whole, ticks=ticks, **changes)
        qsim.run(split, ticks=cut, **changes)
        found = qsim.run(split, ticks=ticks - cut)
    assert content(found) == content(wanted)
    assert history(split, "events").equals(history(whole, "events"))


def test_a_longer_run_begins_with_the_shorter(opened: Path, tmp_path: Path) -> None:
    short, long = copied(opened, tmp_path, "short"), copied(opened, tmp_path, "long")
    qsim.run(short, ticks=37)
    qsim.run(long, ticks=90)
    for name in ("events", "discounts", "metrics"):
        assert history(long, name).filter(pl.col("tick") <= 37).equals(history(short, name))


@pytest.mark.parametrize("changes", [{"batch_size": 0}, {"batch_size": 2_000}], ids=["all", "2000"])
def test_workers_change_nothing(several_blocks: Path, tmp_path: Path, changes: dict[str, int]) -> None:
    found = []
    for workers in (1, 2, 3):
        market = copied(several_blocks, tmp_path, f"workers-{workers}")
        with lock.writer_lock(market):
            writer = writing.open_writer(market, workers)
            assert len(writer.blocks) == 3
            assert writer.workers == workers
            epoch = writing.change_parameters(writer, changes)
            recording.run_on(writer, 12, epoch)
        found.append((content(qsim.status(market)), history(market, "events").hash_rows().sum()))
        shutil.rmtree(market)
    assert found[0] == found[1] == found[2]
    assert found[0][0]["events"] > 12 * 5 * 2_000 * 0.9


def test_the_same_seed_gives_the_same_market_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        qsim.generate(tmp_path / name, products=60, seed=seed)
        qsim.run(tmp_path / name, ticks=60)
    one, again, other = (tmp_path / name for name in ("one", "again", "other"))
    assert qsim.status(one)["digest"] == qsim.status(again)["digest"]
    assert qsim.status(one)["digest"] != qsim.status(other)["digest"]
    after = [history(market, "snapshots", 60)["price_paise"] for market in (one, other)]
    assert (after[0] == after[1]).mean() < 0.05


def test_a_changed_surge_leaves_regular_prices_and_discounts_as_they_were(opened: Path, tmp_path: Path) -> None:
    calm, surging = copied(opened, tmp_path, "calm"), copied(opened, tmp_path, "surging")
    for market in (calm, surging):
        qsim.run(market, ticks=20)
    qsim.run(calm, ticks=60)
    qsim.run(surging, ticks=60, surge_probability=0.6)
    assert qsim.status(calm)["digest"] != qsim.status(surging)["digest"]
    assert history(calm, "discounts").equals(history(surging, "discounts"))
    ends = [history(market, "snapshots", 80) for market in (calm, surging)]
    for name in ("regular_price_paise", "discount_bps", "own_discount_bps"):
        assert ends[0][name].equals(ends[1][name])
    assert (ends[0]["surge_fee_paise"] != ends[1]["surge_fee_paise"]).mean() > 0.2
    before = [history(market, "events").filter(pl.col("tick") <= 20) for market in (calm, surging)]
    assert before[0].equals(before[1])


@pytest.fixture(scope="module")
def unchanged(opened: Path, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The state that sixty ticks under the parameters of generation lead to."""
    market = copied(opened, tmp_path_factory.mktemp("unchanged"), "market")
    qsim.run(market, ticks=60)
    return history(market, "snapshots", 60)


@pytest.mark.parametrize(
    ("changes", "moved"),
    [
        ({"discount_probability": 0.4}, {"price_paise", "discount_bps", "own_discount_bps"}),
        ({"discount_end_probability": 0.9}, {"price_paise", "discount_bps", "own_discount_bps"}),
        ({"deep_discount_percent": 2}, {"price_paise", "discount_bps", "own_discount_bps"}),
        ({"surge_fee_rupees": 40}, {"surge_fee_paise"}),
        ({"surge_min_percent": 14}, {"price_paise", "surge_bps"}),
        ({"time_of_day": {"09:00-11:00": 3}}, {"price_paise"}),
        ({"max_price_change_percent": 5}, {"price_paise", "regular_price_paise"}),
        ({"reversion": 0.4}, {"price_paise", "regular_price_paise"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_changed_parameter_moves_what_it_acts_on_and_nothing_else(
    changes: dict[str, Any], moved: set[str], opened: Path, unchanged: pl.DataFrame, tmp_path: Path
) -> None:
    market = copied(opened, tmp_path, "market")
    qsim.run(market, ticks=60, **changes)
    found = history(market, "snapshots", 60)
    # When a listing last changed follows from its prices.
    names = set(found.columns) - {"updated_tick"}
    assert {name for name in names if not found[name].equals(unchanged[name])} == moved


def test_the_volatility_of_fruits_moves_fruits_alone(opened: Path, unchanged: pl.DataFrame, tmp_path: Path) -> None:
    market = copied(opened, tmp_path, "market")
    qsim.run(market, ticks=60, category_volatility={"fruits": 2.0})
    found = history(market, "snapshots", 60)
    with qsim.connect(market) as con:
        query = "SELECT listing_id FROM listings JOIN products USING (product_id) WHERE is_active AND volatility_group = 'fruits'"
        fruits = {listing for (listing,) in con.sql(query).fetchall()}
    moved = found.filter(found["regular_price_paise"] != unchanged["regular_price_paise"])["listing_id"].to_list()
    assert set(moved) <= fruits and len(moved) > 0.9 * len(fruits) > 0


def test_events_replayed_from_a_snapshot_meet_the_next_snapshot(opened: Path, tmp_path: Path) -> None:
    market = copied(opened, tmp_path, "market")
    for ticks, changes in ((50, {}), (60, {"batch_size": 0}), (40, {"update_interval_seconds": 7_200})):
        qsim.run(market, ticks=ticks, **changes)
    ticks = sorted(history(market, "snapshots")["tick"].unique().to_list())
    assert ticks[0] == 0 and ticks[-1] == 150 and len(ticks) >= 4
    for first, last in pairwise(ticks):
        found, wanted = replayed(market, first, last), history(market, "snapshots", last)
        for name in found.columns:
            assert found[name].equals(wanted[name]), (first, last, name)


def test_metrics_count_exactly_the_rows_of_events(ready_market: Path) -> None:
    metrics, events = history(ready_market, "metrics"), history(ready_market, "events")
    counted = events.group_by("tick").len().sort("tick")
    changed = metrics.group_by("tick").agg(pl.col("changed").sum()).filter(pl.col("changed") > 0).sort("tick")
    assert changed["tick"].to_list() == counted["tick"].to_list()
    assert changed["changed"].to_list() == counted["len"].to_list()
    assert (metrics["changed"] <= metrics["attempted"]).all()
    assert metrics["attempted"].to_list() == [40 * 5] * 120
    assert events.height == qsim.status(ready_market)["events"]


def test_an_event_tells_the_price_before_as_the_event_before_left_it(ready_market: Path) -> None:
    events, opening = history(ready_market, "events"), history(ready_market, "snapshots", 0)
    last = dict(zip(opening["listing_id"].to_list(), opening["price_paise"].to_list(), strict=True))
    columns = events.select("listing_id", "price_before_paise", "price_after_paise").iter_rows()
    for listing, before, after in columns:
        assert before == last[listing]
        last[listing] = after


def test_every_event_has_a_known_cause_and_each_listing_at_most_one_a_tick(ready_market: Path) -> None:
    events = history(ready_market, "events")
    assert set(events["cause"]) <= {cause.value for cause in Cause}
    assert events.select("tick", "listing_id").n_unique() == events.height
    first = (pl.col("price_before_paise") != pl.col("price_after_paise")).alias("moved")
    assert events.select(first)["moved"].mean() > 0.9


def test_a_snapshot_at_the_end_of_a_call_does_not_change_the_digest(opened: Path, tmp_path: Path) -> None:
    market = copied(opened, tmp_path, "market")
    qsim.run(market, ticks=10)
    commits = [(entry.tick, entry.digest) for entry in logged(market)]
    assert [tick for tick, _ in commits] == [0, 10, 10]
    assert commits[1] == commits[2]
    assert commits[0][1] != commits[1][1]


@pytest.mark.parametrize("products", [40, 1_000])
def test_a_prices_regular_bound_holds_at_every_tick(tmp_path: Path, products: int) -> None:
    market = tmp_path / "market"
    qsim.generate(market, products=products, max_price_change_percent=4.5)
    qsim.run(market, ticks=30, batch_size=0)
    opening = history(market, "snapshots", 0).select("listing_id", "regular_price_paise", tick=pl.lit(0, pl.UInt32))
    events = pl.concat([opening, history(market, "events").select(opening.columns)]).sort("listing_id", "tick")
    prices = events.group_by("listing_id", maintain_order=True).agg("regular_price_paise")["regular_price_paise"]
    for run in prices.to_list():
        before, after = np.array(run[:-1], np.int64), np.array(run[1:], np.int64)
        assert (np.abs(after - before) * 1000 <= before * 45).all()


def test_a_duration_is_measured_in_the_interval_that_the_same_call_sets(opened: Path, tmp_path: Path) -> None:
    market = copied(opened, tmp_path, "market")
    status = qsim.run(market, duration=120, update_interval_seconds=1_200)
    assert (status["tick"], status["market_time"]) == (6, "2026-01-01 02:00:00")
    status = qsim.run(market, ticks=10, update_interval_seconds=60)
    assert (status["tick"], status["market_time"]) == (16, "2026-01-01 02:10:00")
