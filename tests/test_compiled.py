"""The compiled loops give the same bits as numpy and do nothing that C leaves undefined."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qsim
from qsim import compiled
from qsim.behaviour import Platform
from qsim.catalog import listings
from qsim.compiled import build
from qsim.market import kernel
from qsim.money import MAX_PAISE
from qsim.params import GROUPS
from qsim.simulation import Course
from qsim.storage import digests
from tests.compilers import ROOT, compiles, there
from tests.kernel_cases import COMPARED, Case, assert_same, cases, examples
from tests.markets import Plan, Product, Simulated, course_of, parameters_of


@there
@pytest.mark.parametrize("many_listings", [1, kernel._MANY_LISTINGS])
@examples(30, 1_000)
def test_the_loops_give_what_numpy_gives(examples: int, many_listings: int) -> None:
    @settings(COMPARED, max_examples=examples)
    @given(cases())
    def each(case: Case) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernel, "_MANY_LISTINGS", many_listings)
            looped = Simulated(case.plan, case.course, case.first, case.highest_price).to(case.cuts[-1])
            patch.setattr(compiled, "library", lambda: None)
            arrays = Simulated(case.plan, case.course, case.first, case.highest_price).to(case.cuts[-1])
        assert_same(looped, arrays)

    each()


def of_dear_goods(**changes: Any) -> tuple[Plan, Course]:
    parameters = parameters_of(batch_size=0, update_interval_seconds=60, **changes)
    dear = [Product(number, None if number % 2 else MAX_PAISE, 0, [MAX_PAISE] * 3, [0] * 3) for number in range(9)]
    return Plan(dear, 9, [0, 1, 2], {}, []), course_of((0, parameters))


def of_wide_swings() -> tuple[Plan, Course]:
    """Aims from one and a half times below nothing to three and a half times the highest price that columns hold."""
    return of_dear_goods(max_price_change_percent=50, reversion=0, category_volatility=dict.fromkeys(GROUPS, 5))


def of_low_windows() -> tuple[Plan, Course]:
    """From 07:00 on times of day that take off four times the price."""
    windows = {f"{hour:02d}:00-23:59": -50 for hour in range(8)}
    return of_dear_goods(time_of_day=windows, surge_probability=0.5)


@pytest.mark.usefixtures("loops_or_arrays")
def test_the_widest_swings_of_the_dearest_goods_stay_within_their_bounds() -> None:
    simulated, before = Simulated(*of_wide_swings()), np.full(27, MAX_PAISE)
    for tick in range(1, 41):
        regular = simulated.to(tick).columns()["regular"].astype(np.int64)
        assert (2 * regular >= before).all()
        assert (2 * regular <= 3 * before).all()
        before = regular


@pytest.mark.usefixtures("loops_or_arrays")
@pytest.mark.filterwarnings("error")
def test_windows_that_take_off_more_than_all_leave_one_paisa() -> None:
    simulated = Simulated(*of_low_windows(), 600).to(620)
    assert set(simulated.columns()["price"].tolist()) == {1}


def of_wrapped_prices() -> Simulated:
    """A market of a version in which prices that rose beyond int32 went on below 0."""
    simulated = Simulated(*of_wide_swings())
    simulated.states[0].regular[:] = -200_000_000
    return simulated


@compiles
def test_the_loops_do_nothing_that_c_leaves_undefined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library, traps = tmp_path / "loops.so", "-fsanitize=undefined,float-cast-overflow"
    monkeypatch.setenv("CC", f"{build.compiler()[0]} -DONE_PROCESSOR {traps} -fsanitize-undefined-trap-on-error")
    assert build.build(compiled.FOLDER, library) == ""
    code = (
        f"from pathlib import Path; from qsim import compiled; compiled.LIBRARY = Path({str(library)!r});"
        "assert compiled.library(); import qsim; from qsim.market import kernel; from tests import test_compiled as markets\n"
        "for kernel._MANY_LISTINGS in (kernel._MANY_LISTINGS, 1):\n"
        " markets.Simulated(*markets.of_wide_swings()).to(40); markets.Simulated(*markets.of_low_windows(), 600).to(620)\n"
        " markets.of_wrapped_prices().to(9)\n"
        f"qsim.generate({str(tmp_path / 'm')!r}, products=90, batch_size=0); qsim.run({str(tmp_path / 'm')!r}, ticks=200)"
    )
    # A trap ends the process.
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert not ended.returncode, ended.stderr


@there
@pytest.mark.parametrize(("products", "batch_size"), [(60, 0), (60, 50), (60, 7), (2_000, 0)])
def test_what_is_counted_of_ticks_is_what_numpy_counts(
    tmp_path: Path, products: int, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("looped", "arrays"):
        market = tmp_path / name
        qsim.generate(market, products=products, batch_size=batch_size)
        qsim.run(market, ticks=400, update_interval_seconds=300)
        with qsim.connect(market) as con:
            found.append((qsim.status(market)["digest"], con.sql("FROM raw.platform_metrics ORDER BY ALL").fetchall()))
        monkeypatch.setattr(compiled, "library", lambda: None)
    assert found[0] == found[1]
    assert len(found[0][1]) > 1_000


def _platform(low: float, high: float) -> Platform:
    return Platform(name="a", low_percent=low, high_percent=high, average_discount_percent=10)


BANDS = st.lists(st.tuples(st.floats(40, 130), st.floats(1, 2)), min_size=1, max_size=7)


@there
@settings(deadline=None, max_examples=100)
@given(BANDS, st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 1_000), st.sampled_from((1.0, 1.02, 1.3, 1e9)))
def test_anchors_are_those_of_numpy(bands: list[tuple[float, float]], seed: int, first: int, room: float) -> None:
    platforms = [_platform(low, low * wide) for low, wide in bands]
    products = np.arange(first, first + 500, dtype=np.int64)
    base = np.geomspace(1, MAX_PAISE / 300, len(products)).astype(np.int64)
    ceiling = np.minimum(base * room, MAX_PAISE).astype(np.int64)
    looped = listings.anchors(platforms, seed, products, base, ceiling)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "library", lambda: None)
        assert np.array_equal(looped, listings.anchors(platforms, seed, products, base, ceiling))


@there
@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 5_000))
def test_costs_and_stock_are_those_of_numpy(seed: int, first: int) -> None:
    numbers, active = np.arange(first, first + 5_000), np.arange(5_000) % 7 > 0
    anchor = np.geomspace(1, MAX_PAISE, 5_000).astype(np.int64)
    looped = listings._shelves(seed, numbers, anchor, active)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "library", lambda: None)
        arrays = listings._shelves(seed, numbers, anchor, active)
    assert [(name, column.dtype, column.tolist()) for name, column in looped.items()] == [
        (name, column.dtype, column.tolist()) for name, column in arrays.items()
    ]


@there
@settings(deadline=None, max_examples=50)
@given(sizes=st.lists(st.sampled_from((1, 7, 4_001, 70_000)), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_sums_of_ticks_are_those_of_numpy(sizes: list[int], seed: int) -> None:
    draw, begins = np.random.default_rng(seed), np.concatenate([[0], np.cumsum(sizes)])
    columns = [draw.integers(0, 256, sum(sizes) * width, np.uint8).view(f"u{width}") for width in (4, 1, 2)]
    ticks = [[column[first:last] for column in columns] for first, last in pairwise(begins)]
    looped = digests._sums_of_each(ticks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "library", lambda: None)
        arrays = digests._sums_of_each(ticks)
    assert looped == [tuple(part % 2**64 for part in sums) for sums in arrays]


@there
@given(st.lists(st.integers(1, 300), min_size=1, max_size=9), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_sums_of_short_ticks_are_those_of_numpy(sizes: list[int], seed: int) -> None:
    draw, each = np.random.default_rng(seed), np.array(sizes)
    kinds = ("u1", "i2", "u4", "i4", "i8", "?", "f4", "f8")
    columns = [draw.integers(0, 2**63, each.sum()).astype(kind) for kind in kinds]
    looped = digests._sums_of_few(columns, each)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "library", lambda: None)
        assert digests._sums_of_few(columns, each).tolist() == looped.tolist()
