"""Counts by tick, platform and category: each is that of the rows of the market, or of its state as of the tick; gaps are told."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

import qsim
from qsim.monitoring.metrics import metrics
from qsim.schema import SIZE_EDGES_BPS, SIZES
from qsim.storage import log
from tests.counts import KEY, LIVELY, blocks_of, counted, rows


@pytest.fixture(scope="module", params=LIVELY)
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """A connection to a market of one kind in which much happens."""
    market = tmp_path_factory.mktemp("watched") / request.param
    with blocks_of(request.param):
        qsim.generate(market, seed=5, **LIVELY[request.param])
        qsim.run(market, ticks=50)
        qsim.run(market, ticks=30)
    return qsim.connect(market)


def test_changes_are_the_events(watched: duckdb.DuckDBPyConnection) -> None:
    wanted = rows(watched, "SELECT tick, platform, category, count(*) FROM price_history GROUP BY ALL")
    assert {key: value for key, value in counted(watched, "changed").items() if value != (0,)} == wanted
    assert len(wanted) > 100


def test_attempts_are_the_listings_taken_up(watched: duckdb.DuckDBPyConnection) -> None:
    found = watched.sql("SELECT tick, sum(attempted) FROM platform_metrics WHERE attempted > 0 GROUP BY 1 ORDER BY 1")
    assert found.fetchall() == watched.sql("SELECT tick, sum(attempted) FROM metrics GROUP BY 1 ORDER BY 1").fetchall()


def test_what_is_attempted_and_what_is_skipped_are_all_listings(watched: duckdb.DuckDBPyConnection) -> None:
    wanted = watched.sql("SELECT platform, category, count(*) FROM prices GROUP BY ALL ORDER BY ALL").fetchall()
    found = watched.sql(
        """SELECT DISTINCT platform, category, attempted + skipped_waiting + skipped_inactive FROM platform_metrics
        ORDER BY ALL"""
    )
    assert found.fetchall() == wanted


def test_inactive_listings_are_told_as_skipped(watched: duckdb.DuckDBPyConnection) -> None:
    wanted = watched.sql(
        "SELECT platform, category, count(*) FILTER (NOT is_active) FROM prices GROUP BY ALL ORDER BY ALL"
    )
    found = watched.sql("SELECT DISTINCT platform, category, skipped_inactive FROM platform_metrics ORDER BY ALL")
    assert found.fetchall() == wanted.fetchall()


def test_sizes_are_those_of_the_events(watched: duckdb.DuckDBPyConnection) -> None:
    moves = watched.sql(
        """SELECT tick, platform, category, (price_before * 100)::INTEGER AS was, (price_after * 100)::INTEGER AS now
        FROM price_history WHERE price_before <> price_after"""
    ).pl()
    size = (moves["now"] - moves["was"]).to_numpy() / moves["was"].to_numpy() * 10_000
    low = (-(10**9), *SIZE_EDGES_BPS)
    classes = [max(nth for nth, edge in enumerate(low) if edge <= value) for value in size]
    moves = moves.with_columns(size=np.rint(size).astype(np.int64), cls=pl.Series(classes))
    grouped = moves.group_by(KEY).agg(
        pl.len(),
        pl.col("size").mean().alias("mean"),
        pl.col("size").std(ddof=0).alias("sd"),
        *((pl.col("cls") == nth).sum().alias(name) for nth, name in enumerate(SIZES)),
    )
    wanted = {row[:3]: row[3:] for row in grouped.rows()}
    names = f"sized, 100 * mean_change_pct, 100 * sd_change_pct, {', '.join(SIZES)}"
    found = {key: value for key, value in counted(watched, names).items() if value[0]}
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert (found[key][0], *found[key][3:]) == (value[0], *value[3:])
        assert found[key][1:3] == pytest.approx(value[1:3], abs=0.02)


def test_a_tick_that_changes_no_price_has_neither_a_mean_change_nor_a_deviation(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=5)
    qsim.run(tmp_path / "m", ticks=288)
    with qsim.connect(tmp_path / "m") as connection:
        found = connection.sql(
            "SELECT DISTINCT sized > 0, mean_change_pct IS NULL, sd_change_pct IS NULL FROM platform_metrics ORDER BY ALL"
        ).fetchall()
    assert found == [(False, True, True), (True, False, False)]


def test_states_are_those_of_the_market_as_of_each_tick(watched: duckdb.DuckDBPyConnection) -> None:
    seen = 0
    for tick in (1, 2, 9, 33, 57, 80):
        wanted = watched.sql(
            f"""SELECT platform, category, count(*) FILTER (is_active AND discount_pct > 0),
                count(*) FILTER (is_active AND (surge_pct > 0 OR fee > 0)), count(*) FILTER (is_active AND stock = 0)
            FROM prices_at(tick_time({tick})) JOIN (SELECT listing_id, surge_bps AS surge_pct, surge_fee_paise AS fee
                FROM raw.state_at({tick})) USING (listing_id) GROUP BY ALL"""
        ).fetchall()
        found = rows(
            watched,
            f"""SELECT {tick}, platform, category, discounted, surging, out_of_stock FROM platform_metrics
            WHERE tick <= {tick} QUALIFY row_number() OVER (PARTITION BY platform, category ORDER BY tick DESC) = 1""",
        )
        assert {(tick, *row[:2]): row[2:] for row in wanted} == found, tick
        seen += sum(sum(row[2:]) for row in wanted)
    assert seen > 100


def test_the_newest_states_are_told_of_however_few_ticks(watched: duckdb.DuckDBPyConnection) -> None:
    [(market,)] = watched.sql("SELECT getvariable('qsim_market')").fetchall()
    kinds = ("discounted", "surging", "out_of_stock", "skipped_inactive")
    whole = metrics(market)
    assert (whole["tick"], whole["counted_to"], whole["ticks_counted"]) == (80, 80, 80)
    for last in (1, 3, 40, 80, 1000):
        found = metrics(market, last=last)
        assert {key: found["total"][key] for key in kinds} == {key: whole["total"][key] for key in kinds}, last
        assert found["ticks_counted"] == min(last, 80)
        changed = watched.sql(f"SELECT count(*) FROM price_history WHERE tick > {80 - last}").fetchall()
        assert changed == [(found["total"]["changed"],)]


def test_nothing_fails(watched: duckdb.DuckDBPyConnection) -> None:
    assert watched.sql("SELECT sum(failed) FROM platform_metrics").fetchall() == [(0,)]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market whose runs were watched by turns."""
    place = tmp_path_factory.mktemp("broken") / "m"
    qsim.generate(place, products=20, seed=21, update_interval_seconds=600, batch_size=5)
    for watched in (True, False, True, True, False, True, False):
        qsim.run(place, ticks=10, monitoring=watched)
    return place


@pytest.fixture(scope="module")
def unwatched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market that ran without monitoring."""
    place = tmp_path_factory.mktemp("unwatched") / "m"
    qsim.generate(place, products=20, seed=21, update_interval_seconds=600, batch_size=5)
    qsim.run(place, ticks=10, monitoring=False)
    return place


@pytest.mark.parametrize("number", ["6.25", "6.26", "6.27", "6.28", "6.29"])
def test_a_market_that_was_not_watched_all_the_time_is_sound(number: str, broken: Path) -> None:
    [check] = qsim.validate(broken, only=[number])["checks"]
    assert check["applies"] and check["passed"], check


@pytest.mark.parametrize("number", ["6.25", "6.26", "6.27", "6.28", "6.29"])
def test_checks_of_counts_are_not_for_a_market_that_nobody_watched(number: str, unwatched: Path) -> None:
    [check] = qsim.validate(unwatched, only=[number])["checks"]
    assert check["passed"] and not check["applies"]
    assert check["detail"] == "not for this market, which lacks ticks that were counted by platform and category"


def test_compaction_counts_no_tick_that_nobody_watched(broken: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(broken, tmp_path / "m"))
    qsim.compact(place)
    for last in (None, 5, 35):
        before, after = (qsim.metrics(one, last=last) for one in (broken, place))
        assert {name: after[name] for name in ("counted_to", "ticks_counted", "total", "rows")} == {
            name: before[name] for name in ("counted_to", "ticks_counted", "total", "rows")
        }
    assert after["ticks_counted"] == 25
    assert [(file.first, file.last) for file in log.read(place).of_table("platform_metrics")] == [
        (1, 10),
        (21, 40),
        (51, 60),
    ]
