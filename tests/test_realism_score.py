"""The realism score: targets, groups, hard constraints, the weight of a reference; a market judged and charted."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest

import qsim
from qsim.errors import InputError
from qsim.realism import charts, moments, validate
from qsim.realism.moments import GROUPS, Measured, targets
from qsim.realism.score import detection_score, moment_score, scored
from tests.panels import table


def test_targets_follow_one_rule():
    assert len(targets()) == 32 and {target.group for target in targets()} == set(GROUPS)
    for target in targets():
        assert target.key in moments._MOMENTS
        width = target.hi - target.lo
        rule = {"log": log(2), "linear": max(width / 2, 0.05), "hard": 0}[target.scale]
        assert target.tau == pytest.approx(rule, abs=1e-4) and target.basis


def middles() -> dict[str, Measured]:
    return {target.key: Measured((target.lo + target.hi) / 2, 0.0) for target in targets()}


def test_all_moments_in_their_intervals_score_100():
    result = scored(middles(), min_score=100)
    assert result["score"] == 100 and result["passed"] and result["left_out"] == []


@pytest.mark.parametrize("target", [target for target in targets() if target.scale != "hard"], ids=lambda one: one.key)
def test_a_moment_out_of_its_interval_lowers_its_group_alone(target: moments.Target):
    away = target.hi * 1.5 if target.scale == "log" else target.hi + target.tau / 2
    result = scored(middles() | {target.key: Measured(away, 0.0)})
    lowered = {group for group, score in result["groups"].items() if score < 1}
    expected = 1 - log(1.5) / log(2) if target.scale == "log" else 0.5
    assert lowered == {target.group} and moment_score(target, away) == pytest.approx(expected, abs=1e-3)
    members = sum(one.group == target.group and one.scale != "hard" for one in targets())
    assert result["score"] == pytest.approx(100 - 100 * (1 - expected) / members / 7, abs=0.02)


def test_a_price_above_mrp_fails_the_run_and_moves_no_mean():
    result = scored(middles() | {"above_mrp": Measured(0.001, 0.0)})
    assert result["score"] == 100 and not result["passed"] and result["broken"] == ["above MRP"]


def test_what_the_data_cannot_give_is_left_out_and_named():
    gone = {"out_of_stock": Measured(None, None, "stock is not known")}
    result = scored(middles() | gone)
    assert result["score"] == 100 and result["groups"]["stock"] is None
    assert result["left_out"] == ["out of stock (A): stock is not known"]
    assert not scored({target.key: Measured(None, None, "none") for target in targets()})["passed"]


def test_a_reference_weighs_three_tenths():
    assert [detection_score(auc) for auc in (0.4, 0.5, 0.75, 1)] == [1, 1, 0.5, 0]
    result = scored(middles(), {"boosted": 0.75, "logistic": 0.6, "windows": 9}, min_score=90)
    assert result["score"] == pytest.approx(85) and (result["M"], result["D"]) == (1, 0.5) and not result["passed"]


def test_a_market_is_judged_and_charted(tmp_path: Path):
    pytest.importorskip("altair", reason="the extra viz is not installed")
    pytest.importorskip("vl_convert", reason="the extra viz is not installed")
    qsim.generate(tmp_path / "m", products=30, update_interval_seconds=7200)
    qsim.run(tmp_path / "m", ticks=12 * 20)
    result = validate.realism(tmp_path / "m", min_score=99, charts_to=tmp_path / "charts")
    assert 0 < result["score"] < 99 and not result["passed"] and len(result["notes"]) == 2
    assert [Path(path).stat().st_size > 10_000 for path in result["charts"]] == [True] * 4
    svg = charts.save(charts.moments_chart(result), tmp_path / "moments.svg").read_text("utf-8")
    # A reader sees what lies outside, and of what kind of goods a moment is, without knowing the letters of the targets.
    assert "<svg" in svg and "daily P(change), produce" in svg and "low end" in svg
    outside = sum(row["score"] < 1 for row in result["moments"] if row["score"] is not None and not row["hard"])
    assert outside and svg.count("; verdict: outside") == outside
    product = qsim.connect(tmp_path / "m").sql("SELECT product FROM products WHERE product_id = 0").fetchall()[0][0]
    assert product in Path(result["charts"][3]).read_text("utf-8")


def test_lines_of_two_panels_are_seen_through_each_other():
    pytest.importorskip("altair", reason="the extra viz is not installed")
    pytest.importorskip("vl_convert", reason="the extra viz is not installed")
    panel = validate.from_long(table(*(("a", day, 1.0 + day % 3) for day in range(40))))
    for made in (charts.sizes_chart, charts.hazard_chart):
        dashes = made({"simulated": panel, "reference": panel}).to_dict()["encoding"]["strokeDash"]["scale"]
        assert dashes["domain"] == ["simulated", "reference"] and dashes["range"][0] != dashes["range"][1]


def test_a_reference_that_cannot_be_read_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no file"):
        validate.read_reference(tmp_path / "none.csv")
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(InputError, match="cannot be read"):
        validate.read_reference(tmp_path / "bad.parquet")
    table(("a", 0, 1.0), ("a", 1, 2.5)).write_csv(tmp_path / "good.csv")
    assert validate.read_reference(tmp_path / "good.csv").price_paise.tolist() == [[100, 250]]
