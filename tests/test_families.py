"""Families of goods: packs of one name share their costs, families of a group are moved apart from each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import qsim
from qsim import params, rulebook
from qsim.market import cost
from qsim.runs import writing
from qsim.runs.worlds import goods_of
from qsim.storage import log

LIST = """product,brand,category,pack,mrp,price
Onion,,Vegetables,1 kg,50,38
Potato,,Vegetables,1 kg,40,30
Onion,,Vegetables,500 g,26,20
"""


def test_a_good_is_the_first_product_of_its_name() -> None:
    names = pa.table({"product": ["Onion", "Potato", "Onion", "Ghee", "Potato"]})
    assert goods_of(names).tolist() == [0, 1, 0, 3, 1]


def test_packs_of_one_name_cost_the_same_at_any_time_and_other_goods_do_not(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(LIST, "utf-8")
    market = tmp_path / "market"
    qsim.generate(market, catalog=tmp_path / "list.csv", preset="realistic", update_interval_seconds=3600)
    qsim.run(market, ticks=240)
    writer = writing.writer_at(market, log.read(market), 0, 1)
    writing.step_on(writer, 0, 240)
    own = writer.states[0].costs
    assert own is not None and own.day == 10
    onion, potato, other_pack = own.knots[0]
    assert onion == other_pack != potato


def extended(days: int, **assortment: int) -> cost.CostPath:
    rules = rulebook.cost_rules(params.resolve("realistic", {"assortment": assortment}))
    path = cost.CostPath()
    cost.extend(path, lambda day: rules, days)
    return path


def test_what_families_of_a_group_share_moves_one_apart_from_another() -> None:
    levels = np.diff(np.array(extended(2_000, families=6).shared), axis=0)
    between = np.corrcoef(levels.T)[np.triu_indices(levels.shape[1], 1)]
    assert levels.shape[1] == 36
    assert np.abs(between).max() < 0.25 and abs(between.mean()) < 0.02


def test_each_family_has_as_many_shocks_as_its_whole_group_has_where_it_is_one() -> None:
    begun = [len(np.unique(np.array(extended(20_000, families=n).shock_ids)[:, :n], axis=0)) for n in (1, 6)]
    assert begun[0] == pytest.approx(1.2 * 20_000 / 365, rel=0.3)
    assert begun[1] == pytest.approx(6 * 1.2 * 20_000 / 365, rel=0.15)


def test_goods_of_a_group_fall_into_all_of_its_families_alike() -> None:
    group = np.full(6_000, 2, np.uint8)
    found = np.bincount(cost.family(5, 6, group, np.arange(6_000)), minlength=36)
    assert found[:12].sum() == found[18:].sum() == 0
    assert found[12:18] == pytest.approx(1_000, rel=0.1)
