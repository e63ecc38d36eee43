"""Verifying by simulating again: rows that the seed does not give are found where every checksum holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import qsim
from qsim.errors import UsageError
from qsim.runs.epochs import course_of
from qsim.storage import log, pieces


@pytest.fixture
def market(many_files_copied: Path) -> Path:
    return many_files_copied


def resealed(market: Path, path: Path, data: bytes) -> None:
    """Write a data file and make the whole log after it as if it had been so all along, digests left as they are."""
    import hashlib

    name = str(path.relative_to(market))
    path.write_bytes(data)
    previous = ""
    for number in range(log.read(market).number + 1 if previous else len(list((market / "_commits").glob("0*.json")))):
        place = log.commit_path(market, number)
        body = json.loads(place.read_bytes())["body"]
        body["previous"] = previous
        for file in body["files"]:
            if file["path"] == name:
                file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        text, previous = pieces.sealed(body)
        place.write_bytes(text)


@pytest.mark.parametrize("table", ["events", "discounts", "snapshots"])
def test_rows_that_the_seed_does_not_give_are_found_where_every_checksum_holds(market: Path, table: str) -> None:
    import pyarrow.parquet as pq

    file = log.read(market).of_table(table)[-1]
    path = market / file.path
    rows = pq.read_table(path)
    name = {"events": "price_after_paise", "discounts": "discount_bps", "snapshots": "price_paise"}[table]
    values = rows[name].to_numpy().copy()
    values[0] += 1
    changed = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), [values])
    pq.write_table(changed, path)
    resealed(market, path, path.read_bytes())
    assert qsim.verify(market)["passed"]
    found = qsim.verify(market, regenerate="all")
    assert not found["passed"]
    assert any(table in line or "stored rows" in line for line in found["faults"])


def test_a_part_is_regenerated_from_the_snapshot_before_it(market: Path) -> None:
    result = qsim.verify(market, regenerate="45:50")
    assert result["passed"]
    assert 6 <= result["regenerated_ticks"] < 66


@pytest.mark.parametrize("part", ["5", "9:3", "0:67", "x", "-1:2", "1" * 5000 + ":1"])
def test_a_part_that_is_none_is_refused(market: Path, part: str) -> None:
    with pytest.raises(UsageError, match="allowed are all and FIRST:LAST within 0:66"):
        qsim.verify(market, regenerate=part)


def with_another_rule(market: Path, **told: str) -> list[str]:
    """Make the log tell another rule than the market was made by; give the faults that regenerating it finds.

    `told` is what the first commit is to tell besides.
    """
    course = course_of(log.read(market))
    place = log.commit_path(market, 0)
    body = json.loads(place.read_bytes())["body"]
    body["epoch"]["parameters"]["surge_probability"] = course.parameters[0].surge_probability + 0.2
    place.write_bytes(pieces.sealed(body | told)[0])
    resealed(market, market / "market.toml", (market / "market.toml").read_bytes())
    return list(qsim.verify(market, regenerate="all")["faults"])


def test_a_changed_rule_is_found_by_regenerating(market: Path) -> None:
    faults = with_another_rule(market)
    assert any("commit 0" in line for line in faults)
    assert any("events of block 0" in line for line in faults)


def test_a_market_of_other_rules_asks_for_the_qsim_that_made_it(market: Path) -> None:
    faults = [line for line in with_another_rule(market) if "commit" in line]
    assert len(faults) == 2
    assert all("use the qsim that made it" in line for line in faults)


def test_a_market_of_another_qsim_is_told_which_to_use(market: Path) -> None:
    first, second = (line for line in with_another_rule(market, qsim="0.0.9") if "commit" in line)
    assert f"qsim 0.0.9 wrote it and this is {qsim.__version__}: use that one" in first
    assert "use the qsim that made it, if that was another" in second


def test_a_realistic_market_with_scenarios_is_the_one_its_seed_gives(tmp_path: Path) -> None:
    market = tmp_path / "m"
    qsim.generate(market, preset="realistic", products=12, stores=2, update_interval_seconds=3600)
    qsim.run(market, ticks=30)
    qsim.run(market, ticks=20, scenario="monsoon")
    qsim.compact(market)
    qsim.run(market, ticks=10, scenario="none")
    result = qsim.verify(market, regenerate="all")
    assert (result["faults"], result["regenerated_ticks"]) == ([], 60)


def test_opening_a_market_of_a_user_list_is_told_as_not_made_again(tmp_path: Path) -> None:
    listed = tmp_path / "mine.csv"
    listed.write_text("product,brand,category,mrp,price\nMilk,Amul,Dairy,30,29\nRice,Fortune,Staples,90,80\n")
    qsim.generate(tmp_path / "m", catalog=listed)
    qsim.run(tmp_path / "m", ticks=3)
    result = qsim.verify(tmp_path / "m", regenerate="all")
    assert result["passed"]
    assert result["notes"] == ["tick 0 was not made again: its product list or calendar is the user's"]
