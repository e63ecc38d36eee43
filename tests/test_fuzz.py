"""Whatever comes in by a file or an argument is taken or refused in a line, within five seconds, and no market changes."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import fuzz_targets
from tests.fuzz_targets import SURFACES, Surface

EXAMPLES = {"product_name": 30, "product_csv": 100, "config": 100}
QUIET = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
NIGHTLY, GUIDED_RUNS = 10_000, 10_000


@st.composite
def mutated(draw: st.DrawFn, surface: Surface) -> bytes:
    """An input that a surface takes, changed in a few places; or words in a row; or any bytes."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=300))
    if kind == 1:
        return b"".join(draw(st.lists(st.sampled_from(surface.words), max_size=12)))
    data = draw(st.sampled_from(surface.seeds()))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(len(data), at + 40)))
        piece = draw(st.one_of(st.sampled_from(surface.words), st.binary(max_size=4), st.just(data[at:end] * 2)))
        data = data[:at] + piece + data[draw(st.sampled_from([at, end])) :]
    return data


@pytest.fixture(scope="module", autouse=True)
def _cleaned() -> Iterator[None]:
    fuzz_targets.connection()
    yield
    fuzz_targets.clean()


def content(place: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in place.rglob("*") if path.is_file()}


def fuzz(name: str, examples: int) -> None:
    """Give a surface so many inputs; an input that fails is named with the line that runs it again."""
    before = content(fuzz_targets.market())

    @settings(QUIET, max_examples=examples, print_blob=True)
    @given(mutated(SURFACES[name]))
    def each(data: bytes) -> None:
        fuzz_targets.take(name, data)

    each()
    assert content(fuzz_targets.market()) == before


@pytest.mark.parametrize("name", SURFACES)
def test_what_the_surface_is_meant_for_is_taken(name: str) -> None:
    taken = [fuzz_targets.take(name, seed) for seed in SURFACES[name].seeds()]
    assert any(taken)


@pytest.mark.parametrize("name", SURFACES)
def test_any_input_is_taken_or_refused_in_a_line(name: str) -> None:
    fuzz(name, EXAMPLES.get(name, 150))


@pytest.mark.nightly
@pytest.mark.parametrize("name", SURFACES)
def test_ten_thousand_inputs_are_taken_or_refused_in_a_line(name: str) -> None:
    fuzz(name, NIGHTLY)


@pytest.mark.nightly
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: pip install .[fuzz]")
@pytest.mark.parametrize("name", SURFACES)
def test_inputs_that_follow_the_coverage_are_taken_or_refused_in_a_line(name: str) -> None:
    words = [sys.executable, "-m", "tests.fuzz_guided", name, str(GUIDED_RUNS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=dict(os.environ), timeout=3600)
    assert done.returncode == 0, done.stderr[-3000:]
